"""`vivace showmigrations`: list the migrations and which of them are applied."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from vivace.cli.collecting import collecting_seldom
from vivace.cli.errors import CommandError
from vivace.cli.site import chosen, database_option, migration_folders
from vivace.cli.target import app_option, load
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.project import Vivace


@click.command("showmigrations")
@click.argument("labels", nargs=-1, metavar="[APP]...")
@click.option("--list", "-l", "as_list", is_flag=True, help="By app (this is what is done unless told otherwise).")
@click.option(
    "--plan", "-p", "as_plan", is_flag=True, help="In the order in which they are applied, with what they need."
)
@database_option("Which database to look at.")
@app_option
@collecting_seldom
def command(labels: tuple[str, ...], as_list: bool, as_plan: bool, database: str, app: str | None) -> None:
    """List the migrations and which of them are applied.

    [X] is applied to the database, [ ] is not, [-] is half done.

    \b
    vivace showmigrations
    vivace showmigrations blog --plan
    """
    if as_list and as_plan:
        raise CommandError("--list and --plan are two ways to list them; choose one.")
    site = load(app)
    for label in labels:
        if site.apps.get(label) is None:
            raise CommandError(f'there is no app "{label}". {did_you_mean(label, site.apps.labels, listed_as="Apps")}')
    asyncio.run((_show_plan if as_plan else _show)(site, labels, database))


async def _show(site: Vivace, labels: tuple[str, ...], alias: str) -> None:
    from vivace.orm.migrations import show

    async with site.connected():
        apps = await show(chosen(site, alias), migration_folders(site))
    for app in apps:
        if labels and app.label not in labels:
            continue
        click.echo(click.style(app.label, bold=True))
        for migration, applied in app.migrations:
            click.echo(f" [{_mark(applied, migration == app.half_done)}] {migration.name}")
        if not app.migrations:
            click.echo(" (no migrations)")


async def _show_plan(site: Vivace, labels: tuple[str, ...], alias: str) -> None:
    from vivace.orm.migrations import show_plan

    async with site.connected():
        lines = await show_plan(chosen(site, alias), migration_folders(site), labels)
    for line in lines:
        needs = f"  (needs {', '.join(map(str, line.needs))})" if line.needs else ""
        click.echo(f"[{_mark(line.is_applied, line.is_half_done)}] {line.migration}{needs}")


def _mark(is_applied: bool, is_half_done: bool) -> str:
    return "-" if is_half_done else "X" if is_applied else " "
