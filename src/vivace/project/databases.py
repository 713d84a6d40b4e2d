"""The databases of a site: DATABASE and DATABASES by alias, and the routers of DATABASE_ROUTERS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivace.conf import ConfigurationError
from vivace.project.modules import import_module

if TYPE_CHECKING:
    from vivace.conf import Settings
    from vivace.databases import Database

DEFAULT = "default"


def database_urls(settings: Settings) -> dict[str, str]:
    """The URLs by alias, `"default"` first; empty for a site without a database. Raises ConfigurationError."""
    urls = dict(settings.DATABASES)
    if settings.DATABASE is not None:
        if DEFAULT in urls:
            raise ConfigurationError('DATABASE and DATABASES["default"] are the same database: give one of them.')
        return {DEFAULT: settings.DATABASE, **urls}
    if urls and DEFAULT not in urls:
        raise ConfigurationError(
            f'DATABASES: one of them is called "default" (or is DATABASE); these are called {", ".join(urls)}.'
        )
    return {DEFAULT: urls.pop(DEFAULT), **urls} if urls else {}


def load_routers(names: list[str]) -> list[Any]:
    """The routers of DATABASE_ROUTERS: dotted paths of classes or objects. Raises ConfigurationError."""
    routers = []
    for name in names:
        module, _, attribute = name.rpartition(".")
        if not module:
            raise ConfigurationError(f'DATABASE_ROUTERS: "{name}" is no dotted path such as "mysite.routers.Archive".')
        found = getattr(import_module(module, named_by="DATABASE_ROUTERS"), attribute, None)
        if found is None:
            raise ConfigurationError(f'DATABASE_ROUTERS: "{module}" has no "{attribute}".')
        routers.append(found() if isinstance(found, type) else found)
    return routers


def open_database(url: str, folder: Path, setting: str = "DATABASE") -> Database:
    """The Database of a URL; a relative SQLite file is taken from `folder`. Raises ConfigurationError."""
    from vivace.databases import Database, DatabaseURL
    from vivace.databases.errors import DatabaseError

    try:
        parsed = DatabaseURL(url)
        path = parsed.database
        if parsed.dialect == "sqlite" and path and path != ":memory:" and not Path(path).is_absolute():
            parsed = parsed.replace(database=str(folder / path))
        return Database(parsed)
    except (DatabaseError, ValueError, TypeError) as error:
        raise ConfigurationError(f"{setting}: {error}") from error
