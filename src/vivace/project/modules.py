"""Imports a site's own modules; what fails in them is told with their own frames and nothing of ours."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path
from types import ModuleType

from vivace.conf.errors import ConfigurationError

OURS = f"{Path(__file__).parents[1]}/"


def import_module(name: str, *, named_by: str) -> ModuleType:
    """The module `name`, which the site names in `named_by` ("ROOT_URLCONF"). Raises ConfigurationError."""
    try:
        return importlib.import_module(name)
    except Exception as error:
        if (
            isinstance(error, ModuleNotFoundError)
            and error.name is not None
            and f"{name}.".startswith(f"{error.name}.")
        ):
            raise ConfigurationError(f'{named_by}: there is no module "{error.name}".') from None
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if not frame.filename.startswith(("<frozen importlib", OURS)) and frame.filename != importlib.__file__
        ]
        lines = traceback.format_list(frames) + traceback.format_exception_only(error)
        told = "".join(lines).rstrip()
        raise ConfigurationError(f'{named_by}: could not import "{name}":\n{told}') from error
