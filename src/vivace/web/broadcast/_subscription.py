"""One subscriber of a broadcast."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vivace.web._utils import create_collapsing_task_group
from vivace.web._waiter import Waiter, waiter_factory, wake
from vivace.web.broadcast._event import Event
from vivace.web.broadcast._queue import ConflatingQueue, Overflow, make_queue
from vivace.web.status import WS_1012_SERVICE_RESTART, WS_1013_TRY_AGAIN_LATER
from vivace.web.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected, WebSocketState

if TYPE_CHECKING:
    from vivace.web.broadcast._broadcast import Broadcast

# Events that wait are sent together, up to about so many bytes at once.
FRAMES_TOGETHER = 64 * 1024


class TooSlowError(Exception):
    """This subscriber took its events too slowly, and was cut off (`overflow="close"`)."""


class Subscription:
    """Who listens to some channels of a `Broadcast`, which makes it.

    `async with` it, and iterate: each event comes once, in the order of publishing, until the broadcast disconnects.
    Or hand it over as it is: to an `EventSourceResponse`, or a WebSocket by `forward_to` and `serve`. It is for one
    task, once.

    * `missed`: events may have come between the `last_event_id` that it began with and the first event that it gets.
    * `dropped`: how many events it did not get because its queue was full.
    """

    __slots__ = (
        *("_broadcast", "_ended", "_history", "_last_event_id", "_make_waiter", "_max_queue", "_opened", "_overflow"),
        *(
            "_queue",
            "_replay",
            "_told",
            "_too_slow",
            "_waiter",
            "_write_frame",
            "_write_payload",
            "channels",
            "dropped",
            "missed",
        ),
    )

    def __init__(
        self,
        broadcast: Broadcast,
        channels: tuple[str, ...],
        *,
        history: int,
        last_event_id: str | None,
        max_queue: int,
        overflow: Overflow,
    ) -> None:
        self.channels = channels
        self.missed = False
        self.dropped = 0
        self._broadcast = broadcast
        self._history = history
        self._last_event_id = last_event_id
        self._max_queue = max_queue
        self._overflow = overflow
        self._queue = make_queue(overflow)
        self._replay: deque[Event] = deque()
        self._opened = False
        self._ended = False
        self._too_slow = False
        self._waiter: Waiter | None = None
        self._told = False
        self._make_waiter: Callable[[], Waiter]
        self._write_frame: Callable[[bytes], bool] | None = None
        self._write_payload: Callable[[str | bytes], bool] | None = None

    async def __aenter__(self) -> Self:
        if self._opened:
            raise RuntimeError("A subscription is used once; call subscribe() again.")
        self._make_waiter = waiter_factory()
        replay = self._broadcast._add(self, self._history, self._last_event_id)
        self._opened = True
        self._replay.extend(replay.events)
        self.missed = replay.missed
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it: nothing more comes, and whoever iterates is done. May be called again."""
        self._ended = True
        self._queue.clear()
        self._replay.clear()
        self._broadcast._remove(self)
        if self._waiter is not None:
            wake(self._waiter)

    # ---- the publisher's side

    def _offer(self, event: Event) -> bool:
        """Takes an event in; whether the subscriber is to be told."""
        if len(self._queue) >= self._max_queue and not self._makes_room(event):
            return False
        self._queue.append(event)
        if self._waiter is None or self._told:
            return False
        self._told = True
        return True

    def _tell(self) -> None:
        """What waits is written, where that takes no waiting; else whoever waits for it is woken."""
        self._told = False
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if not self._write_all():
            waiter.set_result(None)

    def _write_all(self) -> bool:
        queue = self._queue
        while queue:
            event = queue.popleft()
            try:
                if self._write_payload is not None:
                    written = self._write_payload(event.payload)
                else:
                    written = self._write_frame is not None and self._write_frame(event.event_frame)
            except Exception:  # noqa: BLE001 (raised again where it belongs: in the subscriber's task)
                written = False
            if not written:
                self._replay.append(event)
                return False
        return True

    def _makes_room(self, event: Event) -> bool:
        queue = self._queue
        if isinstance(queue, ConflatingQueue) and queue.holds(event):
            return True
        self.dropped += 1
        if self._overflow == "drop_newest":
            return False
        if self._overflow == "close":
            self._too_slow = True
            self.close()
            return False
        queue.popleft()
        return True

    # ---- the subscriber's side

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not (self._replay or self._queue) and not await self._wait():
            raise StopAsyncIteration
        return self._take()

    async def _wait(self) -> bool:
        """Waits for an event; False at the end. TooSlowError when it was cut off."""
        if not self._opened:
            raise RuntimeError('Enter a subscription first: "async with broadcast.subscribe(…) as events:".')
        if self._waiter is not None:
            raise RuntimeError("Another task waits for this subscription's events; each task needs its own.")
        while not (self._queue or self._replay):
            if self._too_slow:
                raise TooSlowError(f"cut off with {self._max_queue} events waiting (max_queue)")
            if self._ended:
                return False
            self._waiter = self._make_waiter()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return True

    def _take(self) -> Event:
        return self._replay.popleft() if self._replay else self._queue.popleft()

    def write_through(self, write: Callable[[bytes], bool] | None) -> None:
        """`write` may be called for an event's frame while `event_frames` waits, and tells whether it was written."""
        self._write_frame = write

    async def event_frames(self) -> AsyncGenerator[bytes, None]:
        """The events as server-sent events, all that wait in one piece; what an `EventSourceResponse` asks for.

        Enters the subscription itself. Being cut off is its end: the browser comes back with its Last-Event-ID.
        """
        async with self:
            try:
                while self._replay or self._queue or await self._wait():
                    yield self._take_frames()
            except TooSlowError:
                return

    def _take_frames(self) -> bytes:
        frame = self._take().event_frame
        if not (self._replay or self._queue):
            return frame
        frames, size = [frame], len(frame)
        while size < FRAMES_TOGETHER and (self._replay or self._queue):
            frames.append(frame := self._take().event_frame)
            size += len(frame)
        return b"".join(frames)

    @asynccontextmanager
    async def forward_to(self, websocket: WebSocket) -> AsyncIterator[Self]:
        """Sends every event through an accepted WebSocket while the block below goes on, which may receive and send.

        When the broadcast disconnects it closes the WebSocket with 1012, when the client is too slow with 1013; the
        block then hears of it as of any other end.
        """
        async with self, create_collapsing_task_group() as tasks:
            tasks.start_soon(self._forward, websocket)
            yield self
            tasks.cancel_scope.cancel()

    async def serve(self, websocket: WebSocket) -> None:
        """Accepts the WebSocket, unless that is done, and sends every event until the client leaves.

        What the client sends is not looked at.
        """
        if websocket.application_state is WebSocketState.CONNECTING:
            await websocket.accept()
        async with self.forward_to(websocket):
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass

    async def _forward(self, websocket: WebSocket) -> None:
        code = WS_1012_SERVICE_RESTART
        self._write_payload = websocket.try_send
        try:
            while self._replay or self._queue or await self._wait():
                await websocket.send(self._take().websocket_message())
        except TooSlowError:
            code = WS_1013_TRY_AGAIN_LATER
        except (WebSocketDisconnect, WebSocketDisconnected):
            return  # whoever receives hears of it too
        if websocket.application_state is WebSocketState.CONNECTED:
            await websocket.close(code)
