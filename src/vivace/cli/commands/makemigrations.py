"""`vivace makemigrations`: write migrations for what changed in the models."""

from __future__ import annotations

import shlex

import click

from vivace.cli.errors import EXIT_FAILED
from vivace.cli.paths import short
from vivace.cli.questions import ask
from vivace.cli.site import migration_folders, site_tables
from vivace.cli.target import app_option, load


@click.command("makemigrations")
@click.argument("labels", nargs=-1, metavar="[APP]...")
@click.option("--name", "-n", help="Name of the migration, instead of one made from the changes.")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 when a migration is missing.")
@click.option("--dry-run", is_flag=True, help="Print the migrations instead of writing them.")
@click.option("--empty", is_flag=True, help="Write a migration without operations, to be filled in by hand.")
@app_option
def command(
    labels: tuple[str, ...], name: str | None, check: bool, dry_run: bool, empty: bool, app: str | None
) -> None:
    """Write migrations for what changed in the models.

    Compares the models with the migration files; no database is needed. Asks about renames and about values for rows
    that exist already.

    \b
    vivace makemigrations
    vivace makemigrations blog --name add_slug
    """
    from vivace.orm.migrations import make

    site = load(app)
    written = make(
        migration_folders(site),
        site_tables(site),
        labels=labels or None,
        ask=ask,
        name=name,
        dry_run=dry_run,
        check=check,
        empty=empty,
    )
    if not written:
        click.echo("The migrations say what the models say; nothing to write.")
        return
    for migration in written:
        click.echo(
            f"{'Missing' if check else 'Migration'}: {migration}" + ("" if check else f"  {short(migration.path)}")
        )
        for change in migration.changes:
            click.echo(f"  - {change}")
        if dry_run:
            click.echo(f"\n{migration.text}")
    if check:
        raise click.exceptions.Exit(EXIT_FAILED)
    if not dry_run:
        click.echo(f"\nRun `vivace migrate{f' --app {shlex.quote(app)}' if app else ''}` to apply.")
