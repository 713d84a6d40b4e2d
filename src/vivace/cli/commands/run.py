"""`vivace run`: serve an application."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from vivace.cli.run_options import RunCommand


@click.command("run", cls=RunCommand)
@click.argument("target", required=False)
def command(target: str | None, app_dir: str | None, no_server_header: bool, **options: Any) -> None:
    """Serve an application.

    TARGET is module:app, a file, or nothing: then [tool.vivace] app of pyproject.toml, else app.py, main.py or asgi.py
    in this folder. Any ASGI or WSGI application will do. Ctrl+C stops it.

    \b
    vivace run
    vivace run app.py --port 9000
    vivace run mysite.asgi:app --host 0.0.0.0
    vivace run app.py --ssl-self-signed
    """
    from vivace.project.target import find_target
    from vivace.server import run

    found = find_target(target, None if app_dir is None else Path(app_dir))
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if no_server_header:
        given["server_header"] = None
    if "log_level" in given:
        # The site's own lines too, which its settings decide.
        os.environ["VIVACE_LOG_LEVEL"] = given["log_level"].upper()
    run(found.name, app_dir=found.app_dir, **given)
