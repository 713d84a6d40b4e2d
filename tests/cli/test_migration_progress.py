"""The lines of `vivace migrate`: what takes long is named, on a terminal in its line, elsewhere now and then."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from vivace.cli import migration_progress
from vivace.cli.migration_progress import Lines
from vivace.orm.migrations import PlannedStep
from vivace.orm.migrations.files import load_file


@pytest.fixture
def step(tmp_path: Path) -> PlannedStep:
    path = tmp_path / "0001_initial.py"
    path.write_text("revision = 'blog_0001'\ndef upgrade(): pass\n")
    return PlannedStep(load_file("blog", path), backwards=False)


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration_progress, "LONG", 0.0)
    monkeypatch.setattr(migration_progress, "EVERY", 0.0)


def test_a_log_gets_a_line_for_what_takes_long_and_one_at_the_end(
    step: PlannedStep, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines()
    lines.waiting(0.0)
    lines.waiting(0.1)
    lines.waiting(0.2)
    lines.tick()
    lines.started(step)
    lines.running(step, 1, 2, "CREATE INDEX by_title ON note (title)")
    lines.tick()
    lines.running(step, 2, 2, "UPDATE note SET stars = 1")
    lines.advanced(2000, 10_000)
    lines.tick()
    lines.finished(step)
    lines.failed()
    assert capsys.readouterr().out.splitlines() == [
        "Another process migrates this database; waiting for it.",
        "Apply blog 0001_initial … 0 s, step 1 of 2: CREATE INDEX by_title ON note (title)",
        "Apply blog 0001_initial … 0 s, 2,000 of 10,000 rows, step 2 of 2: UPDATE note SET stars = 1",
        "Apply blog 0001_initial … done",
    ]


def test_a_terminal_has_one_line_that_changes(
    step: PlannedStep, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "50")
    lines = Lines()
    lines.started(step)
    lines.running(step, 1, 1, "CREATE INDEX by_title_and_much_more ON note (title)")
    lines.tick()
    lines.failed()
    out = click.unstyle(capsys.readouterr().out)
    assert out.startswith("Apply blog 0001_initial … 0 s, CREATE INDEX")
    assert max(len(part) for part in out.split("\r")) <= 50
    assert out.rstrip().endswith("failed")
    assert out.count("\n") == 1
