"""`vivace inspectdb`: print models for the tables of a database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from vivace.cli.errors import CommandError
from vivace.cli.site import required
from vivace.cli.target import app_option, load
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.project import Vivace


@click.command("inspectdb")
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("--database", metavar="ALIAS", help="One of DATABASES, instead of the default one.")
@click.option("--url", metavar="URL", help="A database that the site does not know.")
@click.option("--label", help="Only tables that begin with LABEL_; models are named without it.")
@click.option("--include-views", is_flag=True, help="Models for views, too.")
@app_option
def command(
    tables: tuple[str, ...],
    database: str | None,
    url: str | None,
    label: str | None,
    include_views: bool,
    app: str | None,
) -> None:
    """Print models for the tables of a database.

    With keys, relations, constraints, indexes, generated columns, defaults and comments. Guesses are marked.

    \b
    vivace inspectdb > blog/models.py
    vivace inspectdb --label blog
    vivace inspectdb --url postgresql://localhost/old note author
    """
    if url is not None and database is not None:
        raise click.UsageError("give --url or --database, not both.")
    if url is not None:
        asyncio.run(_inspect_url(url, tables, label, include_views))
    else:
        asyncio.run(_inspect_site(load(app), database, tables, label, include_views))


async def _inspect_url(url: str, tables: tuple[str, ...], label: str | None, views: bool) -> None:
    from vivace.databases import Database
    from vivace.orm.migrations import inspect

    click.echo(await inspect(Database(url), tables or None, views=views, label=label), nl=False)


async def _inspect_site(
    site: Vivace, alias: str | None, tables: tuple[str, ...], label: str | None, views: bool
) -> None:
    from vivace.orm.migrations import inspect
    from vivace.project.databases import database_urls, open_database

    database = required(site.database)
    if alias is not None:
        urls = database_urls(site.settings)
        if alias not in urls:
            raise CommandError(f'there is no database "{alias}". {did_you_mean(alias, urls, listed_as="Databases")}')
        database = open_database(urls[alias], site.origin.folder)
    click.echo(await inspect(database, tables or None, views=views, label=label), nl=False)
