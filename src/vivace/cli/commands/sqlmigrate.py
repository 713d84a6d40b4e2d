"""`vivace sqlmigrate`: print the SQL of a migration."""

from __future__ import annotations

import click

from vivace.cli.site import migration_folders, required
from vivace.cli.target import app_option, load


@click.command("sqlmigrate")
@click.argument("label", metavar="APP")
@click.argument("name", metavar="MIGRATION")
@click.option("--backwards", is_flag=True, help="The SQL that undoes it.")
@app_option
def command(label: str, name: str, backwards: bool, app: str | None) -> None:
    """Print the SQL of a migration.

    For the kind of database that the site uses; nothing is connected and nothing is changed.

    \b
    vivace sqlmigrate blog 0001
    """
    from vivace.orm.migrations import sql

    site = load(app)
    dialect = required(site.database).dialect
    click.echo(sql(migration_folders(site), label, name, dialect, backwards=backwards), nl=False)
