"""`wsgi.input` between its two sides: nothing read too early, nothing too much, nothing lost."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio import to_thread

from vivace.utils.asgi import ClientDisconnected, Message, Receive
from vivace.utils.event_loops import current_event_loop
from vivace.utils.wsgi.handover import Handover
from vivace.utils.wsgi.request_body import READ_AHEAD, RequestBody

pytestmark = pytest.mark.anyio

PIECE = b"0123456789abcde\n" * 4096


def body_of(receive: Receive) -> RequestBody:
    handover = Handover(current_event_loop())
    handover.begin()
    return RequestBody(handover, receive)


def pieces(*data: bytes, then_disconnect: bool = False) -> tuple[Receive, list[bytes]]:
    """A `receive` of these pieces, and those that it has not given yet."""
    left = list(data)

    async def receive() -> Message:
        await anyio.sleep(0)
        if not left:
            if not then_disconnect:
                await anyio.sleep(60)
            return {"type": "http.disconnect"}
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left) or then_disconnect}

    return receive, left


async def test_nothing_is_asked_for_before_it_is_read() -> None:
    receive, left = pieces(b"one", b"two")
    body = body_of(receive)
    await anyio.sleep(0.02)
    assert len(left) == 2
    assert await to_thread.run_sync(body.readall) == b"onetwo"
    await body.end()


async def test_what_an_application_leaves_is_read_ahead_and_no_further() -> None:
    receive, left = pieces(*[PIECE] * 20)
    body = body_of(receive)
    body.begin()
    body.begin()
    await anyio.sleep(0.05)
    assert 20 - len(left) == READ_AHEAD // len(PIECE)
    buffered = io.BufferedReader(body)
    assert await to_thread.run_sync(buffered.read, len(PIECE) * 3) == PIECE * 3
    await anyio.sleep(0.05)
    assert 20 - len(left) <= READ_AHEAD // len(PIECE) + 3
    assert await to_thread.run_sync(buffered.read) == PIECE * 17
    assert buffered.read(1) == b""
    await body.end()


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda body: body.read(5), b"01234"),
        (lambda body: body.read(0), b""),
        (lambda body: body.read(len(PIECE) + 1), PIECE + b"0"),
        (lambda body: body.read(), PIECE * 3),
        (lambda body: body.read(-1), PIECE * 3),
        (lambda body: body.read(10**9), PIECE * 3),
        (lambda body: body.readline(), PIECE[:16]),
        (lambda body: body.readline(3), b"012"),
        (lambda body: b"".join(body.readlines(20)), PIECE[:32]),
        (lambda body: b"".join(body.readlines()), PIECE * 3),
        (b"".join, PIECE * 3),
        (lambda body: next(iter(body)), PIECE[:16]),
        (lambda body: b"".join(iter(lambda: body.read(7), b"")), PIECE * 3),
    ],
)
async def test_it_is_read_as_a_file_is(read: Callable[[Any], bytes], expected: bytes) -> None:
    receive, _ = pieces(PIECE, b"", PIECE[:1], PIECE[1:] + PIECE)
    body = body_of(receive)
    assert await to_thread.run_sync(read, io.BufferedReader(body)) == expected
    await body.end()


@pytest.mark.parametrize("read", [lambda body: body.read(4), lambda body: body.read(), list])
async def test_a_body_that_does_not_come_to_its_end_is_an_oserror(read: Callable[[Any], Any]) -> None:
    receive, _ = pieces(b"one", then_disconnect=True)
    body = body_of(receive)
    with pytest.raises(ClientDisconnected):
        await to_thread.run_sync(read, io.BufferedReader(body))
    await body.end()


async def test_a_reader_that_waits_is_told_of_the_end_of_the_exchange() -> None:
    receive, _ = pieces()
    body = body_of(receive)

    async def lose() -> None:
        await anyio.sleep(0.02)
        body.handover.lose()

    async with anyio.create_task_group() as group:
        group.start_soon(lose)
        with pytest.raises(ClientDisconnected):
            await to_thread.run_sync(body.readall)
    await body.end()


async def test_a_receive_that_fails_does_not_leave_the_reader_waiting() -> None:
    async def receive() -> Message:
        raise ZeroDivisionError

    body = body_of(receive)
    with pytest.raises(ClientDisconnected):
        await to_thread.run_sync(body.readall)
    assert isinstance(body.error, ZeroDivisionError)
    await body.end()
