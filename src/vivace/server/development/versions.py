"""Which version of the code and files is served, and who waits to hear of the next."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator


class Versions:
    """The version that pages are made from, and the browsers that listen for another.

    A version is a text that the supervisor chooses, the same for all workers with the same code and files.
    """

    def __init__(self, current: str) -> None:
        self.current = current
        self.closed = False
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    def change(self, version: str, *, styles: bool) -> None:
        """Files have changed that need no new process; `styles`: only style sheets."""
        self.current = version
        change = json.dumps({"version": version, "styles": styles})
        for queue in self._listeners:
            queue.put_nowait(_event("change", change))

    def close(self) -> None:
        """This process ends: let the browsers go, they will find the next."""
        self.closed = True
        for queue in self._listeners:
            queue.put_nowait(None)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events: `hello` with the version, then `change`, until `close`."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield _event("hello", self.current)
            while not self.closed:
                event = await queue.get()
                if event is not None:
                    yield event
        finally:
            self._listeners.discard(queue)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()
