"""The `--app` option, and the application it names or that is found without it (`vivace.project.target`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from vivace.project import Vivace

F = TypeVar("F", bound=Callable[..., Any])


def app_option(command: F) -> F:
    """The option, the same on every command that needs an application."""
    option = click.option(
        "--app", metavar="TARGET", help="The application: module:app or file.py. Found by itself where it is usual."
    )
    return option(command)


def load(given: str | None) -> Vivace:
    """The Vivace application for a command. Raises ConfigurationError or the loader's AppLoadError."""
    # Only a command that runs pays for the layers.
    from vivace.project.target import find_target

    return find_target(given).load()


def load_any(given: str | None) -> Any:
    """As `load`, for commands that take an application of any kind."""
    from vivace.project.target import find_target

    return find_target(given).load_any()
