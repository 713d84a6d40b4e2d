"""`vivace lintmigrations`: what in the migrations would harm a database in use."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivace.cli.collecting import collecting_seldom
from vivace.cli.errors import CommandError
from vivace.cli.site import migration_folders, required
from vivace.cli.target import app_option, load

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.orm.migrations import Migration
    from vivace.project import Vivace


@click.command("lintmigrations")
@click.argument("label", required=False, metavar="[APP]")
@click.argument("name", required=False, metavar="[MIGRATION]")
@click.option("--unapplied", is_flag=True, help="Only those that the database does not have.")
@click.option("--since", metavar="REVISION", help="Only files that git shows as new or changed since then.")
@click.option(
    "--for", "kind", type=click.Choice(["postgresql", "mysql"]), help="For which database; the site's, unless told."
)
@app_option
@collecting_seldom
def command(
    label: str | None, name: str | None, unapplied: bool, since: str | None, kind: str | None, app: str | None
) -> None:
    """Say what in the migrations would harm a database in use.

    Tells what breaks the code that runs while they are applied, and what keeps a large table locked, each with the safe
    way. Exit code 1 when there is something. A file that is right as it is says so: allow_unsafe = ("drop-column",).

    \b
    vivace lintmigrations
    vivace lintmigrations blog 0003
    vivace lintmigrations --since main
    """
    from vivace.orm.migrations.lint import lint

    site = load(app)
    folders = migration_folders(site)
    found = lint(folders, _dialect(site, kind), label=label, name=name, selected=_selection(site, unapplied, since))
    for finding in found:
        click.echo(click.style(f"{finding.migration}  {finding.migration.path}", bold=True))
        click.echo(f"  {finding}\n")
    if found:
        raise CommandError(f"{len(found)} unsafe step{'s' if len(found) > 1 else ''}; see above for the safe way.")
    click.echo("Nothing in the migrations harms a database in use.")


def _dialect(site: Vivace, kind: str | None) -> Dialect:
    from sqlalchemy.dialects import mysql, postgresql

    if kind is None and site.database is not None and site.database.dialect.name != "sqlite":
        return site.database.dialect
    make: Callable[[], Dialect] = mysql.dialect if kind == "mysql" else postgresql.dialect
    return make()


def _selection(site: Vivace, unapplied: bool, since: str | None) -> Callable[[Migration], bool] | None:
    paths = None if since is None else _changed_since(since, migration_folders(site).values())
    revisions = asyncio.run(_unapplied(site)) if unapplied else None
    if paths is None and revisions is None:
        return None

    def is_selected(migration: Migration) -> bool:
        is_recent = paths is None or migration.path.resolve() in paths
        return is_recent and (revisions is None or migration.revision in revisions)

    return is_selected


async def _unapplied(site: Vivace) -> set[str]:
    from vivace.orm.migrations import show

    async with site.connected() as connected:
        apps = await show(required(connected), migration_folders(site))
    return {migration.revision for app in apps for migration in app.unapplied}


def _changed_since(revision: str, folders: Iterable[Path]) -> set[Path]:
    """The files of `folders` that are new or changed since the branch left `revision`, committed or not."""
    changed: set[Path] = set()
    for folder in folders:
        if folder.is_dir():
            base = _git(folder, "merge-base", "HEAD", revision).strip()
            names = _git(folder, "diff", "--name-only", "--relative", "-z", base, "--", ".").split("\0")
            names += _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--", ".").split("\0")
            changed |= {(folder / name).resolve() for name in names if name}
    return changed


def _git(folder: Path, *arguments: str) -> str:
    try:
        result = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError as error:
        raise CommandError("--since needs git, which is not installed.") from error
    if result.returncode != 0:
        raise CommandError(f"git {arguments[0]} failed in {folder}: {result.stderr.strip()}")
    return result.stdout
