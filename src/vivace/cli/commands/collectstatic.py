"""`vivace collectstatic`: collect the static files of a site for production."""

from __future__ import annotations

import click

from vivace.cli.errors import CommandError
from vivace.cli.target import app_option, load


@click.command("collectstatic")
@click.option("--clear", is_flag=True, help="Remove what earlier runs have left, which old pages may still ask for.")
@click.option("--no-hash", is_flag=True, help="Only the plain names, without a manifest.")
@click.option("--no-compress", is_flag=True, help="Without compressed variants (.gz; .br and .zst where installed).")
@app_option
def command(clear: bool, no_hash: bool, no_compress: bool, app: str | None) -> None:
    """Collect the static files, under names with a hash, compressed.

    Those of STATICFILES_DIRS and of the apps are written to STATIC_ROOT, each also under a name with a hash of its
    content, which browsers keep for ever. References in style sheets and scripts are rewritten. A site that is not in
    DEBUG serves STATIC_ROOT, and url_for("static", path="app.css") leads to the hashed name.

    \b
    vivace collectstatic
    vivace collectstatic --clear
    """
    from vivace.project.static import static_directories
    from vivace.web.staticfiles.build import StaticBuildError, build

    site = load(app)
    settings = site.settings
    directories = static_directories(settings, site.apps)
    if not directories:
        looked = ", ".join(map(str, settings.STATICFILES_DIRS))
        raise CommandError(f"there are no static files: neither {looked or 'STATICFILES_DIRS'} nor any app has some.")
    try:
        built = build(
            directories,
            settings.STATIC_ROOT,
            static_url=settings.STATIC_URL,
            hashed=not no_hash,
            compress=not no_compress,
            clear=clear,
        )
    except (StaticBuildError, ValueError) as error:
        raise CommandError(str(error)) from None
    click.echo(
        f"{settings.STATIC_ROOT}: {_count(built.collected, 'static file')}, {_count(built.written, 'file')} written, "
        f"{_count(built.compressed, 'compressed variant')}."
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
