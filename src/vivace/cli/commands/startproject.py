"""`vivace startproject`: make a new project."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from vivace.cli.scaffold import check_name, render


@click.command("startproject")
@click.argument("name")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
def command(name: str, folder: Path | None) -> None:
    """Make a new project.

    Writes a folder NAME with settings, URLs, the ASGI module, tests and a pyproject.toml. Give FOLDER (such as a dot)
    to put them elsewhere. The secret key is random and stays in a .env file that git ignores.

    \b
    vivace startproject mysite && cd mysite && vivace run
    """
    check_name(name, "a project")
    into = Path(name) if folder is None else folder
    render("project", into, {"project": name, "secret_key": secrets.token_urlsafe(48)})
    click.echo(f"Made the project {name} in {into.resolve()}.\n")
    if into.resolve() != Path.cwd():
        click.echo(f"  cd {into}")
    click.echo("  vivace run               # then open http://127.0.0.1:8000")
    click.echo("  vivace startapp blog     # an app with models, views and an API")
