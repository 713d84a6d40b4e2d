"""The tutorial, step by step, as a reader follows it: files are written, commands run, answers compared."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
# A comment before a block says what to do with a file that is there already.
BLOCK = re.compile(
    r'(?:^<!-- (append|replace: (.+?)) -->\n\n)?^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL
)
REST = "…"


@dataclass
class Reader:
    """Someone with a folder, a shell and one server running at a time."""

    folder: Path
    port: int
    server: subprocess.Popen[str] | None = None
    commands: list[str] = field(default_factory=list)

    def write(self, name: str, text: str, *, append: bool = False, replace: str | None = None) -> None:
        """Write a file; or add to it; or put `text` where its lines beginning with `replace` are."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if append:
            text = path.read_text() + "\n\n" + text
        elif replace is not None:
            lines = path.read_text().splitlines(keepends=True)
            places = [number for number, line in enumerate(lines) if line.strip().startswith(replace)]
            assert places, f"{name} has no line that begins with {replace!r}"
            text = "".join([*lines[: places[0]], text, *lines[places[-1] + 1 :]])
        path.write_text(text)

    def type(self, command: str) -> str:
        """What a command prints."""
        self.commands.append(command)
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            return ""
        if words[0] == "curl":
            return self.curl(words[1:])
        if words[:2] == ["vivace", "run"]:
            self.run(words[1:])
            return ""
        result = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.folder,
            env=self.environ(),
            capture_output=True,
            check=False,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
        return result.stdout

    def run(self, words: list[str]) -> None:
        """Serve until the next `vivace run`, or the end."""
        self.stop()
        command = [sys.executable, "-m", "vivace", *words, "--port", str(self.port)]
        self.server = subprocess.Popen(command, cwd=self.folder, env=self.environ(), text=True)
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.server.poll() is None, f"{shlex.join(words)} ended with {self.server.returncode}"
            time.sleep(0.05)
        raise AssertionError("the server does not answer")

    def stop(self) -> None:
        """Ctrl+C."""
        if self.server is not None:
            self.server.send_signal(signal.SIGINT)
            assert self.server.wait(timeout=30) == 0
            self.server = None

    def curl(self, words: list[str]) -> str:
        """`curl [-X METHOD] [-H HEADER] [-d DATA] URL` without the program."""
        method, headers, data = "GET", {}, None
        while len(words) > 1:
            option, value, *words = words
            if option == "-X":
                method = value
            elif option == "-H":
                name, _, text = value.partition(": ")
                headers[name] = text
            elif option == "-d":
                data = value
        url = words[0].replace(":8000", f":{self.port}")
        response = httpx.request(method, url, headers=headers, content=data)
        assert response.status_code < 404, f"{url}: {response.status_code} {response.text}"
        return response.text

    def environ(self) -> dict[str, str]:
        """The reader's environment: nothing of the run around this test."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("VIVACE_", "PYTEST_"))}


def answers(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what the page says it prints."""
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, said = part.partition("\n")
        found.append((command, said.strip()))
    return found


def same(printed: str, said: str) -> bool:
    """Whether the page tells the truth: equal as JSON, or as text up to a line that is `…`."""
    if said.startswith(REST):
        return True
    try:
        values: tuple[Any, Any] = json.loads(printed), json.loads(said)
    except ValueError:
        lines = said.splitlines()
        if REST in lines:
            lines = lines[: lines.index(REST)]
            return printed.splitlines()[: len(lines)] == lines
        return [line.rstrip() for line in printed.strip().splitlines()] == lines
    return bool(values[0] == values[1])


def test_the_tutorial(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reader = Reader(tmp_path, port)
    try:
        for change, replaced, language, title, text in BLOCK.findall(TUTORIAL.read_text()):
            if title:
                reader.write(title, text, append=change == "append", replace=replaced or None)
            elif language == "console":
                for command, said in answers(text):
                    printed = reader.type(command).replace(f":{port}", ":8000")
                    assert same(printed, said), f"{command}\nprinted: {printed}\nthe page: {said}"
    finally:
        if reader.server is not None and reader.server.poll() is None:
            reader.stop()
    assert len(reader.commands) > 15


@pytest.mark.parametrize(
    ("printed", "said", "expected"),
    [
        ('{"a": 1}\n', '{"a":1}', True),
        ('{"a": 1}', '{"a":2}', False),
        ("one\ntwo\n", "one\ntwo", True),
        ("one\ntwo\n", "one", False),
        ("one\ntwo\n", "one\n…", True),
        ("anything", "…", True),
        ("", "", True),
        ("something", "", False),
    ],
)
def test_an_answer_is_compared_as_json_or_as_text(printed: str, said: str, expected: bool) -> None:
    assert same(printed, said) is expected
