"""Finding the application, and saying why not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from vivace.server import AppLoadError, load_app

SITE = """
async def app(scope, receive, send): ...
async def other(scope, receive, send): ...
def make(): return other
def make_broken(): raise RuntimeError("planted in the factory")
class holder:
    app = other
number = 5
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """A directory with modules; what they put into `sys` is taken out again."""
    modules, path = set(sys.modules), list(sys.path)
    (tmp_path / "site_load.py").write_text(SITE)
    (tmp_path / "nothing_load.py").write_text("def views(): ...\n")
    (tmp_path / "broken_load.py").write_text("def load():\n    import not_installed_anywhere\nload()\n")
    (tmp_path / "error_load.py").write_text("x = 1 / 0\n")
    (tmp_path / "syntax_load.py").write_text("x = = 1\n")
    (tmp_path / "exit_load.py").write_text("raise SystemExit(5)\n")
    (tmp_path / "json.py").write_text("async def app(scope, receive, send): ...\nmine = True\n")
    (tmp_path / "with-dash.py").write_text("async def application(scope, receive, send): ...\n")
    package = tmp_path / "package_load"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "asgi.py").write_text("async def application(scope, receive, send): ...\n")
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("site_load:app", "app"),
        ("site_load", "app"),
        ("site_load:other", "other"),
        ("site_load:holder.app", "other"),
        ("package_load.asgi", "application"),
        ("package_load.asgi:application", "application"),
        ("site_load.py", "app"),
        ("site_load.py:other", "other"),
        ("package_load/asgi.py", "application"),
        ("with-dash.py", "application"),
    ],
)
def test_targets(site: Path, target: str, name: str) -> None:
    assert load_app(target, app_dir=site).__name__ == name


def test_a_file_is_found_by_its_absolute_path_and_loaded_once(site: Path) -> None:
    target = str(site / "site_load.py")
    assert load_app(target) is load_app(target) is load_app("site_load:app", app_dir=site)


def test_a_file_named_as_a_module_of_python_is_still_the_file(site: Path) -> None:
    app = load_app("json.py", app_dir=site)
    assert app.__module__ == "vivace_app_json"


def test_a_factory_is_called(site: Path) -> None:
    assert load_app("site_load:make", app_dir=site, factory=True) is load_app("site_load:other", app_dir=site)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            "site_laod:app",
            'Could not import "site_laod:app": there is no module "site_laod". Did you mean "site_load"?',
        ),
        ("package_load.asgy:app", 'there is no module "package_load.asgy". Did you mean "asgi"?'),
        ("package_laod.asgi:app", 'there is no module "package_laod" in'),
        ("site_load:appp", 'module site_load has no "appp". Did you mean "app"?'),
        ("site_load:holder.ap", 'type has no "ap". Did you mean "app"?'),
        ("site_load:number", '"site_load:number" is an int, not an application'),
        ("nothing_load", 'has neither "app" nor "application". Name it: "nothing_load:NAME". Callables there: views.'),
        ("site_laod.py", 'Did you mean "site_load.py"?'),
        ("nowhere/site.py", "There is no file"),
        ("a b:app", '"a b:app" does not name an application'),
        ("", '"" does not name an application'),
        ("exit_load:app", "it ended the program (SystemExit 5)"),
    ],
)
def test_what_cannot_be_found_is_explained(site: Path, target: str, message: str) -> None:
    with pytest.raises(AppLoadError) as caught:
        load_app(target, app_dir=site)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("target", "last", "lines"),
    [
        ("broken_load:app", "ModuleNotFoundError: No module named 'not_installed_anywhere'", 2),
        ("error_load:app", "ZeroDivisionError: division by zero", 1),
        ("error_load.py", "ZeroDivisionError: division by zero", 1),
        ("syntax_load:app", "SyntaxError: invalid syntax", 1),
    ],
)
def test_an_import_that_fails_shows_the_applications_own_frames(site: Path, target: str, last: str, lines: int) -> None:
    with pytest.raises(AppLoadError) as caught:
        load_app(target, app_dir=site)
    message = str(caught.value)
    assert message.startswith("Could not import ")
    assert message.endswith(last)
    assert message.count('File "') == lines
    assert "importlib" not in message
    assert "vivace/server" not in message


def test_a_missing_app_dir_is_said(site: Path) -> None:
    with pytest.raises(AppLoadError, match="is not a directory"):
        load_app("no_such_module_at_all:app", app_dir=site / "missing")


def test_a_factory_that_fails_or_is_none_is_explained(site: Path) -> None:
    with pytest.raises(AppLoadError, match=r"The factory failed:(.|\n)*planted in the factory"):
        load_app("site_load:make_broken", app_dir=site, factory=True)
    with pytest.raises(AppLoadError, match="with factory it must be a callable"):
        load_app("site_load:number", app_dir=site, factory=True)
    with pytest.raises(AppLoadError, match="The factory failed"):
        load_app("site_load:app", app_dir=site, factory=True)


def test_a_toolkit_comes_too_late_for_what_is_imported(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette", ModuleType("starlette"))
    with pytest.raises(AppLoadError, match=r"toolkit=vivace: 'starlette' was imported before"):
        load_app("site_load:app", app_dir=site, toolkit="vivace")
