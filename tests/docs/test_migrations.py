"""The page docs/orm/migrations.md, run as it is printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "orm" / "migrations.md"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def console(text: str, folder: Path) -> None:
    """Run each `$ vivace …` line and see that it says what is printed below it."""
    for command, expected in re.findall(r"^\$ vivace (.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        output = run([sys.executable, "-m", "vivace", *shlex.split(command)], folder)
        assert output.strip() == expected.strip()


def test_the_page_on_migrations_is_true(tmp_path: Path) -> None:
    migrations = tmp_path / "migrations"
    said = ""
    for language, title, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if language == "console":
            console(text, tmp_path)
        elif title.startswith("migrations/0002"):
            assert (tmp_path / title).read_text(encoding="utf-8").startswith(text)
        elif title:
            (tmp_path / title).write_text(text, encoding="utf-8")
        elif language == "python":
            said += run([sys.executable, "-c", text], tmp_path)
    assert "Apply blog 0002_note_stars\n['blog 0003_shout', 'blog 0004_tidy']\nBEGIN;" in said
    assert sorted(path.name for path in migrations.glob("0*.py")) == [
        "0001_initial.py",
        "0002_note_stars.py",
        "0003_shout.py",
        "0004_tidy.py",
    ]
    run([sys.executable, "-m", "vivace", "migrate", "--app", "blog.py"], tmp_path)
