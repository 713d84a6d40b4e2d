"""`vivace squashmigrations`: put one migration in the place of many."""

from __future__ import annotations

import click

from vivace.cli.collecting import collecting_seldom
from vivace.cli.paths import short
from vivace.cli.site import migration_folders
from vivace.cli.target import app_option, load


@click.command("squashmigrations")
@click.argument("label", metavar="APP")
@click.argument("names", nargs=-1, required=True, metavar="[FIRST] LAST")
@click.option("--name", "--squashed-name", "-n", help="Name of the squash, instead of squashed_ and that of LAST.")
@click.option("--dry-run", is_flag=True, help="Print the squash instead of writing it.")
@app_option
@collecting_seldom
def command(label: str, names: tuple[str, ...], name: str | None, dry_run: bool, app: str | None) -> None:
    """Put one migration in the place of many.

    The migrations up to LAST (from FIRST on) become one, for databases that have none of them; they move to the folder
    "replaced", from which databases that have some go on. No database is needed.

    \b
    vivace squashmigrations blog 0012
    vivace squashmigrations blog 0004 0012
    """
    from vivace.orm.migrations import squash

    if len(names) > 2:
        raise click.UsageError("name the last migration of the squash, and at most the first before it.")
    site = load(app)
    start = names[0] if len(names) == 2 else None
    made = squash(migration_folders(site), label, names[-1], start=start, name=name, dry_run=dry_run)
    click.echo(f"Squash: {made}  {short(made.path)}")
    for migration in made.replaced:
        copied = "  (its steps are copied as they are)" if migration in made.copied else ""
        click.echo(f"  - replaces {migration.name}{copied}")
    if dry_run:
        click.echo(f"\n{made.text}")
        return
    click.echo(
        f"\nThe replaced files are in {short(made.path.parent / 'replaced')}. Remove them when every database has "
        f"{made.replaced[-1]}."
    )
    if made.dependents:
        others = ", ".join(str(item) for item in made.dependents)
        click.echo(
            f"Name the squash ({made.replaced[-1].revision}) in depends_on of {others}, if the alembic command runs "
            "your migrations; Vivace needs no change."
        )
