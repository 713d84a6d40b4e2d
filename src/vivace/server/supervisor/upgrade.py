"""Binary upgrade: a new server, of whatever code is on the disk now, takes over the sockets of the running one.

The running server executes its own command line again and gives the new one its listening sockets, so that no
connection is refused at any time. Only when the workers of the new one serve does it drain its own; a new one that
fails changes nothing. What the two say to each other is in `vivace.server.handover`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from vivace.server.errors import ServerError
from vivace.server.handover import (
    LISTENERS,
    UPGRADE_FD,
    Accepted,
    Announcement,
    FromNew,
    FromOld,
    InPlace,
    Refusal,
    Withdrawn,
)
from vivace.server.logging import server_logger
from vivace.server.supervisor.child import describe_end

# For the new server to take the pid file and the control socket, which is a moment's work.
TAKE_OVER = 10.0
# For one that is not wanted any more to stop its workers.
FAREWELL = 10.0
POLL = 0.05
LONGEST_LINE = 1 << 20
_from_new = msgspec.json.Decoder(FromNew)


class UpgradeFailed(ServerError):
    """There is no new server, and the old one serves on."""


class NewServer:
    """The process that is to take over, as long as it may still fail."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self.process = process
        self._channel = channel
        self._channel.setblocking(False)
        self._read = b""

    @classmethod
    def start(cls, folder: Path, listeners: Iterable[tuple[str, int]]) -> NewServer:
        """Execute the command line of this process again, in `folder`, with those sockets. Raises UpgradeFailed."""
        given: dict[str, list[int]] = {}
        for name, number in listeners:
            given.setdefault(name, []).append(number)
        ours, theirs = socket.socketpair()
        with theirs:
            numbers = [number for several in given.values() for number in several]
            environ = dict(os.environ)
            # Systemd's watchdog names the process it watches: the new one is that as soon as it has taken over.
            environ.pop("WATCHDOG_PID", None)
            environ |= {LISTENERS: msgspec.json.encode(given).decode(), UPGRADE_FD: str(theirs.fileno())}
            try:
                process = subprocess.Popen(  # noqa: S603 - our own command line
                    sys.orig_argv,
                    executable=sys.executable,
                    cwd=folder,
                    env=environ,
                    pass_fds=[theirs.fileno(), *numbers],
                )
            except OSError as error:
                ours.close()
                raise UpgradeFailed(f"The new server could not be started: {error.strerror or error}.") from None
        return cls(process, ours)

    async def announcement(self) -> Announcement:
        """Wait until its workers are ready. UpgradeFailed, with why it will never be."""
        message = await self._next()
        if isinstance(message, Announcement):
            return message
        raise UpgradeFailed(await self._failure(message))

    async def take_over(self) -> None:
        """Let it have our place, and wait until it has. UpgradeFailed."""
        await self._say(Accepted())
        message = await self._next()
        if not isinstance(message, InPlace):
            raise UpgradeFailed(await self._failure(message))

    async def end(self) -> None:
        """Stop it: politely, then by force."""
        with contextlib.suppress(OSError):
            await self._say(Withdrawn())
        if not await self._has_ended(0):
            self.process.send_signal(signal.SIGTERM)
            if not await self._has_ended(FAREWELL):
                self.process.kill()
                await self._has_ended(FAREWELL)

    def close(self) -> None:
        """Close our end of the channel."""
        self._channel.close()

    async def _next(self) -> FromNew | None:
        """The next message, or None when there will be no more."""
        loop = asyncio.get_running_loop()
        while b"\n" not in self._read:
            try:
                piece = await loop.sock_recv(self._channel, 65536)
            except ConnectionResetError:
                piece = b""
            if not piece or len(self._read) > LONGEST_LINE:
                return None
            self._read += piece
        line, _, self._read = self._read.partition(b"\n")
        try:
            message: FromNew = _from_new.decode(line)
        except msgspec.DecodeError as error:
            # Another version's words.
            message = Refusal(f"The new server says what this one does not understand ({error}).")
        return message

    async def _say(self, message: FromOld) -> None:
        await asyncio.get_running_loop().sock_sendall(self._channel, msgspec.json.encode(message) + b"\n")

    async def _failure(self, message: FromNew | None) -> str:
        if isinstance(message, Refusal):
            return message.message
        if await self._has_ended(FAREWELL):
            return f"The new server {describe_end(self.process.returncode)} before it was ready; see what it printed."
        return "The new server has closed its connection to this one before it was ready."

    async def _has_ended(self, patience: float) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        while self.process.poll() is None:
            if loop.time() >= end:
                return False
            await asyncio.sleep(POLL)
        return True


class Upgrade:
    """At most one upgrade at a time, of a server that was started in `folder`."""

    def __init__(self, folder: Path, timeout: float, listeners: Callable[[], Iterable[tuple[str, int]]]) -> None:
        self.folder = folder
        self.timeout = timeout
        self._listeners = listeners
        self._task: asyncio.Task[Announcement] | None = None

    async def run(self) -> Announcement:
        """Start a new server and give it our place; what is left to do here is to drain. UpgradeFailed, and logged."""
        if self._task is not None:
            raise UpgradeFailed("An upgrade is under way already.")
        try:
            check_that_the_end_is_survived(os.environ)
            server_logger.info("Upgrade: starting %s in %s.", " ".join(sys.orig_argv), self.folder)
            # A client of the control socket that leaves does not end it.
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(self._forget)
            return await asyncio.shield(self._task)
        except UpgradeFailed as error:
            server_logger.error("The upgrade failed, and this server goes on. %s", error)
            raise

    def _forget(self, task: asyncio.Task[Announcement]) -> None:
        self._task = None

    def abandon(self) -> None:
        """End an upgrade that is under way, because this server stops."""
        if self._task is not None:
            self._task.cancel()

    async def ended(self) -> None:
        """Wait until nothing is left of one that was abandoned."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> Announcement:
        new = NewServer.start(self.folder, self._listeners())
        try:
            return await self._let_it_take_over(new)
        except asyncio.CancelledError:
            await new.end()
            raise UpgradeFailed("This server stops.") from None
        except UpgradeFailed:
            await new.end()
            raise
        finally:
            new.close()

    async def _let_it_take_over(self, new: NewServer) -> Announcement:
        try:
            async with asyncio.timeout(self.timeout):
                announcement = await new.announcement()
            async with asyncio.timeout(TAKE_OVER):
                await new.take_over()
        except TimeoutError:
            raise UpgradeFailed(f"The new server was not ready within {self.timeout:g} s (upgrade_timeout).") from None
        except OSError as error:
            raise UpgradeFailed(f"The new server is gone: {error.strerror or error}.") from None
        return announcement


def check_that_the_end_is_survived(environ: Mapping[str, str]) -> None:
    """UpgradeFailed where the end of this process takes all others with it: a new server would not live long."""
    if os.getpid() == 1:
        raise UpgradeFailed(
            "This server is process 1 of a container, which ends with it. Start a new container instead."
        )
    if environ.get("SYSTEMD_EXEC_PID") == str(os.getpid()) and "NOTIFY_SOCKET" not in environ:
        raise UpgradeFailed(
            "systemd would end the service with this process. Give the unit Type=notify, "
            "so that systemd is told which process is the service from then on."
        )
