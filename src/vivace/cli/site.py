"""What the migration commands and `check` ask of a site: its apps' folders and its models' tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vivace.cli.errors import CommandError

if TYPE_CHECKING:
    import sqlalchemy

    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.project import Vivace


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
