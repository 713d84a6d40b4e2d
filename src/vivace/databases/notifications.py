"""LISTEN and NOTIFY: `database.listen("channel")` and `database.notify("channel", payload)`, on PostgreSQL.

Here is what a listener is and its queue; backends/postgresql/notifications.py has the connection.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from vivace.databases.backends.base import Operation
from vivace.databases.errors import DataError, InterfaceError, NotificationsLost, NotSupportedError, no_notifications
from vivace.databases.plan import Plan

if TYPE_CHECKING:
    from vivace.databases.queries import Preparer

logger = logging.getLogger("vivace.databases")

# PostgreSQL's limits, in bytes.
LONGEST_CHANNEL = 63
LONGEST_PAYLOAD = 7999

Overflow = Literal["raise", "drop_oldest"]
GapFunction = Callable[["Gap"], object]

_NOTIFY = Plan("SELECT pg_notify($1, $2)", reads=False, returns_rows=True)


@dataclass(frozen=True, slots=True)
class Notification:
    """What somebody said on a channel. `process_id` is the server process of the session that said it."""

    channel: str
    payload: str
    process_id: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The connection was lost for `seconds`, and is back. What was notified meanwhile nobody will ever hear."""

    channels: tuple[str, ...]
    seconds: float


class Hub(Protocol):
    """What a listener needs of the backend."""

    async def subscribe(self, listener: Listener) -> None:
        """LISTEN to its channels. Raises `ConnectionFailed`."""

    def unsubscribe(self, listener: Listener) -> None:
        """Stop; harmless when done twice."""


class Listener:
    """The notifications of some channels, one after another: `async for notification in database.listen("a", "b")`.

    It listens from the first step of the loop on, or from the beginning of `async with database.listen("a") as
    listener:`, and stops when the block or the loop is left, or the database disconnected (which ends the loop).
    """

    def __init__(
        self, hub: Hub, channels: tuple[str, ...], *, max_queued: int, overflow: Overflow, on_gap: GapFunction | None
    ) -> None:
        self.channels = channels
        self.dropped = 0
        self._hub = hub
        self._max_queued = max_queued
        self._overflow = overflow
        self._on_gap = on_gap
        self._queue: deque[Notification | Gap] = deque()
        self._turn: asyncio.Future[None] | None = None
        self._is_open = False
        self._is_closed = False
        self._failure: NotificationsLost | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Stop listening; harmless when done twice."""
        self.close()

    def close(self) -> None:
        """Stop listening, from a plain function. A task that waits for the next notification sees the end."""
        self._is_closed = True
        self._hub.unsubscribe(self)
        self._wake()

    def __del__(self) -> None:
        if self._is_open and not self._is_closed:
            self._hub.unsubscribe(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Notification:
        if not self._is_open:
            await self._open()
        while True:
            while self._queue:
                item = self._queue.popleft()
                if isinstance(item, Notification):
                    return item
                await self._tell_of(item)
            if self._failure is not None:
                raise self._failure
            if self._is_closed:
                raise StopAsyncIteration
            await self._wait()

    async def _open(self) -> None:
        if self._is_closed:
            raise InterfaceError("This listener was closed; database.listen() makes another one")
        if not self._is_open:
            await self._hub.subscribe(self)
            self._is_open = True

    async def _wait(self) -> None:
        if self._turn is not None:
            raise InterfaceError("Two tasks wait for notifications of the same listener; give each its own")
        self._turn = asyncio.get_running_loop().create_future()
        try:
            await self._turn
        finally:
            self._turn = None

    def _wake(self) -> None:
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(None)

    async def _tell_of(self, gap: Gap) -> None:
        if self._on_gap is None:
            logger.warning(
                "Notifications on %s may have been missed: the connection was lost for %.1f s",
                ", ".join(gap.channels),
                gap.seconds,
            )
            return
        result = self._on_gap(gap)
        if inspect.isawaitable(result):
            await result

    def feed(self, item: Notification | Gap) -> None:
        """Called by the backend: something has happened."""
        if self._is_closed or self._failure is not None:
            return
        if len(self._queue) >= self._max_queued and isinstance(item, Notification):
            if self._overflow == "raise":
                self._failure = NotificationsLost(
                    f"{self._max_queued} notifications wait to be read and more arrive, so the oldest are not dropped "
                    "silently: read faster, say max_queued=, or overflow='drop_oldest'"
                )
                self._hub.unsubscribe(self)
                self._wake()
                return
            self._queue.popleft()
            if not self.dropped:
                logger.warning("Notifications on %s are dropped: they are not read fast enough", self.channels)
            self.dropped += 1
        self._queue.append(item)
        self._wake()


class Notifying(ABC):
    """The method of `Database` and `Connection` that notifies."""

    _preparer: Preparer

    @abstractmethod
    async def _perform(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """Do it where it belongs: in a frame or in autocommit."""

    async def notify(self, channel: str, payload: str = "") -> None:
        """Tell all who listen to `channel`: at once, or inside a transaction when it commits (equal ones then once).

        `payload` is text of up to 7,999 bytes. Raises `DataError` for a longer one, `NotSupportedError` elsewhere than
        on PostgreSQL.
        """
        if self._preparer.dialect_name != "postgresql":
            raise NotSupportedError(no_notifications(self._preparer.dialect_name))
        check_channel(channel)
        if not isinstance(payload, str):
            raise InterfaceError(
                f"The payload of a notification is text, got {type(payload).__name__}; encode it (JSON)"
            )
        if (size := len(payload.encode("utf-8", "surrogatepass"))) > LONGEST_PAYLOAD or "\x00" in payload:
            raise DataError(
                f"A notification's payload is at most {LONGEST_PAYLOAD} bytes without NUL, got {size}. Store the data "
                "in a table and notify its key"
            )
        await self._perform(Operation.VALUE, _NOTIFY, (channel, payload))


def check_channel(channel: object) -> None:
    """Raises `InterfaceError` for a name that PostgreSQL would refuse, or cut off silently."""
    if not isinstance(channel, str) or not channel or "\x00" in channel or len(channel.encode()) > LONGEST_CHANNEL:
        raise InterfaceError(f"A channel's name is 1 to {LONGEST_CHANNEL} bytes of text, got {channel!r}")


def check_listening(channels: tuple[str, ...], max_queued: int, overflow: str) -> None:
    """Check the arguments of `Database.listen()`. Raises `InterfaceError`."""
    if not channels:
        raise InterfaceError("listen() takes at least one channel")
    for channel in channels:
        check_channel(channel)
    if max_queued < 1:
        raise InterfaceError(f"max_queued is at least 1, got {max_queued}")
    if overflow not in ("raise", "drop_oldest"):
        raise InterfaceError(f"overflow is 'raise' or 'drop_oldest', got {overflow!r}")
