"""What workers do in the tests; they import it by name."""

import os
import signal
import threading
from pathlib import Path


def double(number):
    return 2 * number


def pid(_):
    return os.getpid()


def environment(name):
    return os.environ.get(name)


def refuse_odd(number):
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


def interrupt(_):
    raise KeyboardInterrupt


def wait_if_negative(number):
    if number < 0:
        threading.Event().wait()
    return number


def wait_unless_there(path):
    if isinstance(path, Path) and not path.exists():
        threading.Event().wait()
    return path


def die_at_first(job):
    """Note each beginning; die of some numbers when they are begun for the first time.

    Args:
        job: The folder of the notes, the number, and how often it is to die.
    """
    folder, number, deaths = job
    notes = Path(folder, f"{number}.txt")
    with open(notes, "a") as file:
        file.write("begun\n")
    if notes.read_text().count("begun") <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def copy_or_die(job):
    """Stand for the restoration of a picture: copy it, or be killed before that."""
    import shutil

    from keras_dip.batch.manifest import DONE, Entry

    source, output = job.request.source, Path(job.request.output)
    if "die" in source:
        tried = output.with_suffix(".tried")
        if "always" in source or not tried.exists():
            tried.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    shutil.copy(source, output)
    return Entry(source, job.name, DONE)
