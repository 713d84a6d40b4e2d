"""Pages on migrations, followed as a reader does: files written, commands run, questions answered."""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
import termios
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "orm"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
# A question ends so, and the answer follows on its line.
ANSWER = re.compile(r"^(.*(?:\[y/N\]|null\)|no rows\)):) ?(.*)\n", re.MULTILINE)


def at_a_terminal(arguments: list[str], folder: Path, answers: list[str]) -> str:
    """What a command prints to someone who gives these answers."""
    ours, its = pty.openpty()
    settings = termios.tcgetattr(its)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(its, termios.TCSANOW, settings)
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200"}
    process = subprocess.Popen(arguments, cwd=folder, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    output = b""
    try:
        while data := os.read(ours, 65536):
            output += data
    except OSError:
        pass  # the terminal's other side is closed
    process.wait(60)
    os.close(ours)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.decode().replace("\r\n", "\n"))


def said(arguments: list[str], folder: Path, expected: str) -> tuple[str, str]:
    """What a command prints and what the page says it prints, the answers left out of both."""
    answers = [answer for _, answer in ANSWER.findall(expected)]
    output = at_a_terminal(arguments, folder, answers)
    return output.strip(), ANSWER.sub(r"\1 ", expected).strip()


@pytest.mark.parametrize("page", ["migrations-tutorial", "existing-databases"])
def test_a_page_of_commands_is_true(page: str, tmp_path: Path) -> None:
    for language, title, text in BLOCK.findall((FOLDER / f"{page}.md").read_text(encoding="utf-8")):
        if title:
            path = tmp_path / title
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif language == "console":
            for command, expected in COMMAND.findall(text):
                program, *arguments = shlex.split(command)
                name = [sys.executable, "-m", "vivace"] if program == "vivace" else [sys.executable]
                output, wanted = said([*name, *arguments], tmp_path, expected)
                assert output == wanted
