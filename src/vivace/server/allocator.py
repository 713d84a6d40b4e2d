"""How the C library's allocator is set up in a process that is ours."""

from __future__ import annotations

import ctypes
import os
import sys

# <malloc.h>
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3

MIB = 1024 * 1024


def keep_freed_memory() -> bool:
    """Let glibc keep up to 16 MiB of freed memory for the next request; whether it does.

    By default it gives memory back to the system as soon as a few hundred KiB at the end of the heap are free, and then
    a request with a body of 1 MiB spends half of its time in page faults (700 µs against 350, `scripts/bench bodies`).
    Whoever has set one of glibc's own variables has decided already.
    """
    if not sys.platform.startswith("linux") or {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys():
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Setting either turns off glibc's own adjustment of the other.
    return bool(mallopt(M_TRIM_THRESHOLD, 16 * MIB) and mallopt(M_MMAP_THRESHOLD, 8 * MIB))
