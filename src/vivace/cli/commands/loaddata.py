"""`vivace loaddata`: rows from fixtures into a database."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vivace.cli.chosen_models import chosen_models
from vivace.cli.errors import CommandError
from vivace.cli.paths import short
from vivace.cli.site import chosen, database_option, site_models
from vivace.cli.target import app_option, load
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.serializers.loading import Fixture
    from vivace.project import Vivace

STDIN = "-"


@click.command("loaddata")
@click.argument("fixtures", nargs=-1, required=True, metavar="FIXTURE...")
@database_option("Which database to write to.")
@click.option("--label", help="Look for the fixtures in the folder of this app only.")
@click.option("--ignorenonexistent", "-i", is_flag=True, help="Pass over models and fields that are not there.")
@click.option("--exclude", "-e", multiple=True, metavar="APP[.MODEL]", help="Leave out; may be repeated.")
@click.option("--format", help="json, jsonl or yaml, for - (standard input).")
@app_option
def command(
    fixtures: tuple[str, ...],
    database: str,
    label: str | None,
    ignorenonexistent: bool,
    exclude: tuple[str, ...],
    format: str | None,
    app: str | None,
) -> None:
    """Install rows from fixtures: all of them, or none.

    A fixture is a file in the folder fixtures/ of an app, or here; its ending may be left out. Rows take the places of
    those with their keys. - is standard input.

    \b
    vivace loaddata start
    vivace loaddata backup/everything.json.gz
    other-site/dump | vivace loaddata - --format jsonl
    """
    site = load(app)
    folders = _folders(site, label)
    asyncio.run(_load(site, fixtures, folders, database, ignorenonexistent, exclude, format))


def _folders(site: Vivace, label: str | None) -> list[Path]:
    if label is not None and site.apps.get(label) is None:
        raise CommandError(f'there is no app "{label}". {did_you_mean(label, site.apps.labels, listed_as="Apps")}')
    own = [app.path / "fixtures" for app in site.apps if label in (None, app.label)]
    return [*[folder for folder in own if folder.is_dir()], Path.cwd()]


async def _load(
    site: Vivace,
    names: tuple[str, ...],
    folders: list[Path],
    alias: str,
    ignorenonexistent: bool,
    exclude: tuple[str, ...],
    format: str | None,
) -> None:
    from vivace.orm.serializers import load as load_fixtures

    left_out = chosen_models(site, exclude)
    paths = {name: [] if name == STDIN else _found(name, folders, alias) for name in names}
    async with site.connected():
        database = chosen(site, alias)
        assert site.databases is not None
        refused = [model for model in site_models(site) if not site.databases.allow_migrate_model(alias, model)]
        done = await load_fixtures(
            database,
            _opened(paths, format),
            ignorenonexistent=ignorenonexistent,
            exclude=[*left_out, *refused],
        )
    count = sum(len(found) or 1 for found in paths.values())
    of = "" if done.installed == done.found else f" (of {done.found})"
    click.echo(
        f"Installed {done.installed} object{'' if done.installed == 1 else 's'}{of} from {count} "
        f"fixture{'' if count == 1 else 's'}."
    )


def _found(name: str, folders: list[Path], alias: str) -> list[Path]:
    from vivace.orm.serializers import find_fixtures

    return find_fixtures(name, folders, alias)


def _opened(paths: dict[str, list[Path]], format: str | None) -> Iterator[Fixture]:
    """Each fixture, open while it is read."""
    from vivace.orm.serializers.fixture_files import format_of, open_fixture
    from vivace.orm.serializers.loading import Fixture

    for name, found in paths.items():
        if name == STDIN:
            if format is None:
                raise CommandError("--format says what standard input is: json, jsonl or yaml.")
            yield Fixture("standard input", format, sys.stdin)
        for path in found:
            try:
                with open_fixture(path) as stream:
                    yield Fixture(str(short(path)), format_of(path), stream)
            except OSError as error:
                raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from error
