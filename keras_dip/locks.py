"""A folder for one process at a time, where the system can (not Windows)."""

import contextlib
import os
from collections.abc import Iterator

from keras_dip.errors import KerasDipError


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str], expected: str) -> Iterator[None]:
    """Keep other processes from a folder; a process that dies leaves no lock behind.

    Args:
        folder: Exists.
        expected: What is said to the one that comes second, after "Expected".

    Raises:
        KerasDipError: If another is at work there.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise KerasDipError(
                f"Expected {expected}. Received: {os.fspath(folder)!r}."
            ) from error
        except OSError:
            pass  # a network drive without locks
        yield
    finally:
        os.close(file)
