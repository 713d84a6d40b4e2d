"""`vivace routes`: list the routes of an application."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from vivace.cli.errors import EXIT_FAILED, CommandError
from vivace.cli.target import app_option, load_any

if TYPE_CHECKING:
    from vivace.project.routing import RouteLine


@click.command("routes")
@click.argument("part", required=False)
@click.option("--name", metavar="TEXT", help="Only routes with this in their name.")
@click.option("--path", metavar="/PATH", help="Which route answers this path, and why others do not.")
@click.option("--method", default="GET", show_default=True, help="The method, with --path; WS for a WebSocket.")
@click.option("--host", default="localhost", show_default=True, help="The host, with --path.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with file and line of what answers.")
@app_option
def command(
    part: str | None, name: str | None, path: str | None, method: str, host: str, as_json: bool, app: str | None
) -> None:
    """List the routes of an application.

    In the order in which they are tried: path, methods, name for url_path_for(), what answers and where that is. With
    PART only the lines that have that text. Any application of Starlette's kind will do, FastAPI's too.

    With --path, exit code 1 when no route answers.

    \b
    vivace routes
    vivace routes /api
    vivace routes --path /books/x --method POST
    """
    from vivace.project.routing import route_lines

    routes = _routes_of(load_any(app))
    if path is not None:
        _explain(routes, path, method.upper(), host, as_json=as_json)
        return
    lines = list(_chosen(route_lines(routes), part, name))
    if not lines and (part is not None or name is not None):
        hint = f" Another application is named by --app {part}." if _names_application(part) else ""
        raise CommandError(f'no route has "{name if part is None else part}" in it.{hint}')
    if as_json:
        click.echo(json.dumps([_as_json(line) for line in lines], indent=2))
        return
    _print_table(lines)


def _routes_of(app: Any) -> Sequence[Any]:
    from vivace.project import Vivace

    if isinstance(app, Vivace):
        app.setup()
    routes: Sequence[Any] | None = getattr(app, "routes", None)
    if routes is None:
        kind = f"{type(app).__module__}.{type(app).__qualname__}"
        raise CommandError(f"the application is a {kind}, which has no list of routes.")
    return routes


def _names_application(part: str | None) -> bool:
    """Whether this is what `vivace run` takes: "main:app" or "main.py"."""
    return part is not None and "/" not in part and (":" in part or part.endswith(".py"))


def _chosen(lines: Iterator[RouteLine], part: str | None, name: str | None) -> Iterator[RouteLine]:
    for line in lines:
        text = "  ".join((line.path, line.methods, line.name, line.endpoint, line.location))
        if (part is None or part in text) and (name is None or name in line.name):
            yield line


def _print_table(lines: Sequence[RouteLine]) -> None:
    heads = ["PATH", "METHODS", "NAME", "LEADS TO", "WHERE", "MIDDLEWARE"]
    rows = [
        [line.path, line.methods, line.name, line.endpoint, line.location, ", ".join(line.middleware)] for line in lines
    ]
    shown = [column for column in range(len(heads)) if column < 5 or any(row[column] for row in rows)]
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    for row in [heads, *rows]:
        text = "  ".join(row[column].ljust(widths[column]) for column in shown).rstrip()
        click.echo(click.style(text, bold=True) if row is heads else text)


def _as_json(line: RouteLine) -> dict[str, Any]:
    return {
        "path": line.path,
        "methods": line.methods.split(),
        "name": line.name or None,
        "endpoint": line.endpoint,
        "location": line.location or None,
        "middleware": list(line.middleware),
    }


def _explain(routes: Sequence[Any], path: str, method: str, host: str, *, as_json: bool) -> None:
    from vivace.project.matching import explain

    if not path.startswith("/"):
        raise click.UsageError(f'--path begins with a slash, got "{path}"; try "/{path}".')
    scope_type = "websocket" if method == "WS" else "http"
    attempts = list(explain(routes, path, method=method, host=host, scope_type=scope_type))
    answered = bool(attempts) and attempts[-1].answers and bool(attempts[-1].line.endpoint)
    if as_json:
        told = [{**_as_json(one.line), "said": one.said, "answers": one.answers} for one in attempts]
        click.echo(json.dumps(told, indent=2))
    else:
        for one in attempts:
            mark = click.style("✓", fg="green") if one.answers and one.line.endpoint else click.style("✗", fg="red")
            click.echo(f"{mark} {one.line.path}  {one.line.methods}  {one.line.endpoint}: {one.said}")
        if not answered:
            near = "" if attempts else ", and none comes near"
            click.echo(f"No route answers {method} {path}{near}.")
    if not answered:
        raise click.exceptions.Exit(EXIT_FAILED)
