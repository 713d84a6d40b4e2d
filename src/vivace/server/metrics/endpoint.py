"""An address of its own for metrics, served by the connections that serve everything: what holds for their clients,
timeouts and limits, holds for whoever scrapes.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable

from vivace.server.accepting import Acceptor, stop_accepting
from vivace.server.config import Config
from vivace.server.core import Service
from vivace.server.drain import Drain
from vivace.server.errors import BindError
from vivace.server.listeners import Listener, describe_address, open_listeners
from vivace.server.metrics.families import Family
from vivace.server.metrics.prometheus import choose_format, render
from vivace.server.options.binds import Binds
from vivace.server.options.capacity import Capacity
from vivace.server.options.timeouts import Timeouts
from vivace.server.protocol.limits import Limits
from vivace.server.types import Receive, Scope, Send

PATH = "/metrics"
# Scrapers are few; whoever else comes is not to keep the process from its work.
CAPACITY = Capacity(max_connections=32)
LIMITS = Limits(max_body_size=1024)
TIMEOUTS = Timeouts(header_timeout=5.0, body_timeout=5.0, request_timeout=10.0, write_timeout=10.0)
LAST_SCRAPE = 0.5
# Writing them takes a millisecond or two, so they are not written anew for everybody who asks in the same moment.
FRESH = 0.1


class MetricsEndpoint:
    """Serves `/metrics` on `bind`: what `families` returns when it is asked."""

    def __init__(self, bind: str, families: Callable[[], Iterable[Family]]) -> None:
        self.families = families
        self.config = Config(
            binds=Binds(bind=(bind,)), capacity=CAPACITY, limits=LIMITS, timeouts=TIMEOUTS, websocket=False
        )
        self.addresses: list[str] = []
        self._listeners: list[Listener] = []
        self._acceptors: list[Acceptor] = []
        self._service: Service | None = None
        self._texts: dict[str, tuple[float, bytes]] = {}

    async def open(self) -> None:
        """Serve. Raises BindError when the address is not to be had."""
        try:
            self._listeners = open_listeners(self.config)
            loop = asyncio.get_running_loop()
            service = self._service = Service(self.answer, self.config, loop, contextvars.copy_context())
            for listener in self._listeners:
                acceptor = Acceptor(listener, service, self.config, None)
                self._acceptors.append(acceptor)
                await acceptor.open()
        except BindError as error:
            await self.close()
            raise BindError(f"metrics_bind: {error}") from error
        self.addresses = [describe_address(listener) + PATH for listener in self._listeners]

    async def close(self) -> None:
        """Serve no more, after a scrape that is on its way."""
        acceptors, self._acceptors = self._acceptors, []
        await stop_accepting(acceptors, shared=False)
        if self._service is not None:
            drain = Drain(self._service, LAST_SCRAPE, asyncio.Event(), quick=True, replaced=False)
            drain.begin()
            await drain.finish()
        for listener in self._listeners:
            listener.close(unlink=True)
        self._listeners = []
        self._service = None

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        headers = {name: value for name, value in scope["headers"] if name == b"accept"}
        kind = choose_format(headers.get(b"accept", b"").decode("latin-1"))
        if scope["path"] != PATH:
            status, kind, body = 404, "text/plain; charset=utf-8", f"Metrics are at {PATH}\n".encode()
        elif scope["method"] not in ("GET", "HEAD"):
            status, kind, body = 405, "text/plain; charset=utf-8", b"GET or HEAD\n"
        else:
            status, body = 200, self.text(kind)
        fields = [(b"content-type", kind.encode()), (b"cache-control", b"no-store")]
        if status == 405:
            fields.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def text(self, content_type: str) -> bytes:
        """The metrics as they are now, or were a moment ago."""
        now = asyncio.get_running_loop().time()
        written, text = self._texts.get(content_type, (-FRESH, b""))
        if now - written >= FRESH:
            text = render(self.families(), content_type)
            self._texts[content_type] = (now, text)
        return text
