"""Files on real sockets: whole, at the client's pace, and never after the transfer has ended."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from vivace.server.sendfile import (
    PIECE,
    READ_PIECE,
    FileTransfer,
    in_thread,
    is_cached,
    open_file,
    read_file,
    read_pieces,
)

pytestmark = pytest.mark.anyio

SIZE = 3 * PIECE + 12345
CONTENT = random.Random(1).randbytes(SIZE)


@pytest.fixture(params=["cached", "on disk"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    descriptor, size = open_file(str(path))
    assert size == SIZE
    if request.param == "on disk":
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[socket.socket, socket.socket]]:
    """Our end of a TCP connection, and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    for end in (ours, client):
        end.setblocking(False)
    yield ours, client
    ours.close()
    client.close()


async def receive(client: socket.socket, size: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = bytearray()
    async with asyncio.timeout(5):
        while len(data) < size:
            piece = await loop.sock_recv(client, min(100_000, size - len(data)))
            if not piece:
                break
            data += piece
    return bytes(data)


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    before = os.listdir("/proc/self/fd")
    yield
    assert len(os.listdir("/proc/self/fd")) == len(before)


async def until_stuck(transfer: FileTransfer) -> None:
    """Return when the client's socket takes no more."""
    async with asyncio.timeout(20):
        while transfer.waiter is None:
            await asyncio.sleep(0.01)


def endless(ours: socket.socket, file: int) -> FileTransfer:
    """A transfer of more than sockets hold, on a socket that holds little."""
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
    return FileTransfer(asyncio.get_running_loop(), ours.fileno(), file, 0, SIZE)


@pytest.mark.parametrize(("offset", "count"), [(0, SIZE), (1, SIZE - 1), (PIECE - 1, PIECE + 2), (SIZE - 1, 1), (5, 0)])
async def test_what_was_asked_for_arrives(
    pair: tuple[socket.socket, socket.socket], file: int, offset: int, count: int
) -> None:
    ours, client = pair
    loop = asyncio.get_running_loop()
    with no_descriptor_left():
        transfer = FileTransfer(loop, ours.fileno(), file, offset, count)
        arrived, _ = await asyncio.gather(receive(client, count), transfer.run())
    assert transfer.sent == count
    assert arrived == CONTENT[offset : offset + count]


async def test_a_slow_client_holds_no_thread_and_gets_all(pair: tuple[socket.socket, socket.socket], file: int) -> None:
    ours, client = pair
    transfer = endless(ours, file)
    running = asyncio.ensure_future(transfer.run())
    for _ in range(3):
        standing = -1
        while standing != transfer.sent:
            standing = transfer.sent
            await asyncio.sleep(0.03)
            await until_stuck(transfer)
        assert 0 < transfer.sent < SIZE
        await receive(client, PIECE // 2)
    await receive(client, SIZE - 3 * (PIECE // 2))
    await running
    assert transfer.sent == SIZE


async def test_a_cancelled_transfer_writes_nothing_more_and_keeps_no_descriptor(
    pair: tuple[socket.socket, socket.socket], file: int
) -> None:
    ours, client = pair
    transfer = endless(ours, file)
    running = asyncio.ensure_future(transfer.run())
    await until_stuck(transfer)
    before = len(os.listdir("/proc/self/fd"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(os.listdir("/proc/self/fd")) == before - 1
    ours.shutdown(socket.SHUT_WR)
    assert await receive(client, SIZE) == CONTENT[: transfer.sent]


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
async def test_it_can_be_cancelled_at_any_time(
    pair: tuple[socket.socket, socket.socket], file: int, turns: int
) -> None:
    ours, client = pair
    transfer = endless(ours, file)
    running = asyncio.ensure_future(transfer.run())
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    ours.shutdown(socket.SHUT_WR)
    arrived = await receive(client, SIZE)
    assert transfer.sent <= len(arrived) < SIZE
    assert CONTENT.startswith(arrived)


async def test_an_aborted_transfer_ends_with_a_connection_error(
    pair: tuple[socket.socket, socket.socket], file: int
) -> None:
    ours, _ = pair
    transfer = endless(ours, file)
    running = asyncio.ensure_future(transfer.run())
    await until_stuck(transfer)
    transfer.abort()
    with pytest.raises(ConnectionAbortedError):
        await running
    never = endless(ours, file)
    never.abort()
    with pytest.raises(ConnectionAbortedError):
        await never.run()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_client_that_is_gone_is_a_connection_error(
    pair: tuple[socket.socket, socket.socket], file: int, when: str
) -> None:
    ours, client = pair
    transfer = endless(ours, file)
    if when == "before":
        client.close()
    running = asyncio.ensure_future(transfer.run())
    if when == "meanwhile":
        await until_stuck(transfer)
        client.close()
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(running, 5)


async def test_a_file_that_became_shorter_is_an_error(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    ours, client = pair
    path = tmp_path / "file"
    path.write_bytes(b"short")
    descriptor, _ = open_file(str(path))
    transfer = FileTransfer(asyncio.get_running_loop(), ours.fileno(), descriptor, 0, 6)
    try:
        with pytest.raises(RuntimeError, match="ended after 5 bytes"):
            await transfer.run()
        assert await receive(client, 5) == b"short"
        with pytest.raises(RuntimeError, match="ended after 5 bytes"):
            await read_file(asyncio.get_running_loop(), descriptor, 2, 4)
    finally:
        os.close(descriptor)


async def test_a_connection_closed_meanwhile_never_sends_to_the_one_that_has_its_descriptor(file: int) -> None:
    loop = asyncio.get_running_loop()
    transports: asyncio.Queue[asyncio.BaseTransport] = asyncio.Queue()

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transports.put_nowait(transport)

    server = await loop.create_server(Protocol, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    with socket.socket() as first, socket.socket() as second:
        first.connect(address)
        transport = await transports.get()
        ours = transport.get_extra_info("socket")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
        descriptor = ours.fileno()
        transfer = FileTransfer(loop, descriptor, file, 0, SIZE)
        running = asyncio.ensure_future(transfer.run())
        await until_stuck(transfer)
        transport.close()
        await asyncio.sleep(0.05)
        second.connect(address)
        neighbour = await transports.get()
        assert neighbour.get_extra_info("socket").fileno() == descriptor
        first.setblocking(False)
        second.setblocking(False)
        assert CONTENT.startswith(await receive(first, PIECE))
        transfer.abort()
        with pytest.raises(ConnectionAbortedError):
            await running
        assert CONTENT[PIECE:].startswith(await receive(first, SIZE))
        neighbour.close()
        assert await receive(second, 1) == b""
    server.close()


async def test_pieces_are_the_file(file: int) -> None:
    loop = asyncio.get_running_loop()
    async with aclosing(read_pieces(loop, file, 7, SIZE - 7)) as pieces:
        read = [piece async for piece in pieces]
    assert b"".join(read) == CONTENT[7:]
    assert {len(piece) for piece in read[:-1]} == {READ_PIECE}
    assert [piece async for piece in read_pieces(loop, file, 0, 0)] == []
    assert await read_file(loop, file, 3, 0) == b""


async def test_other_work_goes_on_between_pieces(file: int) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.ensure_future(count())
    read = [piece async for piece in read_pieces(asyncio.get_running_loop(), file, 0, SIZE)]
    assert turns >= len(read) - 1
    counting.cancel()


async def test_a_cancelled_call_waits_for_its_thread() -> None:
    begun, go_on = threading.Event(), threading.Event()
    ended = False

    def slow() -> None:
        nonlocal ended
        begun.set()
        go_on.wait(5)
        ended = True
        raise OSError("nobody looks at this")

    calling = asyncio.ensure_future(in_thread(asyncio.get_running_loop(), slow))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    for _ in range(2):
        calling.cancel()
        await asyncio.sleep(0.01)
    assert not calling.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert ended


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with no_descriptor_left():
        for name in ("fifo", "missing", "."):
            with pytest.raises(OSError, match=r"not a regular file|No such file"):
                open_file(str(tmp_path / name))


def test_what_cannot_be_told_is_not_cached() -> None:
    reading, writing = os.pipe()
    assert not is_cached(reading, 0)
    os.close(reading)
    os.close(writing)
