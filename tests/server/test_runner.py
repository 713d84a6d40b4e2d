"""`run` as a process of its own: messages, exit codes, signals."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import vivace
from vivace.server import ConfigError, run
from vivace.server.types import Receive, Scope, Send

SITE = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("closed", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        print("begun", flush=True)
        await asyncio.sleep(0.5)
    if scope["path"] == "/endless":
        print("begun", flush=True)
        await asyncio.sleep(60)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

async def broken(scope, receive, send):
    await receive()
    raise RuntimeError("no database")
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site_run.py").write_text(SITE)
    return tmp_path


def command(target: str, **options: object) -> list[str]:
    keywords = "".join(f", {name}={value!r}" for name, value in options.items())
    return [sys.executable, "-c", f"from vivace.server import run; run({target!r}{keywords})"]


@contextmanager
def running(site: Path, **options: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process, and its address from the banner."""
    process = subprocess.Popen(
        command("site_run:app", **({"port": 0} | options)),
        cwd=site,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        banner = process.stderr.readline()
        found = re.search(r"serves (http://[\d.:]+) \(compiled, (uvloop|asyncio), pid \d+\)", banner)
        assert found, banner + process.stderr.read()
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=5)
    return process.returncode, output, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_signal_stops_gracefully_with_exit_code_0(site: Path, number: signal.Signals, loop: str) -> None:
    with running(site, loop=loop) as (process, url):
        with httpx.Client() as client:
            assert client.get(url).text == "hello"
            process.send_signal(number)
            code, output, errors = end(process)
    assert (code, output) == (0, "closed\n")
    assert '"GET / HTTP/1.1" 200 5 B' in errors
    assert "Traceback" not in errors


def test_a_signal_lets_a_running_request_finish(site: Path) -> None:
    with running(site) as (process, url):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            client.settimeout(5)
            answer = b""
            while piece := client.recv(65536):
                answer += piece
        assert answer.endswith(b"hello")
        assert b"connection: close" in answer
        assert end(process)[:2] == (0, "closed\n")


def test_a_second_signal_stops_at_once(site: Path) -> None:
    with running(site) as (process, url):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.3)
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 1


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("site_rum:app", 'there is no module "site_rum". Did you mean "site_run"?'),
        ("site_run:ap", 'module site_run has no "ap". Did you mean "app"?'),
        ("missing.py", "There is no file"),
        ("site_run:broken", "The application failed to start.\n"),
    ],
)
def test_a_start_that_fails_is_exit_code_3_and_one_message(site: Path, target: str, message: str) -> None:
    result = subprocess.run(command(target, port=0), cwd=site, capture_output=True, text=True, timeout=10, check=False)
    assert result.returncode == 3
    assert message in result.stderr
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    assert "vivace/server" not in result.stderr


def test_a_taken_port_is_exit_code_3(site: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = subprocess.run(
            command("site_run:app", port=port), cwd=site, capture_output=True, text=True, timeout=10, check=False
        )
    assert result.returncode == 3
    assert f"Port {port} on 127.0.0.1 is taken" in result.stderr


def test_wrong_options_are_the_callers_mistake() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean \"host\""):
        run("site:app", hots="x")


def test_a_toolkit_is_for_an_application_that_is_yet_to_be_imported() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None: ...

    with pytest.raises(ConfigError, match=r"toolkit replaces what the application imports: .* got a function"):
        run(app, toolkit="vivace")


def test_without_the_compiled_core_run_says_how_to_get_it(site: Path) -> None:
    source = Path(vivace.__file__).parent
    shutil.copytree(source, site / "vivace", ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__"))
    code = "import vivace.server; print(vivace.server.compiled); vivace.server.run('site_run:app', port=0)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=site, capture_output=True, text=True, timeout=10, check=False
    )
    assert (result.returncode, result.stdout) == (3, "False\n")
    assert "compiled core is missing" in result.stderr
    assert "pip install" in result.stderr
    assert "Traceback" not in result.stderr
