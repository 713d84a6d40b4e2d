"""How every command finds the application, in this order:

1. what the command line says: `vivace run module:app`, `vivace migrate --app app.py`;
2. `app` of `[tool.vivace]` in this folder's pyproject.toml;
3. `app.py`, `main.py` or `asgi.py` in this folder;
4. `app` of `[tool.vivace]` in a pyproject.toml further up.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vivace.cli.errors import StartupError

if TYPE_CHECKING:
    from vivace.project import Vivace

USUAL_FILES = ("app.py", "main.py", "asgi.py")

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Target:
    """What to load, as the server names it, and the folder that goes on `sys.path`."""

    name: str
    app_dir: Path


def app_option(command: F) -> F:
    """The `--app` option, the same on every command that needs an application."""
    option = click.option(
        "--app", metavar="TARGET", help="The application: module:app or file.py. Found by itself where it is usual."
    )
    return option(command)


def find_target(given: str | None, app_dir: str | Path | None = None) -> Target:
    """The application to load. Raises StartupError, which names all ways, when there is none."""
    here = Path.cwd() if app_dir is None else Path(app_dir)
    if given is not None:
        return Target(given, here)
    configured = _configured(here)
    if configured is not None:
        return configured
    for name in USUAL_FILES:
        if (here / name).is_file():
            return Target(name, here)
    for folder in here.resolve().parents:
        configured = _configured(folder)
        if configured is not None:
            return configured
    raise StartupError(
        f"there is no application in {here.resolve()}.\n"
        "  Name it (`vivace run module:app`, `vivace run file.py`, `--app` on the other commands),\n"
        '  or write it in pyproject.toml ([tool.vivace], app = "mysite.asgi:app"),\n'
        f"  or call its file {', '.join(USUAL_FILES[:-1])} or {USUAL_FILES[-1]}.\n"
        "  `vivace startproject mysite` makes a new project."
    )


def load(given: str | None) -> Vivace:
    """The Vivace application for a command. Raises StartupError or the loader's AppLoadError."""
    from vivace.project import Vivace  # only commands that need an application pay for it
    from vivace.server.loading import load_app

    target = find_target(given)
    app = load_app(target.name, app_dir=target.app_dir)
    if not isinstance(app, Vivace):
        raise StartupError(
            f'"{target.name}" is a {type(app).__name__}, and this command needs a Vivace application '
            "(`app = Vivace(...)`)."
        )
    return app


def _configured(folder: Path) -> Target | None:
    path = folder / "pyproject.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StartupError(f"{path} cannot be read: {error}") from None
    section = document.get("tool", {}).get("vivace", {})
    if not isinstance(section, dict) or "app" not in section:
        return None
    if not isinstance(section["app"], str):
        raise StartupError(f'{path}: [tool.vivace] app must be text such as "mysite.asgi:app", got {section["app"]!r}')
    return Target(section["app"], folder)
