"""Files behind URLs, through fsspec, which is imported only when there is a URL.

A URL is what fsspec understands: s3://bucket/a.png, https://..., memory://..., and
chains such as zip://a.png::s3://bucket/pictures.zip.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from keras_dip.errors import ImageError, KerasDipError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(path: str) -> bool:
    """Tell whether a path is a URL, and not the name of a local file."""
    return _SCHEME.match(path) is not None


def list_urls(
    url: str, *, recursive: bool, wanted: Callable[[str], bool]
) -> list[tuple[str, str]]:
    """Return the files that a URL of a file, a folder or a pattern stands for.

    Args:
        url: Of any of these.
        recursive: Whether the folders of a folder belong to it.
        wanted: Tells which names to take from a folder or pattern.

    Returns:
        URLs, and their paths below the folder, or below the last folder before the
        pattern begins.

    Raises:
        KerasDipError: If there is no such thing, or nothing here can open it.
    """
    outer, chain, inner = url.partition("::")
    with _explained(url):
        fs, path = _fsspec().url_to_fs(url)
        if has_pattern(outer):
            about = fs.glob(path, detail=True)  # asks nothing for each file
            found = [name for name in about if about[name]["type"] == "file"]
            root = fixed_folder(path)
        elif fs.isfile(path):
            return [(url, path.rpartition("/")[2])]
        else:
            found = fs.find(path, maxdepth=None if recursive else 1)
            root = path.rstrip("/")
    return [
        (fs.unstrip_protocol(file) + chain + inner, file[len(root) :].lstrip("/"))
        for file in sorted(found)
        if wanted(file)
    ]


def read_text(url: str) -> str:
    """Return the UTF-8 text of a file.

    Raises:
        KerasDipError: If it cannot be read.
    """
    with _explained(url), _fsspec().open(url, "rb") as file:
        data: bytes = file.read()
    return data.decode("utf-8-sig")


@contextlib.contextmanager
def local_copy(url: str) -> Iterator[str]:
    """Give the path of a local copy, with the same suffix, that lasts as long.

    Raises:
        ImageError: If it cannot be read.
    """
    suffix = PurePosixPath(url.partition("::")[0]).suffix
    with tempfile.TemporaryDirectory(prefix="keras-dip-") as folder:
        copy = Path(folder, f"input{suffix}")
        try:
            with _explained(url), _fsspec().open(url, "rb") as file:
                copy.write_bytes(file.read())
        except KerasDipError as error:
            raise ImageError(str(error)) from error
        yield str(copy)


def has_pattern(path: str) -> bool:
    """Tell whether a path has the signs of a pattern."""
    return any(sign in path for sign in "*?[")


def fixed_folder(pattern: str) -> str:
    """Return the folders of a pattern that come before its first sign."""
    parts = pattern.split("/")
    first = next(i for i, part in enumerate(parts) if has_pattern(part))
    return "/".join(parts[:first])


def _fsspec() -> Any:
    try:
        import fsspec
        import fsspec.core
    except ImportError as error:
        raise KerasDipError(
            "Expected local files, or fsspec for URLs (pip install "
            "'keras_dip[remote]'). Received: a URL, and fsspec is not installed."
        ) from error
    return fsspec.core


@contextlib.contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn whatever a file system of fsspec raises into one line."""
    try:
        yield
    except KerasDipError:
        raise
    except Exception as error:
        # Each file system has errors of its own: those of HTTP, of S3, of archives.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise KerasDipError(
            f"Expected a URL that can be read. Received: {url!r} ({reason})."
        ) from error
