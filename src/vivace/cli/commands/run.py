"""`vivace run`: serve an application."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vivace.cli.run_options import RunCommand
from vivace.cli.run_sources import Given, collect, explain, misspelt

if TYPE_CHECKING:
    from vivace.project.target import Target


@click.command("run", cls=RunCommand)
@click.argument("target", required=False)
@click.option("--print-config", is_flag=True, help="Print every option with its value and origin, and end.")
@click.option("--check-config", is_flag=True, help="Check options, certificates and application, and end.")
def command(target: str | None, print_config: bool, check_config: bool, dev: bool, **options: Any) -> None:
    """Serve an application.

    TARGET is module:app, a file, or nothing: then [tool.vivace] app of pyproject.toml, else app.py, main.py or asgi.py
    in this folder. Any ASGI or WSGI application will do. Ctrl+C stops it.

    Options are also read from VIVACE_* in the environment (VIVACE_PORT=9000), from .env, and from [tool.vivace] of
    pyproject.toml (port = 9000), in this order.

    \b
    vivace run --dev
    vivace run
    vivace run app.py --port 9000
    vivace run mysite.asgi:app --host 0.0.0.0
    vivace run app.py --ssl-self-signed
    """
    from vivace.conf import Settings
    from vivace.conf.settings import DEVELOPMENT_VARIABLE
    from vivace.project.target import find_target
    from vivace.server import ConfigError, run

    context = click.get_current_context()
    given = collect(_said(context, options), Path(options["app_dir"] or "."), os.environ)
    for line in misspelt(os.environ, ["VIVACE_" + name for name in Settings.names()]):
        click.echo(f"Warning: {line}", err=True)
    app_dir = given.get("app_dir")
    found = find_target(target, None if app_dir is None else Path(app_dir.value))
    given["app_dir"] = Given(found.app_dir, "the application" if app_dir is None else app_dir.origin)
    if "log_level" in given:
        # The site's own lines too, which its settings decide.
        os.environ["VIVACE_LOG_LEVEL"] = given["log_level"].value.upper()
    if dev:
        given["reload"] = Given(True, "--dev")
        os.environ[DEVELOPMENT_VARIABLE] = "1"
    values = {name: item.value for name, item in given.items()}
    try:
        if print_config or check_config:
            _show(found, values, given, print_config, check_config)
        else:
            run(found.name, **values)
    except ConfigError as error:
        raise click.UsageError(explain(error, given), context) from error


def _said(context: click.Context, options: Mapping[str, Any]) -> dict[str, Any]:
    """The server's options that the command line gives."""
    said = {
        name: value
        for name, value in options.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if said.pop("no_server_header", False):
        said["server_header"] = None
    return said


def _show(
    target: Target, values: Mapping[str, Any], given: Mapping[str, Given], print_config: bool, check_config: bool
) -> None:
    """Print or check instead of serving. Raises ServerError for what could not be served."""
    from vivace.cli.print_config import lines
    from vivace.server import Config
    from vivace.server.loading import load_configured
    from vivace.server.tls import open_tls

    config = Config.from_options(values)
    if print_config:
        click.echo("\n".join(lines(target.name, config, given)))
    if check_config:
        open_tls(config.tls, http2=config.http2)
        load_configured(target.name, config)
        click.echo(f"{target.name} can be served so.", err=True)
