"""`vivace startapp`: make a new app inside a project."""

from __future__ import annotations

from pathlib import Path

import click

from vivace.cli.scaffold import check_name, render


@click.command("startapp")
@click.argument("name")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def command(name: str, folder: Path | None) -> None:
    """Make a new app inside a project.

    An app is a package with models, migrations, views, URLs and an API of its own. It is written here, or in FOLDER;
    what to add to the project's settings and URLs is printed.

    \b
    vivace startapp blog
    """
    check_name(name, "an app")
    into = Path() if folder is None else folder
    render("app", into, {"app": name, "App": name.replace("_", " ").capitalize()})
    click.echo(f"Made the app {name} in {(into / name).resolve()}.\n")
    click.echo(f'  settings.py   INSTALLED_APPS = [..., "{name}"]')
    click.echo(f"  urls.py       import {name}.urls")
    click.echo(f'                Mount("/{name}", routes={name}.urls.routes, name="{name}")')
    click.echo(f"\nWrite models in {name}/models.py, then: vivace makemigrations && vivace migrate")
