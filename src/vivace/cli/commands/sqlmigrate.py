"""`vivace sqlmigrate`: print the SQL of a migration."""

from __future__ import annotations

import click

from vivace.cli.collecting import collecting_seldom
from vivace.cli.site import chosen, database_option, migration_folders
from vivace.cli.target import app_option, load


@click.command("sqlmigrate")
@click.argument("label", metavar="APP")
@click.argument("name", metavar="MIGRATION")
@click.option("--backwards", is_flag=True, help="The SQL that undoes it.")
@click.option(
    "--dialect", metavar="DIALECT", help="sqlite, postgresql, mysql or mariadb, instead of what the site has."
)
@database_option("The database whose kind of SQL is meant.")
@app_option
@collecting_seldom
def command(label: str, name: str, backwards: bool, dialect: str | None, database: str, app: str | None) -> None:
    """Print the SQL of a migration.

    For the kind of database that the site uses; nothing is connected and nothing is changed.

    \b
    vivace sqlmigrate blog 0001
    vivace sqlmigrate blog 0001 --dialect postgresql
    """
    from vivace.orm.migrations import sql

    site = load(app)
    meant = dialect or chosen(site, database).dialect
    click.echo(sql(migration_folders(site), label, name, meant, backwards=backwards), nl=False)
