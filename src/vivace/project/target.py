"""How commands and tests find the application, in this order:

1. what is said: `vivace run module:app`, `vivace migrate --app app.py`;
2. `app` of `[tool.vivace]` in this folder's pyproject.toml;
3. `app.py`, `main.py` or `asgi.py` in this folder;
4. `app` of `[tool.vivace]` in a pyproject.toml further up.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivace.conf import ConfigurationError
from vivace.project.application import Vivace
from vivace.server.loading import load_app
from vivace.utils.suggest import with_article

USUAL_FILES = ("app.py", "main.py", "asgi.py")


@dataclass(frozen=True, slots=True)
class Target:
    """What to load, as the server names it, and the folder that goes on `sys.path`."""

    name: str
    app_dir: Path

    def load(self) -> Vivace:
        """The Vivace application. Raises AppLoadError, or ConfigurationError for another kind of application."""
        app = self.load_any()
        if not isinstance(app, Vivace):
            raise ConfigurationError(
                f'"{self.name}" is {with_article(type(app).__name__)}, and a Vivace application is needed here '
                "(`app = Vivace(...)`)."
            )
        return app

    def load_any(self) -> Any:
        """The application, whatever it is. Raises AppLoadError."""
        return load_app(self.name, app_dir=self.app_dir)


def find_target(given: str | None = None, folder: Path | None = None) -> Target:
    """The application to load. Raises ConfigurationError, which names all ways, when there is none."""
    here = Path.cwd() if folder is None else folder
    if given is not None:
        return Target(given, here)
    configured = _configured(here)
    if configured is not None:
        return configured
    for name in USUAL_FILES:
        if (here / name).is_file():
            return Target(name, here)
    for parent in here.resolve().parents:
        configured = _configured(parent)
        if configured is not None:
            return configured
    raise ConfigurationError(
        f"there is no application in {here.resolve()}.\n"
        "  Name it (`vivace run module:app`, `vivace run file.py`, `--app` on the other commands),\n"
        '  or write it in pyproject.toml ([tool.vivace], app = "mysite.asgi:app"),\n'
        f"  or call its file {', '.join(USUAL_FILES[:-1])} or {USUAL_FILES[-1]}.\n"
        "  `vivace startproject mysite` makes a new project."
    )


def find_section(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The pyproject.toml of `folder`, or else of the nearest one above, that has a [tool.vivace], and what that says.

    Raises ConfigurationError when one cannot be read.
    """
    for place in (folder, *folder.resolve().parents):
        section = _read_section(place / "pyproject.toml")
        if section is not None:
            return place / "pyproject.toml", section
    return None


def _configured(folder: Path) -> Target | None:
    path = folder / "pyproject.toml"
    section = _read_section(path)
    if section is None or "app" not in section:
        return None
    if not isinstance(section["app"], str):
        raise ConfigurationError(
            f'{path}: [tool.vivace] app must be text such as "mysite.asgi:app", got {section["app"]!r}'
        )
    return Target(section["app"], folder)


def _read_section(path: Path) -> dict[str, Any] | None:
    """[tool.vivace] of a pyproject.toml, or None where there is none."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    section = document.get("tool", {}).get("vivace")
    if section is not None and not isinstance(section, dict):
        raise ConfigurationError(f"{path}: [tool.vivace] must be a table, got {section!r}")
    return section
