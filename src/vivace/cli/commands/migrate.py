"""`vivace migrate`: bring the database up to date with the migrations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from vivace.cli.collecting import collecting_seldom
from vivace.cli.errors import EXIT_FAILED, CommandError
from vivace.cli.site import chosen, database_option, migration_folders
from vivace.cli.target import app_option, load

if TYPE_CHECKING:
    from vivace.cli.migration_progress import Lines
    from vivace.databases import Database
    from vivace.orm.migrations import PlannedStep
    from vivace.project import Vivace

NO_MIGRATIONS = "There are no migrations yet; `vivace makemigrations` writes them for the models."
TICK = 0.25


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    label: str | None
    name: str | None
    plan: bool
    check: bool
    fake: bool
    fake_initial: bool
    prune: bool
    allow_unsafe: bool
    database: str


@click.command("migrate")
@click.argument("label", required=False, metavar="[APP]")
@click.argument("name", required=False, metavar="[MIGRATION]")
@click.option("--plan", is_flag=True, help="Only print what would be done.")
@click.option("--check", is_flag=True, help="Do nothing; exit code 1 when something is to be done.")
@click.option("--fake", is_flag=True, help="Only mark migrations as applied.")
@click.option(
    "--fake-initial", is_flag=True, help="Only mark an app's first migration as applied if its tables are there."
)
@click.option("--prune", is_flag=True, help="Forget applied migrations of APP whose files were deleted.")
@click.option("--allow-unsafe", is_flag=True, help="Also do what harms code that uses the database now.")
@database_option("Which database to migrate.")
@app_option
@collecting_seldom
def command(
    label: str | None,
    name: str | None,
    plan: bool,
    check: bool,
    fake: bool,
    fake_initial: bool,
    prune: bool,
    allow_unsafe: bool,
    database: str,
    app: str | None,
) -> None:
    """Bring the database up to date with the migrations.

    With APP only that app's (and what they need); with MIGRATION forwards or backwards to that one, "zero" for none.
    Each migration is one transaction where the database can have that; after a failure the ones before it stay, and
    the next run goes on. PostgreSQL and MySQL, unless with DEBUG, are taken to be in use: what would harm the code
    that runs is refused, and the safe way told.

    \b
    vivace migrate
    vivace migrate blog 0002
    vivace migrate blog zero
    """
    if label is not None and "." in label:
        raise CommandError(
            f'"{label}" is no app label; put a space between app and migration: vivace migrate blog 0002'
        )
    if prune and (label is None or name is not None):
        raise CommandError("--prune forgets migrations of one app: vivace migrate blog --prune")
    asyncio.run(
        _migrate(load(app), Options(label, name, plan, check, fake, fake_initial, prune, allow_unsafe, database))
    )


async def _migrate(site: Vivace, options: Options) -> None:
    async with site.connected():
        database = chosen(site, options.database)
        if options.prune:
            await _prune(site, database, str(options.label))
            return
        steps = await _run(site, database, options)
    if not steps:
        click.echo("The database is up to date." if _has_migrations(site) else NO_MIGRATIONS)
    elif options.plan or options.check:
        for step in steps:
            click.echo(str(step))
            for change in step.changes:
                click.echo(f"  - {change}")
        if options.check:
            raise click.exceptions.Exit(EXIT_FAILED)


async def _run(site: Vivace, database: Database, options: Options) -> list[PlannedStep]:
    from vivace.cli.migration_progress import Lines
    from vivace.orm.migrations import allowed_on, migrate

    assert site.databases is not None
    target = None if options.label is None else (options.label, options.name)
    only_plan = options.plan or options.check
    async with _shown(Lines()) as lines:
        return await migrate(
            database,
            migration_folders(site),
            target=target,
            fake=options.fake,
            fake_initial=options.fake_initial,
            plan=only_plan,
            progress=lines,
            allows=allowed_on(site.databases, options.database),
            refuse_unsafe=not (options.allow_unsafe or site.debug),
        )


@asynccontextmanager
async def _shown(lines: Lines) -> AsyncIterator[Lines]:
    """Tell about what takes long for as long as the block runs."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK)
            lines.tick()

    ticking = asyncio.create_task(tick())
    try:
        yield lines
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        lines.failed()


async def _prune(site: Vivace, database: Database, label: str) -> None:
    from vivace.orm.migrations import prune

    forgotten = await prune(database, migration_folders(site), label)
    for revision in forgotten:
        click.echo(f"Forgotten: {revision}")
    if not forgotten:
        click.echo(f"Every applied migration of {label} has its file; nothing to forget.")


def _has_migrations(site: Vivace) -> bool:
    return any(any(folder.glob("[!_]*.py")) for folder in migration_folders(site).values())
