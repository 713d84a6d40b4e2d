"""`vivace check`: look for mistakes without serving."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from vivace.cli.collecting import collecting_seldom
from vivace.cli.errors import EXIT_FAILED
from vivace.cli.site import DEFAULT_DATABASE, chosen, migration_folders, site_models, site_tables
from vivace.cli.target import app_option, load

if TYPE_CHECKING:
    from vivace.project import Vivace

SHORT_KEY = 32


@click.command("check")
@click.option("--deploy", is_flag=True, help="Also what matters where strangers can reach the site.")
@click.option(
    "--database",
    is_flag=False,
    flag_value=DEFAULT_DATABASE,
    metavar="[ALIAS]",
    help="Also what the catalogs of a database say: indexes, foreign keys, keys that end.",
)
@app_option
@collecting_seldom
def command(deploy: bool, database: str | None, app: str | None) -> None:
    """Look for mistakes in settings, apps, models and routes.

    Nothing is served, and no database is connected but with --database, which reads catalogs only. Exit code 1 when
    something is wrong, 0 with at most warnings.

    \b
    vivace check
    vivace check --deploy
    vivace check --database
    """
    from vivace.conf import ConfigurationError
    from vivace.project.routing import route_lines

    site = load(app)
    try:
        site.setup()
        _ = site.middleware_stack or site.build_middleware_stack()
    except ConfigurationError as error:
        click.echo(click.style("Wrong: ", fg="red") + str(error), err=True)
        raise click.exceptions.Exit(EXIT_FAILED) from None
    warnings = [*_warnings(site), *(_deploy_warnings(site) if deploy else ())]
    if database is not None:
        warnings += asyncio.run(_database_warnings(site, database))
    for warning in warnings:
        click.echo(click.style("Warning: ", fg="yellow") + warning, err=True)
    found = "no mistakes" if not warnings else f"no mistakes, {_count(len(warnings), 'warning')}"
    routes = sum(1 for _ in route_lines(site.routes))
    click.echo(f"{site.name}: {_count(len(site.apps), 'app')}, {_count(routes, 'route')}: {found}.")


async def _database_warnings(site: Vivace, alias: str) -> list[str]:
    from vivace.orm.health import examine

    async with site.connected():
        examined = chosen(site, alias)
        if examined.dialect.name == "sqlite":
            click.echo("SQLite keeps no records of its indexes and keys: there is nothing to read.", err=True)
        return [str(finding) for finding in await examine(examined)]


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _warnings(site: Vivace) -> Iterator[str]:
    if site.database is None:
        if site_models(site):
            yield 'there are models but no database. Set DATABASE, such as "sqlite:///db.sqlite3".'
        return
    from vivace.orm.migrations import MigrationError, make
    from vivace.orm.registry import registry

    known = {model._meta.label for model in site_models(site)}
    foreign = [model._meta.label for model in registry.models() if model._meta.label not in known]
    if foreign:
        yield f"models of no installed app, which get no migrations: {', '.join(foreign)}. See INSTALLED_APPS."
    if site.origin.is_single_file and not any(folder.is_dir() for folder in migration_folders(site).values()):
        return  # `vivace run` makes its tables
    try:
        missing = make(migration_folders(site), site_tables(site), check=True)
    except MigrationError as error:
        yield str(error)
    else:
        for migration in missing:
            yield f"{migration.label} has changes without a migration: {'; '.join(migration.changes)}"


def _deploy_warnings(site: Vivace) -> Iterator[str]:
    settings = site.settings
    if settings.DEBUG:
        yield "DEBUG is on: pages show source code and settings to whoever causes an error."
    if len(settings.SECRET_KEY) < SHORT_KEY:
        yield f"SECRET_KEY has less than {SHORT_KEY} characters, so what is signed with it can be forged."
    if not settings.ALLOWED_HOSTS:
        yield "ALLOWED_HOSTS is empty: only this machine itself is answered."
    elif "*" in settings.ALLOWED_HOSTS:
        yield 'ALLOWED_HOSTS has "*": links in pages and mails can be made to lead elsewhere.'
    if settings.DATABASE and settings.DATABASE.endswith(":memory:"):
        yield "DATABASE is in memory: its rows are gone with the process."
