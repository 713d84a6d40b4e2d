"""`startproject` and `startapp` as a user runs them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_startproject_writes_a_project(vivace: Run, tmp_path: Path) -> None:
    result = vivace("startproject", "mysite", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "cd mysite" in result.stdout
    assert files(tmp_path / "mysite") == {
        ".env",
        ".gitignore",
        "README.md",
        "mysite/__init__.py",
        "mysite/asgi.py",
        "mysite/settings.py",
        "mysite/urls.py",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/test_site.py",
    }
    assert "__project__" not in "".join(
        path.read_text() for path in (tmp_path / "mysite").rglob("*.*") if path.is_file()
    )


def test_each_project_has_its_own_secret_key_which_git_ignores(vivace: Run, tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        vivace("startproject", name, cwd=tmp_path)
        keys.add((tmp_path / name / ".env").read_text())
        assert ".env" in (tmp_path / name / ".gitignore").read_text().splitlines()
    assert len(keys) == 2


def test_startproject_in_the_current_folder_overwrites_nothing(vivace: Run, tmp_path: Path) -> None:
    assert vivace("startproject", "mysite", ".", cwd=tmp_path).returncode == 0
    before = (tmp_path / ".env").read_text()
    again = vivace("startproject", "mysite", ".", cwd=tmp_path)
    assert again.returncode == 1
    assert ".env" in again.stderr
    assert "already" in again.stderr
    assert (tmp_path / ".env").read_text() == before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-site", '"my_site" would do'),
        ("class", "must be a Python identifier"),
        ("email", "already the name of an importable Python module"),
        ("vivace", "already the name of an importable Python module"),
    ],
)
def test_a_name_that_cannot_be_imported_is_refused(vivace: Run, tmp_path: Path, name: str, said: str) -> None:
    result = vivace("startproject", name, cwd=tmp_path)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_startapp_writes_an_app_and_says_what_to_add(vivace: Run, tmp_path: Path) -> None:
    vivace("startproject", "mysite", cwd=tmp_path)
    result = vivace("startapp", "blog", cwd=tmp_path / "mysite")
    assert result.returncode == 0, result.stderr
    assert files(tmp_path / "mysite" / "blog") == {
        "__init__.py",
        "api.py",
        "migrations/__init__.py",
        "models.py",
        "urls.py",
        "views.py",
    }
    assert (tmp_path / "mysite" / "tests" / "test_blog.py").is_file()
    assert 'INSTALLED_APPS = [..., "blog"]' in result.stdout
    assert 'Mount("/blog", routes=blog.urls.routes, name="blog")' in result.stdout


def test_generated_code_passes_ruff_and_strict_mypy(vivace: Run, tmp_path: Path) -> None:
    vivace("startproject", "mysite", cwd=tmp_path)
    project = tmp_path / "mysite"
    vivace("startapp", "blog", cwd=project)
    rules = "A,ASYNC,B,C4,D100,E,F,FURB,I,N,PIE,PT,RET,RUF,SIM,UP,W"
    tools = [
        ["ruff", "check", "--select", rules, "--ignore", "RUF012", "--isolated", "--line-length", "120", "."],
        ["ruff", "format", "--check", "--isolated", "--line-length", "120", "."],
        ["mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "mysite", "blog", "tests"],
    ]
    for tool in tools:
        result = subprocess.run(
            [sys.executable, "-m", *tool], cwd=project, capture_output=True, check=False, text=True, timeout=300
        )
        assert result.returncode == 0, result.stdout + result.stderr
