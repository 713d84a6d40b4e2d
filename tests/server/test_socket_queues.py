"""What the kernel holds of a connection."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

import pytest

from vivace.server.socket_queues import unread, untaken


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    if request.param == "unix":
        left, right = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            left = socket.create_connection(listener.getsockname())
            right = listener.accept()[0]
    with left, right:
        yield left, right


def test_bytes_that_have_come_are_unread_until_they_are_read(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    assert unread(right) == 0
    left.sendall(b"x" * 100)
    assert unread(right) == 100
    right.recv(40)
    assert unread(right) == 60
    right.recv(60)
    left.close()
    assert unread(right) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_bytes_that_the_client_has_no_room_for_are_untaken(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    assert untaken(left) == 0
    left.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            left.send(b"x" * 65536)
    assert untaken(left) > 0
    right.setblocking(False)
    while untaken(left) > 0:
        try:
            right.recv(65536)
        except BlockingIOError:
            continue


def test_of_a_closed_socket_nothing_is_held(pair: tuple[socket.socket, socket.socket]) -> None:
    left, _ = pair
    left.close()
    assert (unread(left), untaken(left)) == (0, 0)
