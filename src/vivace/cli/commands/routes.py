"""`vivace routes`: list the routes of an application."""

from __future__ import annotations

import click

from vivace.cli.target import app_option, load


@click.command("routes")
@click.argument("part", required=False)
@app_option
def command(part: str | None, app: str | None) -> None:
    """List the routes of an application.

    In the order in which they are tried: path, methods, name for url_path_for(), and what answers. With PART only the
    lines that have that text.

    \b
    vivace routes
    vivace routes /api
    """
    from vivace.project.routing import route_lines

    site = load(app)
    site.setup()
    rows = [("PATH", "METHODS", "NAME", "LEADS TO")]
    rows += [(line.path, line.methods, line.name, line.endpoint) for line in route_lines(site.routes)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        text = "  ".join([*cells, row[3]])
        if row is rows[0]:
            click.echo(click.style(text, bold=True))
        elif part is None or part in text:
            click.echo(text)
