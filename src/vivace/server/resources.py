"""What this process takes of the machine."""

from __future__ import annotations

import os
import sys
import time

try:
    import resource
except ImportError:  # pragma: no cover - Windows
    UNIX = False
else:
    UNIX = True

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
# A process begins a moment before it imports this; nobody reads it more precisely.
STARTED = time.time()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: globals().update(STARTED=time.time()))


def started() -> float:
    """When this process began, in seconds since 1970."""
    return STARTED


def cpu_seconds() -> float:
    """Processor time of all threads."""
    return time.process_time()


def resident_memory() -> int:
    """Bytes of memory that are not swapped out; where only the most there has been is known, that."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except OSError:  # pragma: no cover - not Linux
        if not UNIX:
            return 0
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def open_files() -> int:
    """How many file descriptors are open; 0 where the system does not tell."""
    try:
        # Linux 6.2 and later count them; before, the size of this folder is 0.
        return os.stat("/proc/self/fd").st_size or len(os.listdir("/proc/self/fd")) - 1
    except OSError:  # pragma: no cover - not Linux
        return 0
