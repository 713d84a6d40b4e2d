"""The process as the system sees it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """Who the server is to the system: files it leaves, users it becomes, and the socket that `vivace ctl` talks to."""

    pid_file: str | None = None
    user: str | None = None  # to become once the sockets are open: a name or number
    group: str | None = None
    umask: str | None = None  # in octal
    process_title: str | None = None  # what `ps` shows; None: the application's name
    daemon: bool = False  # go to the background
    control_socket: str | None = None  # None: one in the user's runtime folder; "none" for none. Needs workers
