"""How commands and tests find the application."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivace.conf import ConfigurationError
from vivace.project.target import Target, find_target


def configure(folder: Path, app: str) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.vivace]\napp = {app}\n")


def test_what_the_command_line_says_comes_first(tmp_path: Path) -> None:
    configure(tmp_path, '"site:app"')
    assert find_target("other:app", tmp_path) == Target("other:app", tmp_path)


def test_pyproject_comes_before_files(tmp_path: Path) -> None:
    configure(tmp_path, '"site:app"')
    (tmp_path / "app.py").touch()
    assert find_target(None, tmp_path) == Target("site:app", tmp_path)


@pytest.mark.parametrize("name", ["app.py", "main.py", "asgi.py"])
def test_usual_files_are_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert find_target(None, tmp_path) == Target(name, tmp_path)


def test_a_pyproject_further_up_is_found_from_a_folder_of_the_project(tmp_path: Path) -> None:
    configure(tmp_path, '"site:app"')
    (tmp_path / "blog").mkdir()
    (tmp_path / "blog" / "pyproject.toml").write_text("[project]\n")
    assert find_target(None, tmp_path / "blog") == Target("site:app", tmp_path)


@pytest.mark.parametrize(("text", "said"), [("[tool", "cannot be read"), ("[tool.vivace]\napp = 7", "must be text")])
def test_a_broken_pyproject_is_explained(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        find_target(None, tmp_path)


def test_another_kind_of_application_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plain_for_target.py").write_text("async def app(scope, receive, send): ...\n")
    with pytest.raises(ConfigurationError, match="is a function, and a Vivace application is needed here"):
        Target("plain_for_target.py", tmp_path).load()


def test_a_site_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "site_for_target.py").write_text("from vivace import Vivace\napp = Vivace()\n")
    assert Target("site_for_target.py:app", tmp_path).load().name == "site_for_target"


def test_without_any_application_all_ways_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no application in (.|\n)*startproject"):
        find_target(folder=tmp_path)
