"""Keep the memory of one step for the next, where the C library is glibc.

Each step of a fit allocates and frees the same large tensors. By default glibc gives
large blocks back to the operating system when they are freed, and gets new ones, page
by page, in the next step: on some machines that takes as long as the arithmetic. Told
to keep them, it hands out the same pages again. In return the process holds on to what
its largest fit needed.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8  # <malloc.h>


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory; return False where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library, such as musl
        return False
    wishes = (
        (_ARENA_MAX, 1),  # the one arena that is not limited to 64 MB
        (_MMAP_MAX, 0),
        (_TRIM_THRESHOLD, 2**31 - 1),
        (_TOP_PAD, 64 * 2**20),
    )
    return all([mallopt(option, value) == 1 for option, value in wishes])
