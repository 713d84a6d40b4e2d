"""What supervisor and workers say to each other: JSON, a message a line, over a socket pair."""

from __future__ import annotations

import msgspec

from vivace.server.statistics import Statistics


class Ready(msgspec.Struct, tag=True):
    """Worker: the application has started and connections are accepted."""

    files: list[str] = []  # of the modules that the application imported, to be watched with `reload`
    broken: str | None = None  # with `reload`: the traceback that is served in place of the application


class Failed(msgspec.Struct, tag=True):
    """Worker: it cannot serve, and ends. A supervisor that has just begun gives up."""

    message: str


class Beat(msgspec.Struct, tag=True):
    """Worker: its event loop turns."""

    statistics: Statistics


class Stop(msgspec.Struct, tag=True):
    """Supervisor: serve to the end what has begun, and leave. `quick`: idle connections are closed at once."""

    quick: bool = False


class RefreshBrowsers(msgspec.Struct, tag=True):
    """Supervisor: pages or styles have changed."""


FromWorker = Ready | Failed | Beat
ToWorker = Stop | RefreshBrowsers
