"""What `ps` and `top` show of the process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

_show_command_line: Callable[[str], None] | None
try:
    from setproctitle import setproctitle

    _show_command_line = setproctitle
except ImportError:
    _show_command_line = None

# The system keeps so many bytes of a process's name: prctl(2), PR_SET_NAME.
LONGEST_NAME = 15


def set_title(title: str, part: str = "") -> None:
    """Show `title (part)`, part being such as `worker 1`.

    With the package setproctitle it is the whole command line; without it, on Linux, the short name that `top` and
    `pgrep` know: `title w1`.
    """
    if _show_command_line is not None:
        _show_command_line(f"{title} ({part})" if part else title)
        return
    kind, _, number = part.partition(" ")
    mark = f" {kind[0]}{number}" if kind else ""
    name = title.encode()[: LONGEST_NAME - len(mark)] + mark.encode()
    # Of the main thread, whichever calls; not there on other systems.
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_bytes(name)
