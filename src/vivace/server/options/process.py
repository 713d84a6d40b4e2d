"""The process as the system sees it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from vivace.server.options.checks import check_seconds

# What only POSIX systems know.
POSIX_ONLY = ("pid_file", "user", "group", "umask", "daemon")
# In place of a path: no control socket.
NO_SOCKET = "none"
HIGHEST_UMASK = 0o777


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Who the server is to the system: files it leaves, users it becomes, and the socket that `vivace ctl` talks to."""

    pid_file: str | None = None
    user: str | None = None  # to become once the sockets are open: a name or number
    group: str | None = None  # None: the user's own
    umask: str | None = None  # permissions that new files do not get, in octal
    process_title: str | None = None  # what `ps` shows; None: the application's name
    daemon: bool = False  # go to the background once the server is ready
    control_socket: str | None = None  # None: one in the user's runtime folder; "none" for none. Needs workers
    upgrade_timeout: float = 60.0  # for the server of a binary upgrade to be ready; then the old one goes on

    def __post_init__(self) -> None:
        for name in ("pid_file", "user", "group", "process_title", "control_socket"):
            value = getattr(self, name)
            # A number is what a file of settings makes of a user's number.
            if value is not None and (not str(value).strip() or not str(value).isprintable()):
                raise ValueError(f"{name} must be text that can be printed, got {value!r}")
        if self.umask is not None:
            _read_umask(self.umask)
        check_seconds("upgrade_timeout", self.upgrade_timeout)
        if os.name != "posix":  # pragma: no cover - Windows
            for name in POSIX_ONLY:
                if getattr(self, name):
                    raise ValueError(f"{name} is not known to this system; leave it out")

    @property
    def changes_user(self) -> bool:
        """Whether the server becomes another user, who may not read what the first one can."""
        return self.user is not None or self.group is not None

    @property
    def umask_number(self) -> int | None:
        """The umask as the system takes it."""
        return None if self.umask is None else _read_umask(self.umask)


def _read_umask(text: object) -> int:
    try:
        number = int(str(text), 8)
    except ValueError:
        number = -1
    if not 0 <= number <= HIGHEST_UMASK:
        raise ValueError(f'umask must be octal digits from 0 to 777, such as "027", got {text!r}')
    return number
