"""The new server's side of an upgrade: what it finds in its environment, and what the old one may answer."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator

import pytest

from vivace.server import ServerError
from vivace.server.handover import LISTENERS, UPGRADE_FD, Accepted, Handover, Withdrawn, _line

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Handover]]:
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    environ = {LISTENERS: "{}", UPGRADE_FD: str(theirs.detach()), "OTHER": "stays"}
    handover = Handover.of_environment(environ)
    assert handover is not None
    assert environ == {"OTHER": "stays"}
    with ours:
        yield ours, handover
    handover.let_go()


def test_a_start_of_the_usual_kind_has_nothing_to_take_over() -> None:
    assert Handover.of_environment({"PATH": "/bin"}) is None


def test_descriptors_are_kept_from_programs_that_the_application_starts() -> None:
    ours, theirs = socket.socketpair()
    with ours, socket.socket() as listener:
        os.set_inheritable(theirs.fileno(), True)
        os.set_inheritable(listener.fileno(), True)
        environ = {LISTENERS: json.dumps({"bind a": [listener.fileno()]}), UPGRADE_FD: str(theirs.detach())}
        handover = Handover.of_environment(environ)
        assert handover is not None
        assert handover.listeners == {"bind a": [listener.fileno()]}
        assert handover.old_pid == os.getppid()
        assert not os.get_inheritable(listener.fileno())
        handover.let_go()


@pytest.mark.parametrize(("listeners", "descriptor"), [("[", "0"), ("[1]", "0"), ("{}", "x"), ("{}", "999")])
def test_what_somebody_else_put_there_is_said(listeners: str, descriptor: str) -> None:
    environ = {LISTENERS: listeners, UPGRADE_FD: descriptor}
    with pytest.raises(ServerError, match="are how a server hands over to the next one, and do not fit"):
        Handover.of_environment(environ)


async def test_it_waits_until_it_may_take_the_place(pair: tuple[socket.socket, Handover]) -> None:
    old, handover = pair
    old.sendall(_line(Accepted()))
    await handover.announce(["bind a"])
    handover.in_place()
    said = b"".join(iter(lambda: old.recv(4096), b""))
    assert [json.loads(line) for line in said.splitlines()] == [
        {"type": "Announcement", "pid": os.getpid(), "taken": ["bind a"]},
        {"type": "InPlace"},
    ]


async def test_an_old_server_that_has_given_it_up_is_obeyed(pair: tuple[socket.socket, Handover]) -> None:
    old, handover = pair
    old.sendall(_line(Withdrawn()))
    with pytest.raises(ServerError, match="did not wait any longer"):
        await handover.announce([])


async def test_an_old_server_that_has_died_keeps_nobody_from_its_place(pair: tuple[socket.socket, Handover]) -> None:
    old, handover = pair
    old.close()
    await handover.announce([])
    handover.in_place()


async def test_the_old_server_hears_why_there_will_be_none(pair: tuple[socket.socket, Handover]) -> None:
    old, handover = pair
    handover.fail("no luck")
    handover.fail("said once")
    said = b"".join(iter(lambda: old.recv(4096), b""))
    assert json.loads(said) == {"type": "Refusal", "message": "no luck"}
