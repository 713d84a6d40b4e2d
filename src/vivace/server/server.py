"""The life of a server: listen, start the application, serve, stop gracefully."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import vivace
from vivace.server.accepting import accept_connections
from vivace.server.config import Config
from vivace.server.core import Service, compiled, require_compiled
from vivace.server.errors import BindError
from vivace.server.interfaces import adapt
from vivace.server.lifespan import Lifespan
from vivace.server.listeners import Listener, describe_address, open_listeners
from vivace.server.loading import load_app
from vivace.server.logging import access_log, server_logger
from vivace.server.statistics import Statistics
from vivace.server.tls import ServerTLS, open_tls
from vivace.server.types import Application, ASGIApp

# A client that sends a request just as we stop gets an answer instead of a reset if it does so within this time.
LAST_REQUEST = 0.5
# How long cancelled requests may take to clean up, and their answers to reach the clients.
CLEAN_UP = 5.0
LAST_ANSWERS = 1.0


class Server:
    """One application on its listeners, in the running event loop; it touches no signal handlers.

    `await serve()` runs until `request_stop`. Or use `async with Server(app, config) as server:`, which serves while
    the block runs; `server.addresses` says where. Listeners that are given are another's: they are closed in this
    process at the end, and neither announced nor removed from the file system.
    """

    def __init__(
        self, app: Application | str, config: Config | None = None, listeners: Sequence[Listener] | None = None
    ) -> None:
        self.config = Config() if config is None else config
        self.app = app
        self.addresses: list[str] = []
        self._given = listeners
        self._listeners: list[Listener] = []
        self._servers: list[asyncio.Server] = []
        self._lifespan: Lifespan | None = None
        self._service: Service | None = None
        self._tls: ServerTLS | None = None
        self._stop = asyncio.Event()
        self._force = asyncio.Event()

    @property
    def port(self) -> int:
        """The TCP port that is served, which the system chose when the configuration said 0."""
        for listener in self._listeners:
            name = listener.socket.getsockname()
            if isinstance(name, tuple):
                return int(name[1])
        raise RuntimeError("The server does not listen on a TCP port.")

    @property
    def forced(self) -> bool:
        """Whether the stop was forced, so that requests may have been cut off."""
        return self._force.is_set()

    def request_stop(self) -> None:
        """Ask `serve` to stop gracefully; asked a second time, at once. Safe to call at any time in the loop."""
        if self._stop.is_set():
            self._force.set()
        self._stop.set()

    def statistics(self) -> Statistics:
        """What this server does now, and has done."""
        service = self._service
        if service is None:
            return Statistics()
        return service.statistics()

    async def serve(self, started: Callable[[], None] | None = None) -> None:
        """Start, serve until `request_stop`, stop. Raises ServerError when the start fails.

        `started` is called once connections are accepted.
        """
        starting = asyncio.ensure_future(self.start())
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                # Asked to stop while the application still starts: it may hang there for good.
                return
            await starting
            if started is not None:
                started()
            await stopping
        finally:
            stopping.cancel()
            starting.cancel()
            await asyncio.wait({starting})
            await self.stop()

    async def start(self) -> None:
        """Bind, start the application, accept connections. Raises ServerError, with everything closed again."""
        require_compiled()
        config = self.config
        self._tls = open_tls(config.tls, http2=config.http2)
        app = self._load()
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        self._listeners = open_listeners(config) if self._given is None else list(self._given)
        try:
            state = await self._start_application(app, context)
            self._service = Service(app, config, loop, context, access_log(config))
            self._service.state = state
            self._service.server_certificate = None if self._tls is None else self._tls.certificate
            await self._listen(loop, self._service)
        except BaseException:
            await self.stop()
            raise
        self.addresses = [describe_address(listener) for listener in self._listeners]
        if self._given is None:
            server_logger.info(self._banner(loop))

    async def _start_application(self, app: ASGIApp, context: contextvars.Context) -> dict[str, Any]:
        """Run the application's startup; returns the state that it made for the requests."""
        self._lifespan = Lifespan(app, self.config.lifespan, context)
        await self._lifespan.startup(self.config.timeouts.lifespan_startup_timeout)
        return self._lifespan.state

    def _load(self) -> ASGIApp:
        if isinstance(self.app, str):
            app = load_app(self.app, app_dir=self.config.app_dir, factory=self.config.factory)
        else:
            app = self.app() if self.config.factory else self.app
        return adapt(app, self.config.interface, wsgi_threads=self.config.wsgi_threads)

    async def _listen(self, loop: asyncio.AbstractEventLoop, service: Service) -> None:
        for listener in self._listeners:
            if self._given is None and not listener.is_reachable:
                raise BindError(f"{listener.path} was removed or replaced while the application started.")
            self._servers.append(await accept_connections(loop, listener, service, self.config, self._tls))

    def _banner(self, loop: asyncio.AbstractEventLoop) -> str:
        how = "compiled" if compiled else "not compiled"
        where = " and ".join(self.addresses)
        return (
            f"Vivace {vivace.__version__} serves {where} "
            f"({how}, {type(loop).__module__.partition('.')[0]}, pid {os.getpid()}). Ctrl+C stops it."
        )

    async def stop(self) -> None:
        """Stop gracefully: no new connections, running requests within `graceful_timeout`, then the application."""
        for server in self._servers:
            server.close()
        if self._service is not None:
            await self._drain(self._service)
        if self._lifespan is not None:
            if self.forced:
                await self._lifespan.cancel()
            else:
                await self._lifespan.shutdown(self.config.timeouts.lifespan_timeout)
        for listener in self._listeners:
            listener.close(unlink=self._given is None)
        if self._service is not None and self._given is None:
            server_logger.info("Vivace has stopped.")
        self._servers = []
        self._listeners = []
        self._service = self._lifespan = None

    async def _drain(self, service: Service) -> None:
        loop = asyncio.get_running_loop()
        service.draining = True
        for connection in list(service.connections):
            connection.drain()
        begun = loop.time()
        told = False
        while (service.connections or service.tasks) and not self.forced:
            passed = loop.time() - begun
            if passed >= self.config.timeouts.graceful_timeout:
                break
            if passed >= LAST_REQUEST:
                for connection in list(service.connections):
                    connection.close_if_idle()
                if service.tasks and not told:
                    told = True
                    server_logger.info(
                        "Stopping: %s still running, and may for %g s (graceful_timeout). Ctrl+C again stops at once.",
                        _requests(len(service.tasks)),
                        self.config.timeouts.graceful_timeout,
                    )
            await asyncio.sleep(0.02)
        await self._cut_off(service)

    async def _cut_off(self, service: Service) -> None:
        """Cancel the requests that are left, and drop their connections."""
        tasks = set(service.tasks)
        if tasks:
            server_logger.warning("%s still running, and cancelled now.", _requests(len(tasks)))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CLEAN_UP)
            await self._let_answers_out(service)
        for connection in list(service.connections):
            connection.abort()
        await asyncio.sleep(0)
        service.stop_clock()

    async def _let_answers_out(self, service: Service) -> None:
        """Dropped at once, a client that still uploads would not see the answer to what was cancelled."""
        end = service.loop.time() + LAST_ANSWERS
        while service.connections and not self.forced:
            if service.loop.time() >= end:
                break
            await asyncio.sleep(0.02)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _requests(count: int) -> str:
    return "1 request is" if count == 1 else f"{count} requests are"
