"""A process that the supervisor has forked, as the supervisor knows it."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import signal
import socket
import tempfile
from collections.abc import Sequence
from typing import IO, Any, ClassVar

import msgspec

from vivace.server.options.checks import FOREVER
from vivace.server.supervisor.channel import Channel
from vivace.server.supervisor.messages import Failed, Ready

# A traceback is written at once by a process that runs at all.
STACK_PATIENCE = 1.0
STACK_POLL = 0.02
# What a process has said before its end is read within this time.
LAST_WORDS = 0.5
# Who has not started and is not wanted any more, may take so long to leave.
LAST_RESORT = 6.0
# The frame in a child's tracebacks at which its own code begins.
BOTTOM = os.path.join("vivace", "server", "supervisor", "")
LONGEST_TRACEBACK = 1 << 20


class State(enum.StrEnum):
    """Of a worker."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"  # serves to the end what it has begun
    ENDED = "ended"


class Child:
    """Its life: started (or not), and ended, with a channel and a file for tracebacks meanwhile."""

    messages: ClassVar[Any]  # what it says

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.pid = 0
        self.state = State.STARTING
        self.started_at = self._loop.time()
        self.ready_at = FOREVER
        # Ready, Failed, or None when it ended without a word.
        self.started: asyncio.Future[Ready | Failed | None] = self._loop.create_future()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        self.told_to_stop = False
        self.killed_because = ""  # when it was the supervisor who killed it
        self.slow = False  # to start, and that has been told
        self.orphaned = False  # nobody will tell its exit code
        self.last_traceback = ""  # what it wrote when it crashed
        self.stacks: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when it has ended
        self._channel: Channel | None = None
        self._heard = False  # all that it had to say
        self._code: int | None = None

    @property
    def age(self) -> float:
        """Seconds since it was forked."""
        return self._loop.time() - self.started_at

    async def attach(self, end: socket.socket) -> None:
        """Messages go through the socket `end` from now on."""
        self._channel = await Channel.open(end, self.messages, self.receive, self.channel_lost)

    def send(self, message: msgspec.Struct) -> None:
        """Say something to it, if it is still there."""
        if self._channel is not None:
            self._channel.send(message)

    def send_with(self, message: msgspec.Struct, descriptors: Sequence[int]) -> bool:
        """Send descriptors along; whether it is still there."""
        return self._channel is not None and self._channel.send_with(message, descriptors)

    def close_channel(self) -> None:
        """It is told nothing more."""
        if self._channel is not None:
            self._channel.close()

    def receive(self, message: Any) -> None:
        """It says something: `Ready` and `Failed` are understood here."""
        if isinstance(message, Ready | Failed) and not self.started.done():
            self.started.set_result(message)
            if isinstance(message, Ready):
                self.ready_at = self._loop.time()
                if self.state is State.STARTING:
                    self.state = State.SERVING

    def channel_lost(self) -> None:
        """All that it had to say has been heard."""
        self._channel = None
        self._heard = True
        if self.orphaned:
            self.exited(UNKNOWN)
        if self._code is not None:
            self.end()

    def orphan(self) -> None:
        """Whoever would have told its exit code is gone: it has ended when its channel closes."""
        self.orphaned = True
        if self._heard:
            self.exited(UNKNOWN)

    def exited(self, code: int) -> None:
        """The process is gone; what it said last may still be on its way."""
        if self._code is not None:
            return
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
        self.close_channel()
        self.last_traceback = readable(self.written())
        self.stacks.close()
        if not self.started.done():
            self.started.set_result(None)
        self.ended.set_result(self._code)

    def give_up(self) -> None:
        """It need not start any more."""
        self.told_to_stop = True
        self.signal(signal.SIGTERM)
        # The application may have its own mind about SIGTERM.
        self._loop.call_later(LAST_RESORT, self.kill, "it did not stop in time")

    def kill(self, reason: str) -> None:
        """End it at once."""
        self.killed_because = self.killed_because or reason
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self._code is None and self.pid:
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
        return b"" if self.stacks.closed else os.pread(self.stacks.fileno(), LONGEST_TRACEBACK, 0)


# The exit code of a process that ended without our learning it.
UNKNOWN = 255


def describe_end(code: int) -> str:
    """`was killed by SIGKILL` or `ended with exit code 1`, after the name of a process."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def readable(written: bytes) -> str:
    """What faulthandler wrote, without the frames below the application's and the list of modules written in C."""
    lines = []
    ours = False
    for line in written.decode("utf-8", "replace").splitlines():
        ours = (ours or BOTTOM in line) and bool(line)
        if not ours and not line.startswith("Extension modules: "):
            lines.append(line)
    return "\n".join(lines).strip()
