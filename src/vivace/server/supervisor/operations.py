"""What a supervisor has beside its workers for those who operate it: system, `vivace ctl`, upgrades."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

import vivace
from vivace.server.config import Config
from vivace.server.errors import ServerError
from vivace.server.logging import server_logger
from vivace.server.options.process import NO_SOCKET
from vivace.server.process import Presence
from vivace.server.supervisor.companions import Companion
from vivace.server.supervisor.control import ControlSocket
from vivace.server.supervisor.control_messages import Answer, Report, Request
from vivace.server.supervisor.control_paths import default_path, remove_stale_sockets, working_folder
from vivace.server.supervisor.supervisor import Supervisor
from vivace.server.supervisor.upgrade import Upgrade, UpgradeFailed
from vivace.server.title import set_title


class Operations(Companion):
    """Takes the server's place in the system when it is ready, and gives it to the next server in an upgrade."""

    def __init__(self, config: Config, presence: Presence) -> None:
        self.config = config
        self.presence = presence
        self.folder = working_folder()
        self.control = self._control_socket()
        self.upgrade = Upgrade(self.folder, config.process.upgrade_timeout, self._descriptors)
        self._supervisor: Supervisor | None = None
        self._actions: dict[str, Callable[[Request], Awaitable[str]]] = {
            "status": self._status,
            "reload": self._reload,
            "scale": self._scale,
            "drain": self._drain,
            "stop": self._stop,
            "upgrade": self._upgrade,
        }

    @property
    def supervisor(self) -> Supervisor:
        """Whom it belongs to, from `start` on."""
        assert self._supervisor is not None
        return self._supervisor

    async def start(self, supervisor: Supervisor) -> None:
        """Make sure of the control socket. ServerError when the one that was asked for is another's."""
        self._supervisor = supervisor
        set_title(self.presence.title, "supervisor")
        if self.control is None:
            return
        try:
            self.control.bind(heir=self.presence.handover is not None)
        except ServerError as error:
            self._without_control(error)

    def ready(self) -> None:
        """All workers serve: be the server, for everybody who asks."""
        self.supervisor.spawn_task(self._take_place())

    def restarting(self) -> None:
        """Tell the service manager."""
        self.presence.notifier.reloading("Restarting the workers one by one.")

    def restarted(self, failure: str | None) -> None:
        """Tell the service manager, which only knows services that are ready again."""
        self.presence.notifier.ready(self._summary if failure is None else f"The restart failed. {failure}")

    def stopping(self) -> None:
        """Tell the service manager. An upgrade that is under way ends here."""
        self.presence.stopping("Stopping: what has begun is finished.")
        self.upgrade.abandon()

    async def stop(self) -> None:
        """Nobody can be answered any more."""
        await self.upgrade.ended()
        if self.control is not None:
            await self.control.end()

    def upgrade_on_signal(self) -> None:
        """SIGUSR2. How it ends is told by the log."""
        self.supervisor.spawn_task(self._upgrade_or_log())

    def _control_socket(self) -> ControlSocket | None:
        given = self.config.process.control_socket
        if given == NO_SOCKET:
            return None
        try:
            if given is not None:
                return ControlSocket(Path(given).absolute(), self._answer)
            remove_stale_sockets()
            return ControlSocket(default_path(self.folder, os.getpid()), self._answer)
        except ServerError as error:
            self._without_control(error)
            return None

    def _without_control(self, error: ServerError) -> None:
        """What nobody has asked for keeps no server from serving."""
        if self.config.process.control_socket is not None:
            raise error
        server_logger.warning("`vivace ctl` cannot reach this server. %s", error)
        self.control = None

    async def _take_place(self) -> None:
        """As the heir of a running server, wait until it lets us; then have the control socket and the pid file."""
        try:
            await self.presence.announce(self.supervisor.listeners)
            await self._open_control()
            self.presence.ready(self._summary)
        except ServerError as error:
            server_logger.error("Stopping, as this server cannot take its place. %s", error)
            self.supervisor.drain()

    async def _open_control(self) -> None:
        if self.control is None:
            return
        try:
            await self.control.open()
        except OSError as error:
            self._without_control(ServerError(f"Cannot make {self.control.path}: {error.strerror or error}."))

    @property
    def _summary(self) -> str:
        return f"Serving {' and '.join(self.supervisor.addresses)} with {_workers(self.supervisor.size)}."

    def _descriptors(self) -> Iterable[tuple[str, int]]:
        return [(listener.key, listener.socket.fileno()) for listener in self.supervisor.listeners]

    async def _answer(self, request: Request) -> Answer:
        if request.command != "status":
            server_logger.info("`vivace ctl %s` was asked for.", request.command)
        if self.supervisor.state == "stopping" and request.command not in ("status", "drain", "stop"):
            return Answer(ok=False, error="The server stops.")
        message = await self._actions[request.command](request)
        report = Report(
            pid=os.getpid(), version=vivace.__version__, folder=str(self.folder), server=self.supervisor.status()
        )
        return Answer(ok=True, message=message, report=report)

    async def _status(self, request: Request) -> str:
        return self._summary

    async def _reload(self, request: Request) -> str:
        await self.supervisor.restart()
        return f"Restarted {_workers(self.supervisor.size)}."

    async def _scale(self, request: Request) -> str:
        if request.count is None or request.count < 1:
            raise ServerError(
                f"There must be one worker or more, got {request.count}. `vivace ctl drain` stops the server."
            )
        await self.supervisor.scale(request.count)
        self.presence.notifier.status(self._summary)
        return f"The server has {_workers(self.supervisor.size)} now."

    async def _drain(self, request: Request) -> str:
        self.supervisor.drain()
        return "The server has stopped."

    async def _stop(self, request: Request) -> str:
        self.supervisor.stop()
        return "The server has stopped."

    async def _upgrade(self, request: Request) -> str:
        pid = await self._be_replaced()
        return f"Process {pid} serves now; this one, {os.getpid()}, finishes what it has begun."

    async def _upgrade_or_log(self) -> None:
        # The upgrade itself has logged why it failed.
        with contextlib.suppress(UpgradeFailed):
            await self._be_replaced()

    async def _be_replaced(self) -> int:
        """The number of the process that has taken our place. UpgradeFailed."""
        if self.supervisor.state != "serving":
            raise UpgradeFailed(f"An upgrade has to wait: the server is {self.supervisor.state}.")
        announcement = await self.upgrade.run()
        self.presence.hand_over(announcement.pid)
        if self.control is not None:
            self.control.close()
        for listener in self.supervisor.listeners:
            if listener.key in announcement.taken:
                # The file of a Unix socket is the new server's to remove.
                listener.path = None
            else:
                listener.close(unlink=True)
        server_logger.info("Process %d serves now; this one finishes what it has begun.", announcement.pid)
        self.supervisor.drain(replaced=True)
        return announcement.pid


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"
