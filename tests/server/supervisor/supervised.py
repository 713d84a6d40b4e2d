"""Servers with workers as processes of their own, for tests: started, asked, and read by their log."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from tests.server.waiting import PATIENCE, eventually

SITE = """
import asyncio, os, random, signal, sys, time

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("closed\\n", end="", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    body = str(os.getpid())
    if path == "/slow":
        print("begun", flush=True)
        await asyncio.sleep(1)
    elif path == "/endless":
        print("begun", flush=True)
        await asyncio.sleep(600)
    elif path == "/block":
        time.sleep(600)
    elif path == "/exit":
        os._exit(7)
    elif path == "/crash":
        import ctypes
        ctypes.string_at(0)
    elif path == "/stop":
        os.kill(os.getpid(), signal.SIGTERM)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})
"""


class Supervised:
    """A running supervisor."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, output: Path) -> None:
        self.process = process
        self.log_file = log
        self.output_file = output
        self.url = ""

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def output(self) -> str:
        return self.output_file.read_text()

    def logged(self, pattern: str, times: int = 1) -> re.Match[str]:
        """The last of so many matches in the log, waited for."""

        def look() -> re.Match[str] | None:
            found = list(re.finditer(pattern, self.log))
            return found[times - 1] if len(found) >= times else None

        try:
            return eventually(look, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None

    def said(self, text: str) -> None:
        """Wait until a worker has printed `text`."""
        eventually(lambda: text in self.output, text)

    def ask(self, path: str = "/") -> str:
        """The answer to a request on a connection of its own."""
        return httpx.get(self.url + path, timeout=PATIENCE).text

    def send(self, path: str) -> None:
        """A request whose answer never comes."""
        with httpx.Client(timeout=0.2) as client:
            try:
                client.get(self.url + path)
            except httpx.TransportError:
                return

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """The exit code."""
        return self.process.wait(PATIENCE)

    def stop(self) -> int:
        """The exit code of a graceful stop."""
        self.signal(signal.SIGTERM)
        return self.end()

    def children(self) -> list[int]:
        """The process's children, zombies included."""
        return children(self.process.pid)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(target: str, **options: object) -> list[str]:
    keywords = "".join(f", {name}={value!r}" for name, value in options.items())
    return [sys.executable, "-c", f"from vivace.server import run; run({target!r}{keywords})"]


@contextmanager
def launched(folder: Path, target: str = "site_run:app", **options: object) -> Iterator[Supervised]:
    """A process with these options of `run`, in `folder`; it and its workers are gone at the end."""
    log, output = folder / "log", folder / "output"
    with log.open("wb") as errors, output.open("wb") as printed:
        process = subprocess.Popen(
            command(target, **({"port": 0, "workers": 2, "access_log": False} | options)),
            cwd=folder,
            stdout=printed,
            stderr=errors,
            start_new_session=True,
        )
    supervised = Supervised(process, log, output)
    try:
        yield supervised
    finally:
        # The group is ours alone: the supervisor, its workers and what they started.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


@contextmanager
def supervised(folder: Path, target: str = "site_run:app", **options: object) -> Iterator[Supervised]:
    """The same, once it serves."""
    with launched(folder, target, **options) as server:
        server.url = server.logged(r"serves (\S+) with")[1]
        yield server
