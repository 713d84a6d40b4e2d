"""The pure-mode modules say the same when Python runs them: the reference that Cython's reading is held against."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.server import websocket_frames as websocket
from tests.server.protocol.http2_cases import GET, POST, PREFACE, data, frame, headers, settings

import vivace

# Kernels have no other form, and the request head is laid out for them.
LAID_OUT_FOR_KERNELS = "_request_head_cy"

SCRIPT = """
UNCOMPILED = True
import asyncio, contextvars
import vivace.server._cycle_cy as cycle_module, vivace.server._http1_cy as http1_module
import vivace.server._http2_cy as http2_module, vivace.server._http2_exchange_cy as exchange_module
import vivace.server._websocket_cy as websocket_module, vivace.server._waiter_cy as waiter_module
from vivace.server import Config
from vivace.server._service_cy import Service

modules = (cycle_module, http1_module, http2_module, exchange_module, websocket_module, waiter_module)
assert {module.__file__.endswith(".py") for module in modules} == {UNCOMPILED}

async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await echo(receive, send)
    body = b""
    while True:
        message = await receive()
        body += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/fail":
        raise ZeroDivisionError
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for piece in (body, b"!"):
        await send({"type": "http.response.body", "body": piece, "more_body": piece != b"!"})

async def main():
    loop = asyncio.get_running_loop()
    service = Service(app, Config(date_header=False, server_header=None), loop, contextvars.copy_context())
    server = await loop.create_server(lambda: http1_module.Http1Connection(service), "127.0.0.1", 0)
    for request in REQUESTS:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for piece in request.split(b"PAUSE"):
            writer.write(piece)
            await asyncio.sleep(0.02)
        writer.write_eof()
        print(await reader.read())
        writer.close()
    server.close()
    service.stop_clock()

REQUESTS = [
    b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n" * 3,
    b"PUT / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\nabcHEAD / HTTP/1.0\\r\\n\\r\\n",
    b"PUT / HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n0\\r\\n\\r\\n",
    b"PUT / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 3\\r\\n\\r\\nab",
    b"GET /fail HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n",
    b"nonsense\\r\\n\\r\\n",
    HTTP2,
    WEBSOCKET,
]
asyncio.run(main())
"""


FAIL = [*GET[:2], (b":path", b"/fail"), GET[3]]
HTTP2 = b"".join(
    (
        PREFACE + settings() + settings(flags=1),
        headers(1) + headers(3, POST, end=False) + data(3, b"abc", end=True),
        headers(5, FAIL) + headers(7, POST, end=False) + data(7, b"ab"),
        headers(9, GET[1:]) + frame(6, 0, 0, b"12345678"),
    )
)


HANDSHAKE = b"""GET / HTTP/1.1
Host: a
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

"""
FRAMES = (websocket.text("first"), websocket.frame(9, b"ping"), websocket.text("second"), websocket.close(1000, "bye"))
WEBSOCKET = b"PAUSE".join((HANDSHAKE.replace(b"\n", b"\r\n"), *FRAMES))


def answers(directory: Path, script: str) -> str:
    script = script.replace("HTTP2,", f"{HTTP2!r},").replace("WEBSOCKET,", f"{WEBSOCKET!r},")
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_compiled_and_uncompiled_answer_alike(tmp_path: Path) -> None:
    def ignored(_: str, names: list[str]) -> list[str]:
        pure = [name for name in names if "_cy." in name and not name.startswith(LAID_OUT_FOR_KERNELS)]
        return [name for name in pure if name.endswith(".so")]

    shutil.copytree(Path(vivace.__file__).parent, tmp_path / "vivace", ignore=ignored)
    uncompiled = answers(tmp_path, SCRIPT)
    (tmp_path / "elsewhere").mkdir()
    compiled = answers(tmp_path / "elsewhere", SCRIPT.replace("UNCOMPILED = True", "UNCOMPILED = False"))
    assert uncompiled == compiled
    assert uncompiled.count("HTTP/1.1 200 OK") == 6
    assert uncompiled.count("HTTP/1.1 400 Bad Request") == 2
    assert uncompiled.count("HTTP/1.1 500 Internal Server Error") == 1
    assert uncompiled.count("\\x03abc") == 1
    assert "\\x81\\x05first\\x8a\\x04ping\\x81\\x06second\\x88\\x02\\x03\\xe8" in uncompiled
