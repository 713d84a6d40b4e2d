"""The end of serving: what clients have sent is answered, and what takes too long is cut off.

A connection of HTTP/1.1 cannot be told that it is the last moment for a request: only an answer can say
`Connection: close`. So idle ones are kept for a while, in case a request is on its way. HTTP/2 has a GOAWAY for it, and
a WebSocket the code 1012.
"""

from __future__ import annotations

import asyncio
import gc
import math

from vivace.server.core import Service
from vivace.server.logging import server_logger

# How long idle connections are kept for one last request. Closing one just as its client sends a request loses that
# request, and the longer a connection has been idle, the less likely that is. With another process serving meanwhile
# nobody waits for our end; otherwise somebody who has pressed Ctrl+C does.
LAST_REQUEST = 0.5
LAST_REQUEST_WHEN_REPLACED = 5.0
# Applications that listen for the client's end are told of it this long before they are cancelled.
LAST_WORDS = 1.0
# How long cancelled requests may take to clean up, also when somebody insists on the end, and their answers to reach
# the clients.
CLEAN_UP = 5.0
CLEAN_UP_FORCED = 0.5
LAST_ANSWERS = 1.0
# How often we look whether all is done, and for connections that have been idle for long enough.
LOOK = 0.02
SWEEP = 0.1
COLLECT = 1.0


class Drain:
    """Ends what a service still does, in whatever way it was asked for. Setting `force` ends it at once."""

    def __init__(
        self, service: Service, graceful_timeout: float, force: asyncio.Event, *, quick: bool, replaced: bool
    ) -> None:
        self.service = service
        self.graceful_timeout = graceful_timeout
        self.force = force
        self.replaced = replaced
        self.patience = 0.0 if quick else LAST_REQUEST_WHEN_REPLACED if replaced else LAST_REQUEST
        self.begun = service.loop.time()
        self.next_sweep = self.begun
        self.next_collection = self.begun
        self.waiting_logged = False

    def begin(self) -> None:
        """Tell every connection, those that come from here on included, that its next response is its last."""
        service = self.service
        service.last_request = self.patience
        service.draining = True
        for connection in list(service.connections):
            connection.drain()

    async def finish(self) -> None:
        """Return when all connections and requests have ended, cut off if need be."""
        await self._wait(self.begun + self.graceful_timeout)
        if self.service.admission is not None:
            self.service.admission.stop()
        if self.service.tasks and not self.force.is_set():
            for connection in list(self.service.connections):
                connection.give_notice()
            await self._wait(self.service.loop.time() + min(LAST_WORDS, self.graceful_timeout), for_connections=False)
        await self._cut_off()

    async def _wait(self, end: float, *, for_connections: bool = True) -> None:
        """Wait for requests, and with `for_connections` for connections, to end; until `end` at most."""
        service = self.service
        while not self.force.is_set() and (service.tasks or (for_connections and self._has_connections())):
            now = service.loop.time()
            if now >= end:
                return
            if now >= self.next_sweep:
                self.next_sweep = now + SWEEP
                self._sweep(now)
            if service.tasks and not self.waiting_logged and now - self.begun >= LAST_REQUEST:
                self.waiting_logged = True
                server_logger.info(
                    "Stopping: %s still running, and may for %g s (graceful_timeout).%s",
                    _requests(len(service.tasks)),
                    self.graceful_timeout,
                    "" if self.replaced else " Ctrl+C again stops at once.",
                )
            await asyncio.sleep(LOOK)

    def _has_connections(self) -> bool:
        return bool(self.service.connections) or len(self.service.handshaking) > 0

    def _sweep(self, now: float) -> None:
        """Close connections that have been idle for long enough."""
        connections = self.service.connections
        for connection in list(connections):
            connection.close_if_idle(now)
        if not connections and len(self.service.handshaking) > 0 and now >= self.next_collection:
            # Failed handshakes may only wait for the collector: asyncio leaves them in a circle with their errors.
            self.next_collection = now + COLLECT
            gc.collect()

    async def _cut_off(self) -> None:
        """Cancel the requests that are left, and drop their connections."""
        service = self.service
        tasks = set(service.tasks)
        if tasks:
            server_logger.warning("%s still running, and cancelled now.", _requests(len(tasks)))
            for task in tasks:
                task.cancel()
            await self._clean_up(tasks)
        for connection in list(service.connections):
            connection.close_if_idle(math.inf)
        await self._wait_for_answers()
        for connection in list(service.connections):
            connection.abort()
        await asyncio.sleep(0)
        service.stop_clock()

    async def _clean_up(self, tasks: set[asyncio.Task[None]]) -> None:
        """Wait for tasks that are cancelled; one in a thread that hangs, such as WSGI's, never ends."""
        forcing = asyncio.ensure_future(self.force.wait())
        cleaning = asyncio.ensure_future(asyncio.wait(tasks, timeout=CLEAN_UP))
        await asyncio.wait({forcing, cleaning}, return_when=asyncio.FIRST_COMPLETED)
        forcing.cancel()
        if not cleaning.done():
            await asyncio.wait({cleaning}, timeout=CLEAN_UP_FORCED)
            cleaning.cancel()

    async def _wait_for_answers(self) -> None:
        """Dropped at once, a client that still uploads would not see the answer to what was cancelled."""
        end = self.service.loop.time() + LAST_ANSWERS
        while self.service.connections and not self.force.is_set():
            if self.service.loop.time() >= end:
                return
            await asyncio.sleep(LOOK)


def _requests(count: int) -> str:
    return "1 request is" if count == 1 else f"{count} requests are"
