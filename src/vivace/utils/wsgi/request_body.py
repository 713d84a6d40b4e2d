"""`wsgi.input`: the request's body, read in the application's thread as it comes."""

from __future__ import annotations

import functools
import io
from collections import deque
from typing import TYPE_CHECKING

from vivace.utils.asgi import Receive
from vivace.utils.event_loops import Companion
from vivace.utils.wsgi.handover import Handover

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# How much is read ahead of the application; then the client has to wait for it.
READ_AHEAD = 256 * 1024
# Small reads are served from a buffer of this size, in C.
BUFFER = 64 * 1024


class RequestBody(io.RawIOBase):
    """The unbuffered stream. The thread reads it, blocking; `fetch` fills it in the loop, from when `begin` is called.

    Reading raises ClientDisconnected (an OSError) when the rest will not come.
    """

    def __init__(self, handover: Handover, receive: Receive) -> None:
        self.handover = handover
        self.receive = receive
        self.pieces: deque[memoryview] = deque()
        self.buffered = 0
        self.complete = False
        self.paused = False
        self.room = handover.loop.make_signal()
        self.begun = False
        self.task: Companion | None = None
        self.error: Exception | None = None  # of `receive`

    # ---- in the loop

    def begin(self, watch: bool = False) -> None:
        """Let the body come. Until then nothing is asked of the client, not even to continue (100).

        With `watch`, lose the exchange if the client leaves before a thread has it.
        """
        if not self.begun:
            self.begun = True
            self.task = self.handover.loop.start(functools.partial(self._fetch, watch))

    async def end(self) -> None:
        """Stop it coming."""
        self.begun = True
        if self.task is not None:
            await self.task.end()

    async def _fetch(self, watch: bool) -> None:
        handover = self.handover
        try:
            # The message after the body is that the client has left. It is asked for only then, because for an
            # application that asks a client that has closed its side has left, too.
            while not self.complete or (watch and not handover.begun):
                message = await self.receive()
                if message["type"] != "http.request":
                    handover.lose()
                    return
                if self._feed(message.get("body", b""), message.get("more_body", False)):
                    await self.room.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, the exchange raises it
            self.error = error
        finally:
            if not self.complete:
                handover.lose()

    def _feed(self, data: bytes, more: bool) -> bool:
        """Add a piece. Returns whether no more should come for now."""
        with self.handover.changed:
            if data:
                self.pieces.append(memoryview(data))
                self.buffered += len(data)
            self.complete = not more
            self.paused = more and self.buffered >= READ_AHEAD
            if self.paused:
                self.room.clear()
            self.handover.changed.notify()
            return self.paused

    # ---- in the thread

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` with what there is, at least a byte; zero at the end of the body."""
        room = memoryview(buffer).cast("B")
        filled = 0
        with self.handover.changed:
            self._wait_for_data()
            while self.pieces and filled < len(room):
                piece = self.pieces[0]
                count = min(len(piece), len(room) - filled)
                room[filled : filled + count] = piece[:count]
                filled += count
                if count == len(piece):
                    self.pieces.popleft()
                else:
                    self.pieces[0] = piece[count:]
            self._taken(filled)
        return filled

    def readall(self) -> bytes:
        """The rest of the body."""
        read: list[memoryview] = []
        with self.handover.changed:
            while True:
                self._wait_for_data()
                if not self.pieces:
                    return b"".join(read)
                read.extend(self.pieces)
                self.pieces.clear()
                self._taken(self.buffered)

    def _wait_for_data(self) -> None:
        while not self.pieces and not self.complete:
            self.handover.check()
            if not self.begun:
                self.handover.loop.call_soon_threadsafe(self.begin)
            self.handover.changed.wait()

    def _taken(self, count: int) -> None:
        self.buffered -= count
        if self.paused and self.buffered <= READ_AHEAD // 2:
            self.paused = False
            self.handover.loop.call_soon_threadsafe(self.room.set)
