"""`vivace showmigrations`: list the migrations and which of them are applied."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from vivace.cli.errors import CommandError
from vivace.cli.site import migration_folders, required
from vivace.cli.target import app_option, load
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.project import Vivace


@click.command("showmigrations")
@click.argument("labels", nargs=-1, metavar="[APP]...")
@app_option
def command(labels: tuple[str, ...], app: str | None) -> None:
    """List the migrations and which of them are applied.

    [X] is applied to the database, [ ] is not.

    \b
    vivace showmigrations
    vivace showmigrations blog
    """
    site = load(app)
    for label in labels:
        if site.apps.get(label) is None:
            raise CommandError(f'there is no app "{label}". {did_you_mean(label, site.apps.labels, listed_as="Apps")}')
    asyncio.run(_show(site, labels))


async def _show(site: Vivace, labels: tuple[str, ...]) -> None:
    from vivace.orm.migrations import show

    async with site.connected() as connected:
        apps = await show(required(connected), migration_folders(site))
    for app in apps:
        if labels and app.label not in labels:
            continue
        click.echo(click.style(app.label, bold=True))
        for migration, applied in app.migrations:
            click.echo(f" [{'X' if applied else ' '}] {migration.name}")
        if not app.migrations:
            click.echo(" (no migrations)")
