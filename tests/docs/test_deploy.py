"""The files of docs/deploy say only what the command understands."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vivace.cli.commands.run import command
from vivace.cli.group import COMMANDS
from vivace.cli.run_sources import NAMES, collect
from vivace.conf import Settings

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
TEXTS = [path for path in sorted(DEPLOY.iterdir()) if path.is_file()]


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / name)
    return {section: dict(parser[section]) for section in parser.sections()}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_is_there_and_takes_its_options(path: Path) -> None:
    lines = re.findall(r"^(?:Exec\w+=\S*/|docker compose exec web )?vivace ([a-z].*)$", path.read_text(), re.MULTILINE)
    for line in lines:
        name, *arguments = shlex.split(line, comments=True)
        assert name in COMMANDS
        if name == "run":
            assert command.make_context("run", arguments).params


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_variable_is_an_option_or_a_setting(path: Path) -> None:
    known = {*Settings.names(), *(name.upper() for name in NAMES)}
    assert set(re.findall(r"\bVIVACE_([A-Z_]+)", path.read_text())) <= known


def test_the_dockerfiles_variables_are_understood(tmp_path: Path) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert collect({}, tmp_path, dict(re.findall(r"(VIVACE_\w+)=(\S+)", text)))["workers"].value == "auto"


def test_the_compose_file_waits_for_what_it_needs() -> None:
    services: dict[str, Any] = msgspec.yaml.decode((DEPLOY / "compose.yaml").read_text())["services"]
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["web"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert services["web"]["environment"] == services["migrate"]["environment"]


def test_the_units_fit_each_other() -> None:
    service, socket = unit("site.service"), unit("site.socket")
    assert "--bind systemd" in service["Service"]["ExecStart"]
    assert service["Service"]["Type"] == "notify"
    assert socket["Install"]["WantedBy"] == "sockets.target"
