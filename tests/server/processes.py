"""Servers as processes of their own, and what tests of their place in the system look at."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.server.waiting import PATIENCE, eventually

IS_ROOT = os.geteuid() == 0
# Nothing is imported in the function: a user that tests become may not be able to read Python's own folder.
SITE = """
import os, time

if os.environ.get("SITE_IMPORT_SECONDS"):
    time.sleep(float(os.environ["SITE_IMPORT_SECONDS"]))
VERSION = "1"

def identity():
    inode = os.umask(0)
    os.umask(inode)
    return f"{os.getpid()} {os.getresuid()[0]} {os.getresgid()[0]} {inode:o} {VERSION}"

IMPORTED_AS = os.getresuid()[0]

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/become-root":
        body = "no"
        for regain in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0])):
            try:
                regain()
                body = "root"
            except PermissionError:
                pass
    elif scope["path"] == "/imported-as":
        body = str(IMPORTED_AS)
    elif scope["path"] == "/block":
        time.sleep(600)
    else:
        body = identity()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})
"""


@contextmanager
def public_folder() -> Iterator[Path]:
    """A folder that other users can read, with a site in it; pytest's own are for this user only."""
    folder = Path(tempfile.mkdtemp(prefix="vivace-test-"))
    try:
        folder.chmod(0o755)
        (folder / "site_run.py").write_text(SITE)
        yield folder
    finally:
        shutil.rmtree(folder)


class ServerProcess:
    """A process that was started with options of `run`, and its log."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.pid = process.pid

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def logged(self, pattern: str, times: int = 1) -> re.Match[str]:
        """The last of so many matches in the log, waited for."""

        def look() -> re.Match[str] | None:
            found = list(re.finditer(pattern, self.log))
            return found[times - 1] if len(found) >= times else None

        try:
            return eventually(look, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None

    def ask(self, path: str = "/", times: int = 1) -> str:
        """The answer to a request, from the address that the log names."""
        host, port = self.logged(r"serves http://([\d.]+):(\d+)", times).groups()
        return ask(host, int(port), path)

    def stop(self) -> int:
        """The exit code of a graceful stop."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def ask(host: str, port: int, path: str = "/") -> str:
    """The body of the answer to one request."""
    with socket.create_connection((host, port), PATIENCE) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return answer.partition(b"\r\n\r\n")[2].decode()


def command(target: str = "site_run:app", **options: object) -> list[str]:
    options = ({} if "bind" in options else {"port": 0}) | {"access_log": False} | options
    keywords = "".join(f", {name}={value!r}" for name, value in options.items())
    return [sys.executable, "-c", f"from vivace.server import run; run({target!r}{keywords})"]


@contextmanager
def launched(
    folder: Path,
    target: str = "site_run:app",
    environ: Mapping[str, str] | None = None,
    script: str | None = None,
    **options: object,
) -> Iterator[ServerProcess]:
    """A process in a session of its own, of which nothing is left at the end, heirs included."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command(target, **options) if script is None else [sys.executable, script],
            cwd=folder,
            env={
                **os.environ,
                "PWD": str(folder),
                "XDG_RUNTIME_DIR": "",
                "TMPDIR": str(folder.resolve()),
                **(environ or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield ServerProcess(process, folder)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
