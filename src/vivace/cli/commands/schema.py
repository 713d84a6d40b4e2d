"""`vivace schema`: write the OpenAPI document of an application, or hold a file against it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import click

from vivace.cli.documents import as_text, document_of, form_of, read, write
from vivace.cli.errors import EXIT_FAILED, CommandError
from vivace.cli.target import app_option

SHOWN = 40


@click.command("schema")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it; else it is printed.")
@click.option("--format", "form", type=click.Choice(["json", "yaml"]), help="As the file's name says, else JSON.")
@click.option("--check", type=click.Path(path_type=Path), metavar="FILE", help="Whether this file is up to date.")
@click.option("--validate", is_flag=True, help="Whether it keeps OpenAPI's rules; needs openapi-spec-validator.")
@click.option("--path", metavar="/PATH", help="Which document, where the application serves several.")
@app_option
def command(
    file: Path | None, form: str | None, check: Path | None, validate: bool, path: str | None, app: str | None
) -> None:
    """Write the OpenAPI document of an application.

    It is the one that the application serves, at /api/schema/ by default, of viewsets and typed functions together.
    With --check nothing is written: exit code 1 when FILE says something else, with what is different.

    \b
    vivace schema --file openapi.yaml
    vivace schema --check openapi.yaml --validate
    """
    if check is not None and file is not None:
        raise click.UsageError("--check compares and --file writes: say one of them.")
    document = document_of(app, path)
    if validate:
        _validate(document)
    if check is not None:
        _compare(check, document)
    elif file is not None:
        write(as_text(document, form_of(file, form)), file)
        click.echo(f"{file}: {_count(document)}.", err=True)
    elif form is not None or not validate:
        click.echo(as_text(document, form_of(None, form)), nl=False)


def _count(document: dict[str, Any]) -> str:
    number = sum(len(operations) for operations in document["paths"].values())
    return "1 operation" if number == 1 else f"{number} operations"


def _validate(document: dict[str, Any]) -> None:
    try:
        validator = importlib.import_module("openapi_spec_validator").OpenAPIV31SpecValidator
    except ImportError:
        raise CommandError(
            "--validate needs openapi-spec-validator, which is not installed: pip install openapi-spec-validator"
        ) from None
    found = [
        f"  {' > '.join(str(part) for part in error.absolute_path) or 'document'}: {error.message[:300]}"
        for error in validator(json.loads(json.dumps(document))).iter_errors()
    ]
    if found:
        raise CommandError("the document is not valid OpenAPI 3.1:\n" + "\n".join(found[:SHOWN]))
    click.echo(f"The document is valid OpenAPI 3.1: {_count(document)}.", err=True)


def _compare(file: Path, document: dict[str, Any]) -> None:
    from vivace.rest.openapi.differences import differences

    # What JSON makes of it is what the file can have.
    found = list(differences(read(file), json.loads(json.dumps(document))))
    if not found:
        click.echo(f"{file} is up to date: {_count(document)}.", err=True)
        return
    for line in found[:SHOWN]:
        click.echo(click.style(line, fg={"+": "green", "-": "red"}.get(line[0], "yellow")))
    if len(found) > SHOWN:
        click.echo(f"… and {len(found) - SHOWN} more.")
    click.echo(f"{file} does not say what the application does. Write it anew: vivace schema --file {file}", err=True)
    raise click.exceptions.Exit(EXIT_FAILED)
