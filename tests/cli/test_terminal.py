"""What a person at a terminal meets: the prompt of `vivace shell`, the questions of `makemigrations`, Ctrl+C."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SITE = """
from vivace import Vivace, models
app = Vivace(database="sqlite:///notes.db")

class Note(models.Model):
    text = models.TextField()
"""


# Not pty.fork(): a test process with threads must not fork. The launcher makes the terminal its own, for Ctrl+C.
LAUNCHER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "vivace", *sys.argv[1:]])
"""


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, *arguments],
            cwd=folder,
            env={**os.environ, "TERM": "dumb", "NO_COLOR": "1"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def read_until(self, text: str, seconds: float = 30) -> str:
        """What the process wrote up to and with `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            try:
                chunk = os.read(self.master, 4096) if ready else b""
            except OSError:  # the process has ended
                chunk = b""
            assert chunk, f"waited for {text!r}, seen: {self.seen}"
            self.seen += chunk.decode()
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def type(self, line: str) -> None:
        os.write(self.master, line.encode() + b"\n")

    def wait(self) -> int:
        """The exit code."""
        return self.process.wait(timeout=30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """`terminal("shell")` runs `vivace shell` in a folder that has a site in `app.py`."""
    (tmp_path / "app.py").write_text(SITE)
    running: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        running.append(Terminal(tmp_path, *arguments))
        return running[-1]

    yield start
    for each in running:
        each.close()


def test_the_prompt_awaits_keeps_names_and_survives_errors_and_ctrl_c(terminal: Callable[..., Terminal]) -> None:
    shell = terminal("shell")
    assert "Models: Note." in shell.read_until(">>> ")
    shell.type("n = await app.database.fetch_val('SELECT 40')")
    shell.read_until(">>> ")
    shell.type("n + 2")
    assert "42" in shell.read_until(">>> ")
    shell.type("await (lambda: 1/0)()")
    failed = shell.read_until(">>> ")
    assert "ZeroDivisionError" in failed
    assert "asyncio" not in failed
    shell.type("import asyncio; await asyncio.sleep(60)")
    time.sleep(1)
    os.write(shell.master, b"\x03")
    assert "KeyboardInterrupt" in shell.read_until(">>> ")
    shell.type("for i in range(2):")
    shell.read_until("... ")
    shell.type("    print(n + await asyncio.sleep(0, i))")
    shell.read_until("... ")
    shell.type("")
    assert "40\r\n41" in shell.read_until(">>> ")
    shell.type("exit()")
    assert shell.wait() == 0


def test_makemigrations_asks_about_renames_and_existing_rows(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    assert terminal("makemigrations").wait() == 0
    (tmp_path / "app.py").write_text(SITE.replace("text =", "body =") + "    stars = models.IntegerField()\n")
    asking = terminal("makemigrations", "--name", "second")
    asking.read_until("Was app_note.text renamed to app_note.body? [y/N]: ")
    asking.type("y")
    asking.read_until("Which value do existing rows get?")
    asking.read_until(": ")
    asking.type("5")
    assert asking.wait() == 0
    written = (tmp_path / "migrations" / "0002_second.py").read_text()
    assert "body" in written
    assert "5" in written


def test_ctrl_c_at_the_terminal_ends_the_server(terminal: Callable[..., Terminal]) -> None:
    serving = terminal("run", "--port", "0")
    serving.read_until("Ctrl+C stops it.")
    os.write(serving.master, b"\x03")
    assert "Traceback" not in serving.read_until("Disconnected from")
    assert serving.wait() == 0
