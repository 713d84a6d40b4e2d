"""`vivace makemigrations`: write migrations for what changed in the models."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from vivace.cli.collecting import collecting_seldom
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
@click.option("--update", is_flag=True, help="Write the last migration anew, with the changes in it.")
@click.option("--no-input", "--noinput", is_flag=True, help="Ask nothing: nothing counts as renamed.")
@click.option(
    "--rebase",
    "moved",
    multiple=True,
    metavar="NAME",
    help="Put a migration behind the others of its app, after two branches were merged; may be repeated.",
)
@app_option
@collecting_seldom
def command(
    labels: tuple[str, ...],
    name: str | None,
    check: bool,
    dry_run: bool,
    empty: bool,
    update: bool,
    no_input: bool,
    moved: tuple[str, ...],
    app: str | None,
) -> None:
    """Write migrations for what changed in the models.

    Compares the models with the migration files; no database is needed. Asks about renames and about values for rows
    that exist already.

    \b
    vivace makemigrations
    vivace makemigrations blog --name add_slug
    vivace makemigrations blog --rebase 0003_mine
    """
    from vivace.orm.migrations import make
    from vivace.orm.migrations.questions import nobody

    site = load(app)
    folders = migration_folders(site)
    if moved and len(labels) != 1:
        raise click.UsageError("--rebase moves migrations of one app: name the app.")
    if not (check or dry_run):
        _put_into_one_line(folders, labels, moved)
    written = make(
        folders,
        site_tables(site),
        labels=labels or None,
        ask=nobody if no_input else ask,
        name=name,
        dry_run=dry_run,
        check=check,
        empty=empty,
        update=update,
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


def _put_into_one_line(folders: Mapping[str, Path], labels: Sequence[str], names: Sequence[str]) -> None:
    """Where two branches were merged: put the migrations that are named, or those of the other tables, behind."""
    from vivace.orm.migrations import rebase

    for label in labels or folders:
        while steps := rebase(folders, label, names) if label in folders else []:
            for step in steps:
                click.echo(f"Moved: {step}.")
            click.echo("  Where it was applied under its old name, undo it first or use `migrate --fake`.")
            names = ()
