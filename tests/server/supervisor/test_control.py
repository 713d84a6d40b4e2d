"""The control socket: who may use it, what it answers, and what an abusive client cannot do."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from vivace.server import ServerError
from vivace.server.supervisor import control
from vivace.server.supervisor.control import MOST_CLIENTS, ControlSocket
from vivace.server.supervisor.control_messages import LONGEST_REQUEST, Answer, Request

pytestmark = pytest.mark.anyio
PATIENCE = 20.0


@pytest.fixture
def anyio_backend() -> str:
    """The supervisor runs on asyncio's own loop."""
    return "asyncio"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


async def do(request: Request) -> Answer:
    """What the supervisor would do."""
    if request.command == "scale":
        raise ServerError(f"{request.count} are too many.")
    if request.command == "stop":
        raise RuntimeError("a mistake of ours")
    if request.command == "reload":
        await asyncio.sleep(3600)
    return Answer(ok=True, message=f"{request.command} was done")


@asynccontextmanager
async def listening(path: Path, *, heir: bool = False) -> AsyncIterator[ControlSocket]:
    server = ControlSocket(path, do)
    server.bind(heir=heir)
    try:
        await server.open()
        yield server
    finally:
        async with asyncio.timeout(PATIENCE):
            await server.end()


async def ask(path: Path, *lines: bytes) -> list[dict[str, object]]:
    """The answers to lines sent on one connection."""
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        answers = []
        for line in lines:
            writer.write(line)
            async with asyncio.timeout(PATIENCE):
                answers.append(json.loads(await reader.readline()))
        return answers
    finally:
        writer.close()


async def closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_requests_are_answered_one_after_the_other_on_a_connection(path: Path) -> None:
    async with listening(path):
        answers = await ask(path, b'{"command":"status"}\n', b'{"command":"scale","count":7}\n')
    assert answers == [{"ok": True, "message": "status was done"}, {"ok": False, "error": "7 are too many."}]


async def test_it_is_the_user_s_own_and_removed_at_the_end(path: Path) -> None:
    async with listening(path):
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert os.listdir(path.parent) == ["control.sock"]
    assert os.listdir(path.parent) == []


@pytest.mark.parametrize(
    "line",
    [
        b"rubbish\n",
        b"\n",
        b"{}\n",
        b'{"command":"eat"}\n',
        b'{"command":"scale","count":"x"}\n',
        b'{"command":"status","x":1}\n',
    ],
)
async def test_what_is_not_understood_is_said(path: Path, line: bytes) -> None:
    async with listening(path):
        [answer, good] = await ask(path, line, b'{"command":"status"}\n')
    assert answer["ok"] is False
    assert str(answer["error"]).startswith("The request was not understood: ")
    assert good["ok"] is True


async def test_a_mistake_of_the_server_s_own_is_logged_and_answered(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with listening(path):
        [answer] = await ask(path, b'{"command":"stop"}\n')
    assert answer == {"ok": False, "error": "The server failed to do it; its log says why."}
    assert "a mistake of ours" in caplog.text


async def test_a_request_without_end_is_refused(path: Path) -> None:
    async with listening(path):
        [answer] = await ask(path, b"x" * (3 * LONGEST_REQUEST) + b"\n")
        assert answer == {"ok": False, "error": "The request is too long."}
        assert (await ask(path, b'{"command":"status"}\n'))[0]["ok"] is True


async def test_a_client_that_leaves_in_the_middle_harms_nobody(path: Path) -> None:
    async with listening(path):
        for data in (b"", b'{"comm', b'{"command":"reload"}\n'):
            _, writer = await asyncio.open_unix_connection(path)
            writer.write(data)
            await writer.drain()
            writer.transport.abort()
        assert (await ask(path, b'{"command":"status"}\n'))[0]["ok"] is True


async def test_silent_clients_are_dropped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.05)
    async with listening(path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command":')
        assert await closed(reader)
        writer.close()


async def test_more_clients_than_a_person_has_are_turned_away_and_room_comes_back(path: Path) -> None:
    async with listening(path):
        crowd = [await asyncio.open_unix_connection(path) for _ in range(MOST_CLIENTS)]
        for reader, writer in crowd:
            writer.write(b'{"command":"status"}\n')
            await reader.readline()
        reader, writer = await asyncio.open_unix_connection(path)
        assert await closed(reader)
        for _, guest in [*crowd, (reader, writer)]:
            guest.close()
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    assert (await ask(path, b'{"command":"status"}\n'))[0]["ok"] is True
                    break
                except (ValueError, ConnectionError):
                    await asyncio.sleep(0.01)


async def test_the_end_waits_for_no_client(path: Path) -> None:
    async with listening(path):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b'{"command":"status"}\n')
        await reader.readline()
        writer.write(b'{"command":"reload"}\n')
        await writer.drain()
    assert await closed(reader)
    writer.close()


async def test_a_stale_socket_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with listening(path):
        assert (await ask(path, b'{"command":"status"}\n'))[0]["ok"] is True


async def test_a_running_server_s_socket_is_refused_and_left(path: Path) -> None:
    async with listening(path):
        with pytest.raises(ServerError, match=r"control.sock is in use by another server"):
            ControlSocket(path, do).bind()
        assert (await ask(path, b'{"command":"status"}\n'))[0]["ok"] is True


async def test_a_file_of_another_kind_is_left(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ServerError, match="or is a file of another kind"):
        ControlSocket(path, do).bind()
    assert path.read_text() == "precious"


async def test_an_heir_takes_the_path_over_and_the_old_one_does_not_remove_it(path: Path) -> None:
    async with listening(path) as old:
        heir = ControlSocket(path, do)
        # In one process both would have the same name beside the path.
        heir.temporary = path.with_name("heir.sock")
        heir.bind(heir=True)
        assert os.stat(path).st_ino == old._identity[1]  # type: ignore[index]
        await heir.open()
        await old.end()
        assert (await ask(path, b'{"command":"status"}\n'))[0]["ok"] is True
        await heir.end()
    assert os.listdir(path.parent) == []


async def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"has 103 bytes at most; .* Give a shorter control_socket"):
        ControlSocket(tmp_path / ("x" * 120), do).bind()


async def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"Cannot make control_socket .*: No such file or directory"):
        ControlSocket(tmp_path / "missing" / "a.sock", do).bind()
