"""Objects by their address `module:attribute`: how `Database.SUPPORTED_BACKENDS` names backends."""

from __future__ import annotations

import importlib
from typing import Any


class ImportFromStringError(Exception):
    """The address has no such form, or leads nowhere."""


def import_from_string(import_str: str) -> Any:
    """The object at `package.module:attribute`.

    Raises `ImportFromStringError`; an import that fails inside the module is raised as it is.
    """
    module_name, _, attributes = import_str.partition(":")
    if not module_name or not attributes:
        raise ImportFromStringError(f'Import string "{import_str}" must be in format "<module>:<attribute>".')
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise
        raise ImportFromStringError(f'Could not import module "{module_name}".') from None
    for attribute in attributes.split("."):
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise ImportFromStringError(f'Attribute "{attributes}" not found in module "{module_name}".') from None
    return found
