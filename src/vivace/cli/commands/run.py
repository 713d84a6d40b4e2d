"""`vivace run`: serve an application."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


@click.command("run")
@click.argument("target", required=False)
@click.option("--host", envvar="VIVACE_HOST", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=int, envvar="VIVACE_PORT", help="Port; 0 lets the system choose.  [default: 8000]")
@click.option("--uds", metavar="PATH", help="Listen on a Unix socket instead.")
@click.option("--factory", is_flag=True, help="TARGET is called without arguments and returns the application.")
@click.option("--app-dir", metavar="FOLDER", help="Folder that goes on sys.path.  [default: the current one]")
@click.option("--root-path", metavar="PATH", help="Path under which a proxy serves the application.")
@click.option(
    "--log-level",
    type=click.Choice(["critical", "error", "warning", "info", "debug"], case_sensitive=False),
    envvar="VIVACE_LOG_LEVEL",
    help="How much to log.  [default: info]",
)
@click.option("--access-log/--no-access-log", default=None, help="One line a request.  [default: on]")
def command(target: str | None, app_dir: str | None, **options: Any) -> None:
    """Serve an application.

    TARGET is module:app, a file, or nothing: then [tool.vivace] app of pyproject.toml, else app.py, main.py or asgi.py
    in this folder. Any ASGI application will do. Ctrl+C stops it.

    \b
    vivace run
    vivace run app.py --port 9000
    vivace run mysite.asgi:app --host 0.0.0.0
    """
    # `--help` needs no layer.
    from vivace.project.target import find_target
    from vivace.server import run

    found = find_target(target, None if app_dir is None else Path(app_dir))
    given = {name: value for name, value in options.items() if value is not None}
    if "log_level" in given:
        # The site's own lines too, which its settings decide.
        os.environ["VIVACE_LOG_LEVEL"] = given["log_level"].upper()
    run(found.name, app_dir=found.app_dir, **given)
