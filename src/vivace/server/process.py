"""A serving process's place in the system: umask, user, pid file, title, background, and who is told how it fares."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from vivace.server.config import Config
from vivace.server.daemon import Terminal, go_to_background, redirect_output
from vivace.server.errors import ServerError
from vivace.server.handover import Handover
from vivace.server.identity import Identity
from vivace.server.listeners import Listener
from vivace.server.logging import server_logger
from vivace.server.notify import Notifier
from vivace.server.pid_file import PidFile
from vivace.server.title import set_title
from vivace.server.types import Application


class Presence:
    """What `Process` asks for, from the start of a server to its end; use it as a context manager around both.

    Entering may return in another process (`daemon`). It raises ServerError for what cannot be: a pid file of a
    running server, a user that does not exist or that only root can become. An error that leaves the block before
    `ready` is told to whoever waits for the start: the terminal, the server that is to be replaced.
    """

    def __init__(self, config: Config, app: Application | str) -> None:
        self.config = config
        self.title = config.process.process_title or (app if isinstance(app, str) else type(app).__name__)
        self.handover: Handover | None = None
        self.notifier = Notifier(None)
        self._identity: Identity | None = None
        self._pid_file: PidFile | None = None
        self._terminal: Terminal | None = None
        self._watchdog: asyncio.TimerHandle | None = None
        self._owner = 0

    def __enter__(self) -> Self:
        options = self.config.process
        self.handover = Handover.of_environment(os.environ)
        try:
            self._identity = Identity.of(options)
            if options.umask_number is not None:
                os.umask(options.umask_number)
            # The heir of a daemon has no terminal, and its parent waits for this very process.
            if options.daemon and self.handover is None:
                self._terminal = go_to_background()
            self._owner = os.getpid()
            self.notifier = Notifier.of_environment(os.environ)
            if options.pid_file is not None:
                self._pid_file = PidFile(options.pid_file)
                self._pid_file.claim(heir_of=None if self.handover is None else self.handover.old_pid)
            set_title(self.title)
        except ServerError as error:
            self._fail(error)
            raise
        return self

    @property
    def inherited(self) -> Mapping[str, Sequence[int]]:
        """The listening sockets of the server whose place this one takes: descriptors by the listener's key."""
        return {} if self.handover is None else self.handover.listeners

    def become_user(self) -> None:
        """Be `user` and `group` for good: sockets, keys and log are open, the application is not imported yet."""
        if self._identity is None:
            return
        self._own_log_file()
        self._identity.assume()

    def in_worker(self, part: str) -> None:
        """The first thing in a forked process: it is a part of the server (`worker 2`), and does not speak for it."""
        if self._terminal is not None:
            # What it has to say goes to the supervisor; whoever reads the terminal's end waits for no worker.
            self._terminal.let_go()
            redirect_output(self.config.logs.log_file)
        if self.handover is not None:
            self.handover.let_go()
        self.notifier = Notifier(None)
        if self._watchdog is not None:
            # The timer stays behind in the supervisor's event loop.
            self._watchdog = None
        set_title(self.title, part)

    async def announce(self, listeners: Sequence[Listener]) -> None:
        """Ready to serve: wait until the server whose heir we are lets us take its place. ServerError: it does not.

        Its listeners that we have are ours then.
        """
        if self.handover is None:
            return
        await self.handover.announce([listener.borrowed for listener in listeners if listener.borrowed is not None])
        for listener in listeners:
            listener.borrowed = None

    def ready(self, status: str) -> None:
        """The server serves: tell everybody who waits for that, and give the watchdog its signs of life from now on."""
        if self._pid_file is not None and self.handover is not None:
            self._pid_file.take_over()
        if self._terminal is not None:
            self._terminal.release(self.config.logs.log_file)
        self.notifier.ready(status)
        self._feed_watchdog()
        if self.handover is not None:
            self.handover.in_place()

    def stopping(self, status: str = "Stopping") -> None:
        """The end has begun."""
        self.notifier.stopping(status)

    def hand_over(self, pid: int) -> None:
        """Another server has taken our place, and everything that says where it is."""
        self.notifier.hand_over(pid)
        self._stop_watchdog()
        self._pid_file = None

    def reopened_logs(self) -> None:
        """The log file was opened again: a daemon's output goes there too, and the user may open it."""
        if self.config.process.daemon:
            try:
                redirect_output(self.config.logs.log_file)
            except OSError as error:
                server_logger.error("Output stays in the old log file: %s.", error)
        self._own_log_file()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A fork of this process that ends by an exception must not take what is the server's with it.
        if os.getpid() != self._owner:
            return
        self._stop_watchdog()
        if self._pid_file is not None:
            self._pid_file.remove()
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.handover is not None:
            self.handover.fail(str(error) if isinstance(error, ServerError) else repr(error))

    def _own_log_file(self) -> None:
        log_file = self.config.logs.log_file
        if self._identity is None or log_file is None:
            return
        try:
            self._identity.own(Path(log_file))
        except OSError as error:
            server_logger.warning("The log file %s stays another user's: %s.", log_file, error.strerror)

    def _feed_watchdog(self) -> None:
        """A sign of life from the event loop, twice as often as systemd wants one (sd_watchdog_enabled(3))."""
        if self.notifier.watchdog is None:
            return
        self.notifier.alive()
        loop = asyncio.get_running_loop()
        self._watchdog = loop.call_later(self.notifier.watchdog / 2, self._feed_watchdog)

    def _stop_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
