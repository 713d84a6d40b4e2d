"""What the migration commands and `check` ask of a site: its apps' folders and its models' tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivace.cli.errors import CommandError

if TYPE_CHECKING:
    import sqlalchemy

    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.project import Vivace


DEFAULT_DATABASE = "default"


def database_option(help: str) -> Callable[[Any], Any]:
    """The option `--database ALIAS`, as the argument `database`."""
    return click.option("--database", default=DEFAULT_DATABASE, metavar="ALIAS", show_default=True, help=help)


def migration_folders(app: Vivace) -> dict[str, Path]:
    """Each app's label with its migrations folder."""
    return {installed.label: installed.migrations for installed in app.apps}


def site_models(app: Vivace) -> list[type[Model]]:
    """The models of the site's apps, in the order they were defined."""
    from vivace.orm.registry import registry

    labels = set(app.apps.labels)
    return [model for model in registry.models() if model._meta.app_label in labels]


def site_tables(app: Vivace) -> sqlalchemy.MetaData:
    """The tables that the site's models ask for."""
    from vivace.orm.schema import metadata

    return metadata(site_models(app))


def required(database: Database | None) -> Database:
    """The database, or the error that says how to have one."""
    if database is None:
        raise CommandError('the site has no database. Set DATABASE, such as "sqlite:///db.sqlite3".')
    return database


def chosen(site: Vivace, alias: str) -> Database:
    """The site's database of an alias. Raises CommandError without any, and NoDatabase with the nearest alias."""
    required(site.database)
    assert site.databases is not None
    return site.databases[alias]
