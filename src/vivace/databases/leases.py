"""What a pool asks of a driver, and what it knows about each of its connections."""

from __future__ import annotations

import asyncio
import random
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

C = TypeVar("C")


class Connector(Protocol[C]):
    """What the pool asks of a driver."""

    async def open(self) -> C:
        """A new connection."""

    async def close(self, connection: C) -> None:
        """Say goodbye and close."""

    def terminate(self, connection: C) -> None:
        """Close without a word; the connection may be broken."""

    def is_closed(self, connection: C) -> bool:
        """Whether the connection is known to be gone; costs nothing."""

    async def check(self, connection: C) -> None:
        """Ask the server for a sign of life; raises when there is none."""

    def needs_cleaning(self, connection: C) -> bool:
        """Whether something was left open in it; costs nothing."""

    async def clean(self, connection: C, *, thoroughly: bool) -> None:
        """Make it as new: no open transaction; `thoroughly`: no session state either. Raises when it cannot be."""


class Lease(Generic[C]):
    """One connection of the pool with what the pool knows about it."""

    __slots__ = (
        "connection",
        "expires",
        "held_since",
        "holder",
        "idle_since",
        "is_dirty",
        "is_held",
        "is_unsettled",
        "purpose",
        "wire",
    )

    def __init__(self, connection: C, max_lifetime: float) -> None:
        self.connection = connection
        self.is_held = True  # by somebody: it is not free
        self.held_since = monotonic()
        # Not all at the same time: those opened together would be replaced together.
        self.expires = self.held_since + max_lifetime * random.uniform(0.9, 1.0)  # noqa: S311 (spreading, not secrecy)
        # When the pool first saw that it lay idle, and since when it was held before: see Pool._maintain().
        self.idle_since = (0.0, 0.0)
        # The task that keeps it for long, and what for; for a single statement its SQL. See PoolTimeout.
        self.holder: asyncio.Task[Any] | None = None
        self.purpose = ""
        # Set by whoever changed the session's state; the connection is then reset before anyone else gets it.
        self.is_dirty = False
        # Set when a statement was cancelled that the server may still be working on.
        self.is_unsettled = False
        # What else the backend keeps with the connection; PostgreSQL's.
        self.wire: Any = None
