"""Files into sockets (`http.response.pathsend`): by the kernel's `sendfile` on clear sockets, in pieces elsewhere.

What the page cache holds is moved in the event loop, a piece at a time: a hop to a thread costs more than the copying
(10 MiB: 4,180 MiB per second of CPU by sendfile here against 2,780 by sendfile in threads; pieces 4,660 against 1,390;
4 KiB: 110 µs against 240). Only what must come from the disk is moved in a thread, which asks the kernel for the piece
after it as well.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

T = TypeVar("T")

# A file up to this size is better read, to be sent in one write with its head, than sent by a system call of its own.
SMALL_FILE = 64 * 1024
# What is moved between two turns of the loop: 0.1 ms of its time. Twice as much would gain 7 %.
PIECE = 512 * 1024
# What is read at once where sendfile cannot be: a piece that TLS or HTTP/2 has to take in memory.
READ_PIECE = 256 * 1024


def open_file(path: str) -> tuple[int, int]:
    """A descriptor for reading the regular file at `path`, and its size. Raises OSError if there is none to read."""
    # Opening a FIFO would wait for its writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor, status.st_size


async def read_file(loop: asyncio.AbstractEventLoop, file: int, offset: int, count: int) -> bytes:
    """`count` bytes of the file descriptor from `offset`. Raises RuntimeError when the file has no such bytes."""
    if count == 0 or is_cached(file, offset + count - 1):
        data = os.pread(file, count, offset)
    else:
        data = await in_thread(loop, _read_ahead, file, offset, count)
    if len(data) < count:
        raise RuntimeError(_truncated(offset + len(data)))
    return data


async def read_pieces(
    loop: asyncio.AbstractEventLoop, file: int, offset: int, count: int
) -> AsyncGenerator[bytes, None]:
    """Those bytes in pieces; other work of the loop goes on between them. RuntimeError as soon as they end early.

    Close it (`contextlib.aclosing`) before the descriptor: a thread may be reading.
    """
    end = offset + count
    while offset < end:
        piece = await read_file(loop, file, offset, min(READ_PIECE, end - offset))
        offset += len(piece)
        yield piece
        if offset < end:
            await asyncio.sleep(0)


class FileTransfer:
    """`count` bytes of the descriptor `file` from `offset`, sent on the socket descriptor `connection` by `run`.

    The caller has written everything before them: its transport's buffer is empty, and stays so until `run` ends.
    `sent` grows meanwhile; a client that takes nothing leaves it as it is, and holds no thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: int, file: int, offset: int, count: int) -> None:
        self.loop = loop
        self.connection = connection
        self.file = file
        self.offset = offset
        self.count = count
        self.sent = 0
        self.aborted = False
        self.waiter: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Return when all is sent. Raises ConnectionError when the client is gone, or the transfer was aborted, and
        RuntimeError when the file turns out to be shorter.

        However it ends, cancelled too, nothing is written after it, and neither descriptor is in use.
        """
        # A transport may be closed meanwhile, and its descriptor's number be another client's a moment later; ours
        # stays what it is. uvloop also allows nobody else to watch the descriptor of a transport.
        out = os.dup(self.connection)
        try:
            while self.sent < self.count:
                await self._send_piece(out)
        finally:
            os.close(out)

    def abort(self) -> None:
        """End the transfer, for the connection is lost: `run` raises ConnectionAbortedError."""
        self.aborted = True
        self._wake()

    async def _send_piece(self, out: int) -> None:
        if self.aborted:
            raise ConnectionAbortedError("the connection was closed while a file was sent")
        offset = self.offset + self.sent
        count = min(PIECE, self.count - self.sent)
        try:
            if is_cached(self.file, offset + count - 1):
                sent = os.sendfile(out, self.file, offset, count)
                await asyncio.sleep(0)
            else:
                sent = await in_thread(self.loop, _send_ahead, out, self.file, offset, count)
        except BlockingIOError:
            await self._until_writable(out)
            return
        if sent == 0:
            raise RuntimeError(_truncated(offset))
        self.sent += sent

    async def _until_writable(self, out: int) -> None:
        self.waiter = self.loop.create_future()
        self.loop.add_writer(out, self._wake)
        try:
            await self.waiter
        finally:
            # While the transport has the socket open, epoll would go on watching a descriptor that was only closed.
            self.loop.remove_writer(out)
            self.waiter = None

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


def is_cached(file: int, offset: int) -> bool:
    """Whether the byte at `offset` can be read without waiting for the disk, and so, very likely, those before it."""
    try:
        os.preadv(file, [bytearray(1)], offset, os.RWF_NOWAIT)
    except OSError:  # BlockingIOError, or a file system that cannot tell
        return False
    return True


def _read_ahead(file: int, offset: int, count: int) -> bytes:
    os.posix_fadvise(file, offset + count, READ_PIECE, os.POSIX_FADV_WILLNEED)
    return os.pread(file, count, offset)


def _send_ahead(out: int, file: int, offset: int, count: int) -> int:
    os.posix_fadvise(file, offset + count, PIECE, os.POSIX_FADV_WILLNEED)
    return os.sendfile(out, file, offset, count)


def _truncated(size: int) -> str:
    return f"the file ended after {size} bytes; it was cut off while it was being sent"


async def in_thread(loop: asyncio.AbstractEventLoop, function: Callable[..., T], *arguments: object) -> T:
    """Call `function` in a thread of the loop's. Cancelled, it still waits for the thread to be done with it."""
    future = loop.run_in_executor(None, function, *arguments)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            try:
                await asyncio.wait({future})
            except asyncio.CancelledError:
                continue
        if not future.cancelled():
            # So that nobody complains of an error that was never looked at.
            future.exception()
        raise
