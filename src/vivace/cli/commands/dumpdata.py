"""`vivace dumpdata`: the rows of a database as text."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vivace.cli.chosen_models import chosen_models
from vivace.cli.errors import CommandError
from vivace.cli.site import chosen, database_option, site_models
from vivace.cli.target import app_option, load

if TYPE_CHECKING:
    from vivace.project import Vivace


@click.command("dumpdata")
@click.argument("names", nargs=-1, metavar="[APP[.MODEL]]...")
@click.option("--format", default="json", show_default=True, help="json, jsonl or yaml.")
@click.option("--indent", type=click.IntRange(0), help="Spaces to indent by; without it, all is one line.")
@database_option("Which database to read.")
@click.option("--exclude", "-e", multiple=True, metavar="APP[.MODEL]", help="Leave out; may be repeated.")
@click.option("--natural-foreign", is_flag=True, help="Refer to rows by their natural keys, where models have them.")
@click.option("--natural-primary", is_flag=True, help="Leave out the keys of rows that have natural ones.")
@click.option("--all", "-a", "base_manager", is_flag=True, help="Also rows that a model's default manager hides.")
@click.option("--pks", metavar="KEY,...", help="Only the rows with these keys, of one model.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A file; .gz, .bz2, .xz compress it.")
@app_option
def command(
    names: tuple[str, ...],
    format: str,
    indent: int | None,
    database: str,
    exclude: tuple[str, ...],
    natural_foreign: bool,
    natural_primary: bool,
    base_manager: bool,
    pks: str | None,
    output: Path | None,
    app: str | None,
) -> None:
    """Print the rows of a database, for `vivace loaddata`.

    Row by row, all as they are at one moment. The formats are Django's.

    \b
    vivace dumpdata --indent 2 > everything.json
    vivace dumpdata blog auth.User --natural-foreign -o fixtures/start.json.gz
    """
    site = load(app)
    if pks is not None and len(chosen_models(site, names)) != 1:
        raise CommandError("--pks names rows of one model: name the model.")
    options = {
        "format": format,
        "indent": indent,
        "use_natural_foreign_keys": natural_foreign,
        "use_natural_primary_keys": natural_primary,
        "use_base_manager": base_manager,
        "primary_keys": None if pks is None else [key.strip() for key in pks.split(",")],
    }
    count = asyncio.run(_dump(site, names, exclude, database, output, options))
    if output is not None:
        click.echo(f"{count} object{'' if count == 1 else 's'} in {output}.")


async def _dump(
    site: Vivace,
    names: tuple[str, ...],
    exclude: tuple[str, ...],
    alias: str,
    output: Path | None,
    options: dict[str, Any],
) -> int:
    from vivace.orm.serializers import dump
    from vivace.orm.serializers.formats import get_format

    get_format(options["format"])  # before a file is made
    left_out = set(chosen_models(site, exclude))
    models = [model for model in (chosen_models(site, names) if names else site_models(site)) if model not in left_out]
    async with site.connected():
        database = chosen(site, alias)
        assert site.databases is not None
        there = [model for model in models if site.databases.allow_migrate_model(alias, model)]
        if output is None:
            with nullcontext(sys.stdout) as stream:
                count = await dump(database, there, stream, **options)
                stream.flush()
            return count
        return await _dump_to(output, database, there, options)


async def _dump_to(output: Path, database: Any, models: list[Any], options: dict[str, Any]) -> int:
    """Into a file beside it first, so that a dump that fails leaves the one before."""
    from vivace.orm.serializers import dump
    from vivace.orm.serializers.fixture_files import create_fixture

    beside = output.with_name(f".{os.getpid()}.{output.name}")
    try:
        with create_fixture(beside) as stream:
            count = await dump(database, models, stream, **options)
        beside.replace(output)
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror or error}.") from error
    finally:
        beside.unlink(missing_ok=True)
    return count
