"""The apps a site is made of: where each one's code, templates, static files and migrations are. Data only."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Self

from vivace.conf.errors import ConfigurationError
from vivace.utils.suggest import nearest


@dataclass(frozen=True, slots=True)
class InstalledApp:
    """One app: `label` names its models and tables ("blog.Post"), `module` imports it, `path` is its folder."""

    label: str
    module: str
    path: Path

    @property
    def migrations(self) -> Path:
        """The folder of its migrations, which need not exist yet."""
        return self.path / "migrations"

    def has_module(self, name: str) -> bool:
        """Whether the app has a `name.py` or a `name/` package of its own."""
        return (self.path / f"{name}.py").is_file() or (self.path / name / "__init__.py").is_file()


class AppRegistry:
    """The installed apps by label, in the order of INSTALLED_APPS."""

    def __init__(self, apps: Iterable[InstalledApp] = ()) -> None:
        self._apps: dict[str, InstalledApp] = {}
        for app in apps:
            other = self._apps.setdefault(app.label, app)
            if other is not app:
                raise ConfigurationError(
                    f'INSTALLED_APPS: "{other.module}" and "{app.module}" both have the label "{app.label}". '
                    "Labels name tables, so each app needs its own: rename one of the packages."
                )

    @classmethod
    def find(cls, modules: Sequence[str]) -> Self:
        """The registry for dotted package names; a name that is no package raises ConfigurationError.

        Only parent packages are imported to find them, never the apps themselves.
        """
        return cls(_find(module) for module in modules)

    def get(self, label: str) -> InstalledApp | None:
        """The app with this label, or None."""
        return self._apps.get(label)

    @property
    def labels(self) -> list[str]:
        """All labels, in order."""
        return list(self._apps)

    def __iter__(self) -> Iterator[InstalledApp]:
        return iter(self._apps.values())

    def __len__(self) -> int:
        return len(self._apps)

    def __repr__(self) -> str:
        return f"<AppRegistry {', '.join(self._apps) or 'empty'}>"


def _find(module: str) -> InstalledApp:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        spec, reason = None, f" ({error})"
    else:
        reason = ""
    path = _folder(spec)
    if path is None:
        message = f'INSTALLED_APPS: there is no package "{module}"{reason}.'
        suggestion = nearest(module, _packages_here())
        if suggestion is not None:
            message += f' Did you mean "{suggestion}"?'
        raise ConfigurationError(f"{message} `vivace startapp {module.rpartition('.')[2]}` makes a new one.")
    return InstalledApp(label=module.rpartition(".")[2], module=module, path=path)


def _folder(spec: ModuleSpec | None) -> Path | None:
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return None


def _packages_here() -> list[str]:
    return [entry.parent.name for entry in Path.cwd().glob("*/__init__.py")]
