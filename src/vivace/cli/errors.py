"""How a command fails: one message on standard error and an exit code."""

from __future__ import annotations

from typing import IO, Any

import click

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_STARTUP = 3


class CommandError(click.ClickException):
    """The command could not do what was asked: exit code 1."""

    exit_code = EXIT_FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message on standard error, its first line marked."""
        click.echo(click.style("Error: ", fg="red", bold=True) + self.format_message(), file=file, err=file is None)


class StartupError(CommandError):
    """The application could not be found, loaded or set up: exit code 3, as the server's own."""

    exit_code = EXIT_STARTUP
