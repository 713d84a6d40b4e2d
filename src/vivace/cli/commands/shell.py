"""`vivace shell`: a Python prompt with the models imported and `await` at the top level."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from vivace.cli.site import site_models
from vivace.cli.target import app_option, load

if TYPE_CHECKING:
    from vivace.project import Vivace


@click.command("shell")
@click.option("--command", "-c", "source", metavar="CODE", help="Run CODE and leave.")
@app_option
def command(source: str | None, app: str | None) -> None:
    """Open a Python prompt with the models imported.

    `await` works at the prompt, queries go to the site's database, and `app` and every model are there. Code that comes
    on standard input is run without a prompt.

    \b
    vivace shell
    vivace shell -c "print(await Post.objects.count())"
    """
    from vivace.cli.console import Console

    site = load(app)
    names = _names(site)
    with Console(site, names) as console:
        if source is not None:
            failed = not console.run_source(source, "<command>")
        elif not sys.stdin.isatty():
            failed = not console.run_source(sys.stdin.read(), "<stdin>")
        else:
            failed = False
            console.interact(_banner(site, names), exitmsg="")
    if failed:
        raise click.exceptions.Exit(1)


def _names(site: Vivace) -> dict[str, Any]:
    """`app`, every model by its name (the first one where two apps use the same), and the usual query words."""
    site.setup()
    names: dict[str, Any] = {"__name__": "__console__", "__doc__": None, "app": site}
    if site.database is not None or "vivace.orm.models" in sys.modules:
        from vivace.orm import models

        names.update({name: getattr(models, name) for name in ("Q", "F", "Count")})
        for model in reversed(site_models(site)):
            names[model.__name__] = model
    return names


def _banner(site: Vivace, names: dict[str, Any]) -> str:
    version = ".".join(str(number) for number in sys.version_info[:3])
    models = ", ".join(sorted(model.__name__ for model in site_models(site) if names.get(model.__name__) is model))
    imported = f"Models: {models}." if models else "The site has no models yet."
    return f"Python {version}, {site.name} as `app`. `await` works here. {imported}"
