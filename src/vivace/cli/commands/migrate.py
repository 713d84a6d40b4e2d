"""`vivace migrate`: bring the database up to date with the migrations."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from vivace.cli.errors import CommandError
from vivace.cli.site import migration_folders, required
from vivace.cli.target import app_option, load

if TYPE_CHECKING:
    from vivace.orm.migrations import PlannedStep
    from vivace.project import Vivace

NO_MIGRATIONS = "There are no migrations yet; `vivace makemigrations` writes them for the models."


@click.command("migrate")
@click.argument("label", required=False, metavar="[APP]")
@click.argument("name", required=False, metavar="[MIGRATION]")
@click.option("--plan", is_flag=True, help="Only print what would be done.")
@click.option("--fake", is_flag=True, help="Only mark migrations as applied.")
@app_option
def command(label: str | None, name: str | None, plan: bool, fake: bool, app: str | None) -> None:
    """Bring the database up to date with the migrations.

    With APP only that app's (and what they need); with MIGRATION forwards or backwards to that one, "zero" for none.
    Each migration is one transaction: after a failure the ones before it stay.

    \b
    vivace migrate
    vivace migrate blog 0002
    vivace migrate blog zero
    """
    if label is not None and "." in label:
        raise CommandError(
            f'"{label}" is no app label; put a space between app and migration: vivace migrate blog 0002'
        )
    asyncio.run(_migrate(load(app), label, name, plan, fake))


async def _migrate(site: Vivace, label: str | None, name: str | None, plan: bool, fake: bool) -> None:
    from vivace.orm.migrations import migrate

    target = None if label is None else (label, name)
    async with site.connected() as connected:
        database = required(connected)
        lines = _Lines()
        progress = None if plan else lines.report
        try:
            steps = await migrate(
                database, migration_folders(site), target=target, fake=fake, plan=plan, progress=progress
            )
        finally:
            lines.end()
    if not steps:
        click.echo("The database is up to date." if _has_migrations(site) else NO_MIGRATIONS)
    elif plan:
        for step in steps:
            click.echo(str(step))
            for change in step.changes:
                click.echo(f"  - {change}")


def _has_migrations(site: Vivace) -> bool:
    return any(any(folder.glob("[!_]*.py")) for folder in migration_folders(site).values())


class _Lines:
    """A line a step, which says at its end what became of it."""

    def __init__(self) -> None:
        self._is_open = False

    def report(self, step: PlannedStep, done: bool) -> None:
        """Begin the line of a step, or end it."""
        self._is_open = not done
        if done:
            click.echo(" " + click.style("done", fg="green"))
        else:
            click.echo(f"{step} …", nl=False)

    def end(self) -> None:
        """Nothing follows: a line that is open is that of a step that failed."""
        if self._is_open:
            click.echo(" " + click.style("failed", fg="red"))
