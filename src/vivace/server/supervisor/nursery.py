"""The nursery: a process that has imported the application, and forks workers that share its memory (`preload`).

It is forked from the supervisor, as that imports no user code, and lives until the last of its workers has ended.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import signal
import socket
import threading
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import IO

import msgspec

from vivace.server.allocator import keep_freed_memory
from vivace.server.config import Config
from vivace.server.errors import ServerError
from vivace.server.listeners import Listener
from vivace.server.loading import load_configured
from vivace.server.logging import server_logger
from vivace.server.process import Presence
from vivace.server.supervisor.channel import encode
from vivace.server.supervisor.forking import Forker
from vivace.server.supervisor.messages import Exited, Fork, Forked, Ready
from vivace.server.supervisor.reaper import Reaper
from vivace.server.supervisor.worker import Position, prepare_process, report_failure, work
from vivace.server.types import Application

# Two descriptors come with a request: the worker's channel, and the file for its tracebacks.
DESCRIPTORS = 2
LONGEST_REQUEST = 4096


def nurse(
    target: str,
    config: Config,
    listeners: Sequence[Listener],
    end: socket.socket,
    stacks: IO[bytes],
    presence: Presence,
) -> int:
    """Import the application, and fork workers until the supervisor closes `end`; the exit code."""
    prepare_process(stacks)
    presence.in_worker("nursery")
    try:
        presence.become_user()
        keep_freed_memory()
        app = load_configured(target, config)
    except ServerError as error:
        return report_failure(end, str(error))
    except Exception:  # noqa: BLE001 - whatever it is, the supervisor logs it
        return report_failure(end, traceback.format_exc().rstrip())
    warn_of_threads()
    # What is imported stays: the collector's marks on it would be writes, and end the sharing.
    gc.collect()
    gc.freeze()
    forker = Forker(private=(end.fileno(), stacks.fileno()))
    return forker.run(Nursery(app, replace(config, factory=False), listeners, end, forker, presence).run())


def warn_of_threads() -> None:
    """A fork takes only the thread that forks along."""
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        server_logger.warning(
            "The application starts threads while it is imported (%s). With preload they do not run in the workers: "
            "start them in the lifespan.",
            ", ".join(others),
        )


class Nursery:
    """Forks workers as the supervisor asks for them, and tells it of their ends."""

    def __init__(
        self,
        app: Application,
        config: Config,
        listeners: Sequence[Listener],
        end: socket.socket,
        forker: Forker,
        presence: Presence,
    ) -> None:
        self.app = app
        self.config = config
        self.listeners = listeners
        self.end = end
        self.forker = forker
        self.presence = presence
        self.reaper = Reaper(forker)
        self.closed = asyncio.Event()

    async def run(self) -> int:
        """Until the supervisor has closed its end, and no worker is left."""
        # The supervisor ends us; a signal to all processes of a service is for it and its workers.
        self.forker.handle(signal.SIGTERM, lambda: None)
        self.forker.loop.add_reader(self.end, self.read)
        self.say(Ready())
        await self.closed.wait()
        await self.reaper.wait()
        return 0

    def read(self) -> None:
        """The supervisor asks for a worker, and waits for the answer before it asks for the next."""
        request, descriptors, _, _ = socket.recv_fds(self.end, LONGEST_REQUEST, DESCRIPTORS)
        if not request:
            self.forker.loop.remove_reader(self.end)
            self.closed.set()
            return
        slot = msgspec.json.decode(request, type=Fork).slot
        self.forking = self.forker.loop.create_task(self.fork(slot, descriptors))

    async def fork(self, slot: int, descriptors: Sequence[int]) -> None:
        """One more worker."""
        channel, stacks = socket.socket(fileno=descriptors[0]), os.fdopen(descriptors[1], "rb")
        with channel, stacks:
            position = Position(slot, channel, stacks)
            child = functools.partial(work, self.app, self.config, self.listeners, position, self.presence)
            try:
                pid = await self.forker.fork(child, descriptors)
            except OSError as error:
                self.say(Forked(error=error.strerror or str(error)))
                return
        self.say(Forked(pid))
        self.reaper.watch(pid, functools.partial(self.tell_end, pid))

    def tell_end(self, pid: int, code: int) -> None:
        """A worker is gone."""
        self.say(Exited(pid, code))

    def say(self, message: msgspec.Struct) -> None:
        """Tell the supervisor, if it is still there."""
        try:
            self.end.sendall(encode(message))
        except OSError:
            self.closed.set()
