"""The life of a worker process: it loads the application and serves it on its supervisor's listeners."""

from __future__ import annotations

import asyncio
import faulthandler
import functools
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import IO

from vivace.server.accepting import LoopErrors
from vivace.server.allocator import keep_freed_memory
from vivace.server.collector import settle
from vivace.server.config import Config
from vivace.server.errors import ServerError
from vivace.server.listeners import Listener
from vivace.server.loading import load_configured
from vivace.server.logging import name_worker, reopen_logs, server_logger
from vivace.server.loops import loop_factory
from vivace.server.process import Presence
from vivace.server.server import Server
from vivace.server.signal_stack import enlarge_signal_stack
from vivace.server.supervisor.channel import Channel, encode
from vivace.server.supervisor.messages import Beat, Failed, Ready, Stop, ToWorker
from vivace.server.types import Application

# Exit codes: as those of a process that serves alone.
FORCED = 1
FAILED_START = 3
# A worker tells that it lives so often, or four times within `worker_timeout`.
LONGEST_BEAT = 1.0

# Signals to the supervisor's whole process group, such as a terminal's, are the supervisor's to answer.
LEFT_TO_THE_SUPERVISOR = ("SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU")


@dataclass(frozen=True, slots=True)
class Position:
    """What a worker is given: its number among the workers, and its ends of what it shares with the supervisor."""

    slot: int
    channel: socket.socket
    stacks: IO[bytes]  # for tracebacks that the supervisor reads when this process hangs or has crashed
    version: str = ""  # with `reload`: of the code that it loads


def work(
    app: Application | str, config: Config, listeners: Sequence[Listener], position: Position, presence: Presence
) -> int:
    """Serve until the supervisor says so or is gone; the exit code. `app` may be loaded already."""
    prepare_process(position.stacks)
    name_worker(position.slot)
    presence.in_worker(f"worker {position.slot}")
    kind = worker_class(config)
    try:
        presence.become_user()
        keep_freed_memory()
        if isinstance(app, str):
            # Outside the loop, so that a module may run one of its own while it is imported.
            app = kind.load(app, config)
        config = replace(config, factory=False)
        with asyncio.Runner(loop_factory=loop_factory(config)) as runner:
            return runner.run(kind(app, config, listeners, position).run())
    except ServerError as error:
        return report_failure(position.channel, str(error))
    except Exception:  # noqa: BLE001 - whatever it is, the supervisor logs it
        return report_failure(position.channel, traceback.format_exc().rstrip())


def worker_class(config: Config) -> type[Worker]:
    """Who lives in the process; the one of development is imported when it is needed."""
    if config.reloading.reload:
        from vivace.server.supervisor.development_worker import DevelopmentWorker

        return DevelopmentWorker
    return Worker


def prepare_process(stacks: IO[bytes]) -> None:
    """Signals as a worker has them, and tracebacks to where the supervisor reads them."""
    for name in LEFT_TO_THE_SUPERVISOR:
        # No SIG_IGN: programs that the application starts would ignore it as well.
        signal.signal(getattr(signal, name), leave_to_the_supervisor)
    faulthandler.enable(stacks)
    faulthandler.register(signal.SIGQUIT, stacks, all_threads=True)
    enlarge_signal_stack()


def leave_to_the_supervisor(number: int, frame: FrameType | None) -> None:
    """Do nothing."""


def report_failure(channel: socket.socket, message: str) -> int:
    """Tell the supervisor why there is no worker; the exit code."""
    try:
        channel.setblocking(True)
        channel.sendall(encode(Failed(message)))
    except OSError:  # the supervisor is gone
        print(f"Error: {message}", file=sys.stderr)
    return FAILED_START


class Worker:
    """A server, and the messages between it and the supervisor."""

    def __init__(self, app: Application, config: Config, listeners: Sequence[Listener], position: Position) -> None:
        self.config = config
        self.position = position
        self.server = self.make_server(app, listeners)
        self.channel: Channel | None = None
        self.stopping = False

    @classmethod
    def load(cls, target: str, config: Config) -> Application:
        """The application that `target` names. Raises AppLoadError."""
        return load_configured(target, config)

    def make_server(self, app: Application, listeners: Sequence[Listener]) -> Server:
        """What serves it."""
        return Server(app, self.config, listeners)

    def readiness(self) -> Ready:
        """What the supervisor is told once connections are accepted."""
        return Ready()

    async def run(self) -> int:
        """Serve; the exit code. Raises ServerError when the start fails, with a channel that is closed."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(LoopErrors())
        # The number stays ours: a start that fails is told from outside the loop.
        end = self.position.channel.dup()
        channel = self.channel = await Channel.open(end, ToWorker, self.receive, self.supervisor_is_gone)
        loop.add_signal_handler(signal.SIGTERM, self.stop, Stop())
        loop.add_signal_handler(signal.SIGUSR1, functools.partial(reopen_logs, quietly=True))
        beating = loop.create_task(self.beat(channel))
        try:
            await self.server.serve(functools.partial(self.started, channel))
        finally:
            beating.cancel()
        return FORCED if self.server.forced else 0

    def started(self, channel: Channel) -> None:
        """Connections are accepted."""
        settle()
        channel.send(self.readiness())

    def receive(self, message: ToWorker) -> None:
        """The supervisor says something."""
        if isinstance(message, Stop):
            self.stop(message)

    def stop(self, message: Stop) -> None:
        """Stop, once: systemd for one sends SIGTERM to us and to the supervisor. Only `force` is a second demand."""
        if not self.stopping:
            self.stopping = True
            self.server.request_stop(quick=message.quick, replaced=message.replaced)
        if message.force:
            self.server.request_stop()

    def supervisor_is_gone(self) -> None:
        """Nobody would replace or stop this process any more."""
        if not self.stopping:
            server_logger.error("The supervisor is gone; worker %d stops.", self.position.slot)
            self.stop(Stop())

    async def beat(self, channel: Channel) -> None:
        """Tell the supervisor again and again that the event loop turns, and what the server does."""
        interval = min(LONGEST_BEAT, self.config.supervision.worker_timeout / 4)
        while True:
            channel.send(Beat(self.server.statistics()))
            await asyncio.sleep(interval)
