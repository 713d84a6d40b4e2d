"""Commands and the application they find."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Run


def test_a_command_refuses_another_kind_of_application(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("async def app(scope, receive, send): ...\n")
    result = vivace("check")
    assert result.returncode == 3
    assert '"app.py" is a function, and a Vivace application is needed here' in result.stderr


def test_a_failing_import_shows_the_sites_own_frames(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("def broken():\n    return 1 / 0\n\nbroken()\n")
    result = vivace("routes")
    assert result.returncode == 3
    assert "ZeroDivisionError" in result.stderr
    assert "line 4" in result.stderr
    assert "importlib" not in result.stderr
    assert "vivace/cli" not in result.stderr
