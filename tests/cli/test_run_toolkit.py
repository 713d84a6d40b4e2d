"""`vivace run --toolkit vivace`: what an application imports of Starlette is vivace.web, in whatever process."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.cli.conftest import Run, Serve

APPLICATION = """
from starlette import __version__
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

async def whose(request):
    return PlainTextResponse(type(request).__module__)

app = Starlette(routes=[Route("/", whose)])

def make():
    return app
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(APPLICATION)
    return tmp_path


@pytest.mark.parametrize(
    "options",
    [
        "main:app",
        "main.py",
        "main:make --factory",
        "main:app --workers 2",
        "main:app --workers 2 --preload",
        "main:app --reload",
        "main:app --dev",
    ],
)
def test_the_application_runs_on_our_toolkit(serve: Serve, folder: Path, options: str) -> None:
    serving = serve(*options.split(), "--toolkit", "vivace")
    assert httpx.get(serving.url).text == "vivace.web.requests"
    assert serving.stop() == 0
    assert "Traceback" not in serving.output


def test_without_the_option_it_runs_on_the_installed_one(serve: Serve, folder: Path) -> None:
    assert httpx.get(serve("main:app").url).text == "starlette.requests"


def test_environment_and_pyproject_say_it_too(serve: Serve, folder: Path) -> None:
    assert httpx.get(serve("main:app", VIVACE_TOOLKIT="vivace").url).text == "vivace.web.requests"
    (folder / "pyproject.toml").write_text('[tool.vivace]\napp = "main:app"\ntoolkit = "vivace"\n')
    assert httpx.get(serve().url).text == "vivace.web.requests"


def test_another_toolkit_is_not_known(vivace: Run, folder: Path) -> None:
    result = vivace("run", "main:app", "--toolkit", "quart")
    assert result.returncode == 2
    assert "'quart' is not 'vivace'" in result.stderr


def test_what_our_toolkit_lacks_is_named(vivace: Run, folder: Path) -> None:
    (folder / "main.py").write_text("import starlette.templates\n")
    result = vivace("run", "main:app", "--toolkit", "vivace")
    assert result.returncode == 3
    assert (
        "'starlette' is an alias of 'vivace.web', and there is no 'vivace.web.templates'. Did you mean" in result.stderr
    )
    assert "Traceback" not in result.stderr


def test_a_configuration_can_be_checked_with_it(vivace: Run, folder: Path) -> None:
    result = vivace("run", "main:app", "--toolkit", "vivace", "--check-config", "--print-config")
    assert result.returncode == 0, result.stderr
    assert 'toolkit = "vivace"' in result.stdout
