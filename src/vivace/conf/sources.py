"""Where settings come from besides the class: a TOML file, a `.env` file, the environment.

Each reader returns `Value`s that remember their origin, for the message when one of them is wrong.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vivace.conf.errors import Fault
from vivace.utils.env_file import parse_env


@dataclass(frozen=True, slots=True)
class Value:
    """One value as found: the setting's name, the value, where it was, and whether it is text to be parsed."""

    name: str
    value: object
    origin: str
    is_text: bool = False


def read_toml(path: Path, faults: list[Fault]) -> list[Value]:
    """The settings of a TOML file; its keys are setting names. A broken file is a fault."""
    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault(path.name, str(path), f"cannot be read: {error}"))
        return []
    return [Value(name, value, path.name) for name, value in document.items()]


def read_env_file(path: Path, prefix: str, faults: list[Fault]) -> list[Value]:
    """The variables of a `.env` file that start with `prefix`; the others belong to other programs."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        faults.append(Fault(path.name, str(path), f"cannot be read: {error}"))
        return []
    values = []
    for number, name, value in parse_env(text):
        if name is None:
            faults.append(Fault(path.name, f"line {number}", "expected NAME=value, # comment or an empty line"))
        elif name.startswith(prefix):
            values.append(Value(name.removeprefix(prefix), value, f"{path.name} line {number}", is_text=True))
    return values


def read_environment(environ: Mapping[str, str], prefix: str) -> Iterator[Value]:
    """The environment variables that start with `prefix`."""
    for name, value in environ.items():
        if name.startswith(prefix):
            yield Value(name.removeprefix(prefix), value, f"environment variable {name}", is_text=True)
