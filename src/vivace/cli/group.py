"""The group of commands: which there are, where each one is, and what becomes of its errors."""

from __future__ import annotations

import importlib
import sys

import click

from vivace import __version__
from vivace.cli.errors import CommandError, StartupError
from vivace.utils.suggest import did_you_mean

# Every command with its line in `vivace --help`; a test holds them against the commands' own help.
COMMANDS = {
    "run": "Serve an application.",
    "ctl": "Ask a running server, or tell it what to do.",
    "startproject": "Make a new project.",
    "startapp": "Make a new app inside a project.",
    "makemigrations": "Write migrations for what changed in the models.",
    "migrate": "Bring the database up to date with the migrations.",
    "showmigrations": "List the migrations and which of them are applied.",
    "sqlmigrate": "Print the SQL of a migration.",
    "lintmigrations": "Say what in the migrations would harm a database in use.",
    "squashmigrations": "Put one migration in the place of many.",
    "inspectdb": "Print models for the tables of a database.",
    "dumpdata": "Print the rows of a database, for `vivace loaddata`.",
    "loaddata": "Install rows from fixtures: all of them, or none.",
    "collectstatic": "Collect the static files, under names with a hash, compressed.",
    "shell": "Open a Python prompt with the models imported.",
    "routes": "List the routes of an application.",
    "schema": "Write the OpenAPI document of an application.",
    "check": "Look for mistakes in settings, apps, models and routes.",
}


# What they are called elsewhere, for those who come from there.
FOREIGN_NAMES = {
    "runserver": "`vivace run` serves the site.",
    "serve": "`vivace run` serves the site.",
    "dev": "`vivace run --dev` serves the site, and shows errors with their source.",
    "shell_plus": "`vivace shell` has the models imported.",
    "show_urls": "`vivace routes` lists them.",
    "spectacular": "`vivace schema` writes the OpenAPI document.",
    "generateschema": "`vivace schema` writes the OpenAPI document.",
    "test": "`pytest` runs the tests; a new project has some in tests/.",
}


class LazyGroup(click.Group):
    """Commands by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, or None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"vivace.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; for an unknown one, the nearest."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            hint = FOREIGN_NAMES.get(args[0]) or did_you_mean(args[0], COMMANDS, listed_as="Commands")
            ctx.fail(f'there is no command "{args[0]}". {hint}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help's list, from the table: no command is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what the user can mend becomes one message instead of a traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            explained = _explain(error)
            if explained is None:
                raise
            raise explained from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="vivace")
def cli() -> None:
    """A web project from its first file to production.

    \b
    vivace run app.py                                       serve a single file
    vivace startproject mysite && cd mysite && vivace run   start a project

    Commands find the application by themselves: --app, else [tool.vivace] app in pyproject.toml, else app.py, main.py
    or asgi.py here.
    """


def _explain(error: Exception) -> click.ClickException | None:
    """The error as a message with its exit code, or None for a bug, whose traceback is wanted.

    The classes are looked up by the modules that are loaded: an error of a layer that was never imported is not ours.
    """
    for module, name, wrapper in _EXPLAINED:
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            return wrapper(str(error))
    return None


_EXPLAINED: tuple[tuple[str, str, type[click.ClickException]], ...] = (
    ("vivace.server.errors", "ConfigError", click.UsageError),
    ("vivace.server.errors", "ServerError", StartupError),
    ("vivace.conf.errors", "ConfigurationError", StartupError),
    ("vivace.databases.errors", "DatabaseError", CommandError),
    ("vivace.orm.migrations.errors", "MigrationError", CommandError),
    ("vivace.orm.exceptions", "ORMError", CommandError),
)
