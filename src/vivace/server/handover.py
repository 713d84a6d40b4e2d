"""A server that takes the place of a running one: what it was given, and how it tells the old one that it is ready.

The old one's side is `supervisor/upgrade.py`. They talk JSON, a message a line, over a socket pair:
`Announcement` (or `Refusal`), `Accepted` (or `Withdrawn`), `InPlace`. Only after the second does the new server touch
what both have by name (pid file, control socket), only after the third does the old one drain.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping, MutableMapping
from typing import Self

import msgspec

from vivace.server.errors import ServerError

# Listening sockets as JSON, the key of each to numbers of descriptors, and the socket to the old server.
LISTENERS = "VIVACE_LISTENERS"
UPGRADE_FD = "VIVACE_UPGRADE_FD"


class Announcement(msgspec.Struct, tag=True):
    """New server: its workers are ready."""

    pid: int
    taken: list[str] = []  # keys of the listeners that it goes on with


class Refusal(msgspec.Struct, tag=True):
    """New server: it cannot serve, and ends."""

    message: str


class Accepted(msgspec.Struct, tag=True):
    """Old server: take my place."""


class Withdrawn(msgspec.Struct, tag=True):
    """Old server: it took too long; I go on."""


class InPlace(msgspec.Struct, tag=True):
    """New server: it has the pid file and the control socket."""


FromNew = Announcement | Refusal | InPlace
FromOld = Accepted | Withdrawn
_from_old = msgspec.json.Decoder(FromOld)


class Handover:
    """The new server's end. Whatever happens to the old one, a new server that is ready goes on."""

    def __init__(self, channel: socket.socket, listeners: Mapping[str, list[int]], old_pid: int) -> None:
        self.listeners = listeners
        self.old_pid = old_pid
        self._channel = channel

    @classmethod
    def of_environment(cls, environ: MutableMapping[str, str]) -> Self | None:
        """What an old server left in the environment, taken out of it; None for a start of the usual kind."""
        descriptor, listeners = environ.pop(UPGRADE_FD, None), environ.pop(LISTENERS, None)
        if descriptor is None or listeners is None:
            return None
        try:
            given = msgspec.json.decode(listeners, type=dict[str, list[int]])
            channel = socket.socket(fileno=int(descriptor))
            for number in (channel.fileno(), *(number for numbers in given.values() for number in numbers)):
                os.set_inheritable(number, False)
        except (ValueError, OSError) as error:
            raise ServerError(
                f"{UPGRADE_FD} and {LISTENERS} are how a server hands over to the next one, and do not fit: {error}."
            ) from None
        return cls(channel, given, os.getppid())

    async def announce(self, taken: list[str]) -> None:
        """Say that the workers are ready, and wait until the old server lets us take its place.

        ServerError when it has given us up. One that has died meanwhile keeps nobody from its place.
        """
        loop = asyncio.get_running_loop()
        self._channel.setblocking(False)
        answer = b""
        try:
            await loop.sock_sendall(self._channel, _line(Announcement(os.getpid(), taken)))
            while not answer.endswith(b"\n"):
                piece = await loop.sock_recv(self._channel, 4096)
                if not piece:
                    return
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            return
        if isinstance(_from_old.decode(answer), Withdrawn):
            raise ServerError("The server that this one was to follow did not wait any longer, and serves on.")

    def in_place(self) -> None:
        """Everything is taken over: the old server may go."""
        self._say(InPlace())
        self.let_go()

    def fail(self, message: str) -> None:
        """It will not be: the old server goes on, and logs why."""
        self._say(Refusal(message))
        self.let_go()

    def let_go(self) -> None:
        """Close our end, as a worker does, which its supervisor speaks for."""
        self._channel.close()

    def _say(self, message: FromNew) -> None:
        if self._channel.fileno() == -1:
            return
        self._channel.setblocking(True)
        try:
            self._channel.sendall(_line(message))
        except (BrokenPipeError, ConnectionResetError):
            return


def _line(message: FromNew | FromOld) -> bytes:
    return msgspec.json.encode(message) + b"\n"
