"""Room for signal handlers."""

from __future__ import annotations

import ctypes
import mmap
import sys

SIZE = 256 * 1024


class SignalStack(ctypes.Structure):
    """`stack_t` of Linux's <signal.h>."""

    _fields_ = [("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


# Never given back: signals may come as long as the process lives.
stacks: list[mmap.mmap] = []


def enlarge_signal_stack() -> None:
    """Give this thread's signal handlers, Python's own as well, a stack of 256 KiB (man 2 sigaltstack).

    `faulthandler` makes one for them that is too small for several signals at once, each of which needs up to 3 KiB, or
    11 KiB on CPUs with large registers. What is below it on the heap is overwritten then: five signals in a row have
    killed a process.
    """
    if not sys.platform.startswith("linux"):
        return
    memory = mmap.mmap(-1, SIZE)
    new = SignalStack(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 0, SIZE)
    if ctypes.CDLL(None, use_errno=True).sigaltstack(ctypes.byref(new), None) == 0:
        stacks.append(memory)
