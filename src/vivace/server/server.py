"""The life of a server: listen, start the application, serve, stop gracefully."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import vivace
from vivace.server.accepting import Acceptor, stop_accepting
from vivace.server.config import Config
from vivace.server.core import Service, compiled, open_access_log, require_compiled
from vivace.server.drain import Drain
from vivace.server.errors import BindError
from vivace.server.housekeeping import keep_house
from vivace.server.interfaces import adapt
from vivace.server.lifespan import Lifespan
from vivace.server.listeners import Listener, describe_address, open_listeners
from vivace.server.loading import load_configured
from vivace.server.logging import server_logger
from vivace.server.metrics.reporting import Reporting
from vivace.server.redirect import RedirectToHTTPS, https_port
from vivace.server.static_files import StaticFiles
from vivace.server.statistics import Statistics
from vivace.server.tls import ServerTLS, open_tls
from vivace.server.types import Application, ASGIApp

if TYPE_CHECKING:
    from vivace.server.logging.access_log import AccessLog


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
        self._acceptors: list[Acceptor] = []
        self._housekeeping: asyncio.Task[None] | None = None
        self._reporting: Reporting | None = None
        self._lifespan: Lifespan | None = None
        self._service: Service | None = None
        self._tls: ServerTLS | None = None
        self._stop = asyncio.Event()
        self._force = asyncio.Event()
        self._replaced = False
        self._quick = False

    @property
    def port(self) -> int:
        """The TCP port that is served, which the system chose when the configuration said 0."""
        for listener in self._listeners:
            name = listener.socket.getsockname()
            if isinstance(name, tuple):
                return int(name[1])
        raise RuntimeError("The server does not listen on a TCP port.")

    @property
    def listeners(self) -> Sequence[Listener]:
        """Where is served, from `open` on."""
        return self._listeners

    @property
    def forced(self) -> bool:
        """Whether the stop was forced, so that requests may have been cut off."""
        return self._force.is_set()

    def request_stop(self, *, quick: bool = False, replaced: bool = False) -> None:
        """Ask `serve` to stop gracefully; asked a second time, at once. Safe to call at any time in the loop.

        `quick` closes idle connections at once. With `replaced` another process goes on accepting from the same
        listeners: connections that wait there are left to it, and idle ones are kept for longer, for a last request.
        """
        if self._stop.is_set():
            self._force.set()
            return
        self._replaced = replaced
        self._quick = quick
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

    def open(self, inherited: Mapping[str, Sequence[int]] | None = None) -> None:
        """Read the certificates and bind, which may take privileges that are given up before `start`.

        `inherited` has the descriptors of an older server's listeners by their keys. Raises ServerError.
        """
        if self._listeners:
            return
        if self._given is None:
            self._tls = open_tls(self.config.tls, http2=self.config.http2)
            self._listeners = open_listeners(self.config, inherited)
        else:
            self._listeners = list(self._given)
            shared = [listener.shared_tls for listener in self._given if listener.shared_tls is not None]
            self._tls = shared[0] if shared else open_tls(self.config.tls, http2=self.config.http2)

    def reload_certificates(self) -> bool:
        """Read the certificates anew, for new connections; False when they are wrong, which is logged."""
        return self._tls is not None and self._tls.reload()

    def close(self) -> None:
        """Undo `open`."""
        for listener in self._listeners:
            listener.close(unlink=self._given is None)
        self._listeners = []

    async def start(self) -> None:
        """Bind, start the application, accept connections. Raises ServerError, with everything closed again."""
        require_compiled()
        self.open()
        config = self.config
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        try:
            app = self._load()
            state = await self._start_application(app, context)
            self._service = Service(app, config, loop, context, self._open_access_log(loop))
            self._service.state = state
            self._reporting = Reporting(config.metrics, self._service, alone=self._given is None)
            await self._reporting.start()
            await self._listen(self._service)
        except BaseException:
            await self.stop()
            raise
        self.addresses = [describe_address(listener) for listener in self._listeners]
        if self._given is None:
            server_logger.info(self._banner(loop))

    def _open_access_log(self, loop: asyncio.AbstractEventLoop) -> AccessLog | None:
        return open_access_log(self.config, loop)

    async def _start_application(self, app: ASGIApp, context: contextvars.Context) -> dict[str, Any]:
        """Run the application's startup; returns the state that it made for the requests."""
        self._lifespan = Lifespan(app, self.config.lifespan, context)
        await self._lifespan.startup(self.config.timeouts.lifespan_startup_timeout)
        return self._lifespan.state

    def _load(self) -> ASGIApp:
        if isinstance(self.app, str):
            app = load_configured(self.app, self.config)
        else:
            app = self.app() if self.config.factory else self.app
        adapted = adapt(app, self.config.interface, wsgi_threads=self.config.wsgi_threads)
        if not self.config.static_files.static:
            return adapted
        return StaticFiles(adapted, self.config.static_files, developing=self.config.reloading.reload)

    async def _listen(self, service: Service) -> None:
        redirect = RedirectToHTTPS(service.app, self.config.binds.redirect_port or https_port(self._listeners))
        for listener in self._listeners:
            if self._given is None and not listener.is_reachable:
                raise BindError(f"{listener.path} was removed or replaced while the application started.")
            app = redirect if listener.redirect else None
            self._acceptors.append(Acceptor(listener, service, self.config, self._tls, app))
        for acceptor in self._acceptors:
            await acceptor.open()
        # A supervisor that may read the keys looks for new ones itself.
        looked_after = self._given is not None and self.config.process.changes_user
        self._housekeeping = asyncio.ensure_future(keep_house(self._acceptors, None if looked_after else self._tls))

    def _banner(self, loop: asyncio.AbstractEventLoop) -> str:
        how = "compiled" if compiled else "not compiled"
        where = " and ".join(self.addresses)
        return (
            f"Vivace {vivace.__version__} serves {where} "
            f"({how}, {type(loop).__module__.partition('.')[0]}, pid {os.getpid()}). Ctrl+C stops it."
        )

    async def stop(self) -> None:
        """Stop gracefully: no new connections, running requests within `graceful_timeout`, then the application."""
        drain = None
        if self._service is not None:
            drain = Drain(
                self._service,
                self.config.timeouts.graceful_timeout,
                self._force,
                quick=self._quick,
                replaced=self._replaced,
            )
            drain.begin()
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        await stop_accepting(self._acceptors, shared=self._replaced)
        if drain is not None:
            await drain.finish()
        if self._lifespan is not None:
            await self._end_lifespan(self._lifespan)
        self.close()
        if self._service is not None and self._given is None:
            server_logger.info("Vivace has stopped.")
        self._acceptors = []
        if self._reporting is not None:
            await self._reporting.stop()
        self._housekeeping = self._reporting = None
        self._service = self._lifespan = None

    async def _end_lifespan(self, lifespan: Lifespan) -> None:
        ending = asyncio.ensure_future(lifespan.shutdown(self.config.timeouts.lifespan_timeout))
        forcing = asyncio.ensure_future(self._force.wait())
        await asyncio.wait({ending, forcing}, return_when=asyncio.FIRST_COMPLETED)
        forcing.cancel()
        if not ending.done():
            ending.cancel()
            await lifespan.cancel()
        else:
            await ending

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
