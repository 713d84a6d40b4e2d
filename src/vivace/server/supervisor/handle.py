"""A worker as its supervisor knows it."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import random
import signal
import socket
import tempfile
from typing import IO

import msgspec

from vivace.server.options.checks import FOREVER
from vivace.server.options.workers import Workers
from vivace.server.statistics import Statistics
from vivace.server.supervisor.channel import Channel
from vivace.server.supervisor.messages import Beat, Failed, FromWorker, Ready, Stop

# A traceback is written at once by a process that runs at all.
STACK_PATIENCE = 1.0
STACK_POLL = 0.02
# What a process has said before its end is read within this time.
LAST_WORDS = 0.5
# The frame in a worker's tracebacks at which its own code begins.
BOTTOM = 'supervisor/worker.py"'


class State(enum.StrEnum):
    """Of a worker."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"  # serves to the end what it has begun
    ENDED = "ended"


class WorkerStatus(msgspec.Struct, kw_only=True):
    """What `vivace ctl status` tells of a worker."""

    slot: int
    pid: int
    state: State
    age: float  # seconds
    statistics: Statistics


class Worker:
    """One process in one of the supervisor's slots."""

    def __init__(self, slot: int, options: Workers) -> None:
        self._loop = asyncio.get_running_loop()
        self.slot = slot
        self.pid = 0
        self.state = State.STARTING
        self.statistics = Statistics()
        self.started_at = self._loop.time()
        self.ready_at = FOREVER
        # Ready, Failed, or None when it ended without a word.
        self.started: asyncio.Future[Ready | Failed | None] = self._loop.create_future()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self.told_to_stop = False
        self.ends_by = FOREVER  # when it is killed if it is still there, by the loop's clock
        self.silence = 0.0  # seconds without a beat, as the supervisor's own loop has counted them
        self.killed_because = ""  # when it was the supervisor who killed it
        # Chosen anew for each worker, so that they are not replaced together.
        self.most_requests = options.max_requests + random.randint(0, options.max_requests_jitter)  # noqa: S311
        self.stacks: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker has ended
        self.recycled = False  # its replacement has been asked for
        self.slow = False  # to start, and that has been told
        self.late = False  # it does not get on, and is being killed
        self.last_traceback = ""  # what it wrote when it crashed or was asked
        self._channel: Channel | None = None
        self._heard = False  # all that it had to say
        self._code: int | None = None

    def __str__(self) -> str:
        return f"Worker {self.slot} (pid {self.pid})"

    @property
    def age(self) -> float:
        """Seconds since it was forked."""
        return self._loop.time() - self.started_at

    def status(self) -> WorkerStatus:
        """What is told of it."""
        return WorkerStatus(
            slot=self.slot, pid=self.pid, state=self.state, age=round(self.age, 1), statistics=self.statistics
        )

    async def attach(self, end: socket.socket) -> None:
        """Messages go through the socket `end` from now on."""
        self._channel = await Channel.open(end, FromWorker, self.receive, self.channel_lost)

    def send(self, message: msgspec.Struct) -> None:
        """Say something to the worker, if it is still there."""
        if self._channel is not None:
            self._channel.send(message)

    def receive(self, message: FromWorker) -> None:
        """The worker says something."""
        self.silence = 0.0
        if isinstance(message, Beat):
            self.statistics = message.statistics
        elif not self.started.done():
            self.started.set_result(message)
            if isinstance(message, Ready):
                self.ready_at = self._loop.time()
                if self.state is State.STARTING:
                    self.state = State.SERVING

    def channel_lost(self) -> None:
        """All that the worker had to say has been heard."""
        self._channel = None
        self._heard = True
        if self._code is not None:
            self.end()

    def exited(self, code: int) -> None:
        """The process is gone; what it said last may still be on its way."""
        self._code = code
        if self._heard:
            self.end()
        else:
            # A program that it started may hold its end of the channel.
            self._loop.call_later(LAST_WORDS, self.end)

    def end(self) -> None:
        """Close everything that belonged to it here."""
        if self.state is State.ENDED or self._code is None:
            return
        self.state = State.ENDED
        if self._channel is not None:
            self._channel.close()
        self.last_traceback = readable(self.written())
        self.stacks.close()
        if not self.started.done():
            self.started.set_result(None)
        self.ended.set_result(self._code)

    def stop(self, message: Stop, patience: float = FOREVER) -> None:
        """Ask it to serve to the end what it has begun; it is killed when that takes longer than `patience`."""
        if self.state is State.ENDED:
            return
        self.told_to_stop = True
        self.ends_by = min(self.ends_by, self._loop.time() + patience)
        if self.started.done() or message.force:
            self.send(message)
        if not self.started.done():
            # Nothing listens to the channel while the application is imported; SIGTERM ends that.
            self.signal(signal.SIGTERM)
        self.state = State.STOPPING

    def kill(self, reason: str) -> None:
        """End it at once."""
        self.killed_because = self.killed_because or reason
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self._code is None:
            # That of a nursery may have ended without our having heard of it.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def traceback(self) -> str:
        """Where all its threads are; empty for a process that the system does not let run."""
        before = len(self.written())
        self.signal(signal.SIGQUIT)
        end = self._loop.time() + STACK_PATIENCE
        found = seen = b""
        while self._loop.time() < end and self.state is not State.ENDED:
            await asyncio.sleep(STACK_POLL)
            seen, found = found, self.written()[before:]
            if found and found == seen:
                break
        return readable(found)

    def written(self) -> bytes:
        """The tracebacks that it has written."""
        return b"" if self.stacks.closed else os.pread(self.stacks.fileno(), 1 << 20, 0)


def readable(written: bytes) -> str:
    """What faulthandler wrote, without the frames below the application's and the list of modules written in C."""
    lines = []
    ours = False
    for line in written.decode("utf-8", "replace").splitlines():
        ours = (ours or BOTTOM in line) and bool(line)
        if not ours and not line.startswith("Extension modules: "):
            lines.append(line)
    return "\n".join(lines).strip()
