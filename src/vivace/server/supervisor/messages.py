"""What supervisor, nursery and workers say to each other: JSON, a message a line, over a socket pair."""

from __future__ import annotations

import msgspec

from vivace.server.statistics import Statistics


class Ready(msgspec.Struct, tag=True):
    """Worker: the application has started and connections are accepted. Nursery: it is imported."""

    files: list[str] = []  # of the modules that the application imported, to be watched with `reload`
    broken: str | None = None  # with `reload`: the traceback that is served in place of the application


class Failed(msgspec.Struct, tag=True):
    """Worker or nursery: it cannot serve, and ends. A supervisor that has just begun gives up."""

    message: str


class Beat(msgspec.Struct, tag=True):
    """Worker: its event loop turns."""

    statistics: Statistics


class Stop(msgspec.Struct, tag=True):
    """Supervisor: serve to the end what has begun, and leave."""

    quick: bool = False  # idle connections are closed at once
    replaced: bool = False  # another process serves on the same listeners
    force: bool = False  # what has begun is cancelled


class RefreshBrowsers(msgspec.Struct, tag=True):
    """Supervisor: pages or styles have changed."""

    version: str  # of what is served from now on
    styles: bool = False  # nothing but style sheets


class Fork(msgspec.Struct, tag=True):
    """Supervisor to its nursery: one more worker; its channel and the file for its stacks come along."""

    slot: int


class Forked(msgspec.Struct, tag=True):
    """Nursery: the worker that was asked for, or why there is none."""

    pid: int = 0
    error: str | None = None


class Exited(msgspec.Struct, tag=True):
    """Nursery: one of its workers has ended."""

    pid: int
    code: int  # negative: the number of the signal that killed it


FromWorker = Ready | Failed | Beat
ToWorker = Stop | RefreshBrowsers
FromNursery = Ready | Failed | Forked | Exited
