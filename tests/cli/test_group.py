"""The command line as a whole: help, unknown commands, exit codes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from vivace import __version__
from vivace.cli.group import COMMANDS, cli


def test_help_lists_every_command(vivace: Run) -> None:
    result = vivace("--help")
    assert result.returncode == 0
    for name, line in COMMANDS.items():
        assert f"{name} " in result.stdout
        assert line in result.stdout


def test_help_is_quick_and_imports_no_layer(vivace: Run) -> None:
    code = "import sys; from vivace.cli.group import cli; cli(['--help'], standalone_mode=False); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not set(loaded) & {"rich", "sqlalchemy", "asyncio", "vivace.server", "vivace.project", "vivace.orm"}
    start = time.perf_counter()
    vivace("--help")
    # Alone it takes 0.1 s; the rest is room for a busy machine.
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_an_example(vivace: Run, name: str) -> None:
    result = vivace(name, "--help")
    assert result.returncode == 0, result.stderr
    assert f"vivace {name}" in result.stdout.partition("\n")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_table_is_the_command_s_own(name: str) -> None:
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert command.name == name
    assert (command.help or "").partition("\n")[0] == COMMANDS[name]


def test_an_unknown_command_names_the_nearest(vivace: Run) -> None:
    result = vivace("migrat")
    assert result.returncode == 2
    assert 'there is no command "migrat". Did you mean "migrate"?' in result.stderr


def test_a_command_of_another_framework_is_answered_with_ours(vivace: Run) -> None:
    result = vivace("runserver")
    assert result.returncode == 2
    assert 'there is no command "runserver". `vivace run` serves the site.' in result.stderr


def test_an_unknown_option_is_a_usage_error(vivace: Run) -> None:
    result = vivace("run", "--prot", "80")
    assert result.returncode == 2
    assert "--port" in result.stderr


def test_version(vivace: Run) -> None:
    assert vivace("--version").stdout.strip() == f"vivace, version {__version__}"


@pytest.mark.parametrize("command", ["run", "routes", "check", "migrate"])
def test_without_an_application_all_ways_to_name_one_are_said(vivace: Run, tmp_path: Path, command: str) -> None:
    result = vivace(command, cwd=tmp_path)
    assert result.returncode == 3
    for way in ("--app", "[tool.vivace]", "app.py", "startproject"):
        assert way in result.stderr
    assert "Traceback" not in result.stderr
