"""The control socket: `vivace ctl` asks, the supervisor does it and answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from vivace.server.errors import ServerError
from vivace.server.logging import server_logger
from vivace.server.supervisor.control_messages import LONGEST_REQUEST, Answer, Request, decode_request, encode
from vivace.server.supervisor.control_paths import check_length, is_stale

# More clients than a person has, and what they may take of each other's time.
MOST_CLIENTS = 16
PATIENCE = 30.0

Handler = Callable[[Request], Awaitable[Answer]]


class ControlSocket:
    """Answers requests on a Unix socket that only our own user, and root, may use.

    A client that is slow, silent or sends rubbish is dropped, and holds up nobody.
    """

    def __init__(self, path: Path, handler: Handler) -> None:
        self.path = path
        self.temporary = path.with_name(f".{os.getpid()}.sock")
        self._handler = handler
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._ended = False
        self._identity: tuple[int, int] | None = None

    def bind(self, *, heir: bool = False) -> None:
        """Make sure of the path, and bind beside it. ServerError when the path is another's, which an heir ignores."""
        check_length(self.path)
        if not heir and os.path.lexists(self.path) and not is_stale(self.path):
            raise ServerError(
                f"control_socket {self.path} is in use by another server, or is a file of another kind. "
                "Give this server another one."
            )
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        temporary = str(self.temporary)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            before = os.umask(0o177)
            try:
                listener.bind(temporary)
            finally:
                os.umask(before)
            found = os.stat(temporary)
        except OSError as error:
            listener.close()
            raise ServerError(f"Cannot make control_socket {self.path}: {error.strerror or error}.") from None
        self._identity = (found.st_dev, found.st_ino)
        self._listener = listener

    async def open(self) -> None:
        """Answer at the path from now on, whoever did before."""
        assert self._listener is not None
        self._server = await asyncio.start_unix_server(self._accept, sock=self._listener, limit=LONGEST_REQUEST)
        os.rename(self.temporary, self.path)

    def close(self) -> None:
        """Answer nobody any more. The path is removed if it is still ours."""
        for path in (self.path, self.temporary):
            with contextlib.suppress(OSError):
                found = os.lstat(path)
                if (found.st_dev, found.st_ino) == self._identity:
                    os.unlink(path)
        if self._server is not None:
            self._server.close()
        elif self._listener is not None:
            self._listener.close()

    async def end(self) -> None:
        """Close, and leave the clients that are left."""
        self.close()
        # One that was let in just now has not begun.
        self._ended = True
        for client in list(self._clients):
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if not self._ended and len(self._clients) <= MOST_CLIENTS:
                await self._serve(reader, writer)
        except (TimeoutError, ConnectionError):
            pass
        except asyncio.CancelledError:
            # `start_unix_server` would log that of a task it started.
            if not self._ended:
                raise
        finally:
            self._clients.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        patience: float | None = PATIENCE
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readline()
            except ValueError:
                await self._answer(writer, Answer(ok=False, error="The request is too long."))
                return
            if not line.endswith(b"\n"):
                return
            await self._answer(writer, await self._do(line))
            # It has shown what it is; after `drain` it waits here for our end.
            patience = None

    async def _do(self, line: bytes) -> Answer:
        try:
            request = decode_request(line)
        except msgspec.DecodeError as error:
            return Answer(ok=False, error=f"The request was not understood: {error}.")
        try:
            return await self._handler(request)
        except ServerError as error:
            return Answer(ok=False, error=str(error))
        except Exception:  # noqa: BLE001 - a bug of ours ends no server
            server_logger.exception("`vivace ctl %s` failed.", request.command)
            return Answer(ok=False, error="The server failed to do it; its log says why.")

    async def _answer(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        writer.write(encode(answer) + b"\n")
        async with asyncio.timeout(PATIENCE):
            await writer.drain()
