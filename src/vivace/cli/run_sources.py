"""Where the options of `vivace run` come from: the command line, else `VIVACE_*` in the environment, else `.env`, else
`[tool.vivace]` of pyproject.toml, else the server's defaults.

Each value remembers its origin, for messages and `--print-config`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from vivace.cli.run_options import FIELDS, SECTIONS, flag
from vivace.conf import ConfigurationError
from vivace.conf.sources import Value, read_env_file, read_environment
from vivace.utils.suggest import did_you_mean

PREFIX = "VIVACE_"
# Variables of other servers that hosts and images set; ours come first.
FOREIGN_VARIABLES = {"WEB_CONCURRENCY": "workers", "FORWARDED_ALLOW_IPS": "forwarded_allow_ips"}
COMMAND_LINE = "command line"
# What `bind` replaces.
SINGLE_ADDRESS = ("host", "port", "uds", "fd")
# Keys of [tool.vivace] that are no options: how the application is found.
OTHER_KEYS = ("app",)
# Relative ones of pyproject.toml start at its folder, wherever the command runs.
PATHS = {
    *("app_dir", "uds", "ssl_certfile", "ssl_keyfile", "ssl_ca_certs"),
    *("log_file", "log_config", "pid_file", "control_socket", "reload_dirs", "static"),
}
SWITCH_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

OPTIONS = {item.name: item for section in SECTIONS.values() for item in section if isinstance(item, click.Option)}
NAMES = [name for name in FIELDS if name in OPTIONS or name == "server_header"]


@dataclass(frozen=True, slots=True)
class Given:
    """The value of an option, and who gave it."""

    value: Any
    origin: str


def collect(command_line: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> dict[str, Given]:
    """The options that are given anywhere, by name; `folder` is where `.env` and pyproject.toml are looked for.

    Raises ConfigurationError for an unknown key, which names the nearest, and for a value that is not understood.
    """
    given: dict[str, Given] = {}
    _override(given, dict(_of_pyproject(folder)))
    _override(given, dict(_of_env_file(folder / ".env")))
    _override(given, dict(_of_environment(environ)))
    _override(given, {name: Given(value, COMMAND_LINE) for name, value in command_line.items()})
    return given


def _override(given: dict[str, Given], higher: Mapping[str, Given]) -> None:
    """Let a source that says where to listen say all of it: `--bind` ends a `port` of pyproject.toml, and `--port` a
    `bind`.
    """
    ended = SINGLE_ADDRESS if "bind" in higher else ("bind",) if higher.keys() & set(SINGLE_ADDRESS) else ()
    for name in ended:
        given.pop(name, None)
    given.update(higher)


def explain(error: Exception, given: Mapping[str, Given]) -> str:
    """The message of the server's `error`, with who gave the options that it names."""
    message = str(error)
    words = set(message.replace("=", " ").replace(",", " ").split())
    named = [f"{name} by {given[name].origin}" for name in NAMES if name in words and name in given]
    message = _with_flags(message, given)
    return f"{message} Given: {', '.join(named)}." if named else message


def _with_flags(message: str, given: Mapping[str, Given]) -> str:
    """The message with options as the command line writes them, but for those that were given elsewhere."""

    def written(found: re.Match[str]) -> str:
        name = found[0]
        return flag(name) if name not in given or given[name].origin == COMMAND_LINE else name

    # Of the others, such as "host", the text may speak.
    names = "|".join(name for name in OPTIONS if "_" in name)
    message = re.sub(rf"(?<![\w-])({names})(?![\w=])", written, message)
    first, _, rest = message.partition(" ")
    return f"{flag(first)} {rest}" if first in given and given[first].origin == COMMAND_LINE else message


def misspelt(environ: Mapping[str, str], others: list[str]) -> Iterator[str]:
    """A line for each variable that looks like a misspelt option; `others` are variables that mean something else."""
    known = [PREFIX + name.upper() for name in NAMES]
    for name in environ:
        if name.startswith(PREFIX) and name not in known and name not in others:
            close = get_close_matches(name, known, n=1, cutoff=0.9)
            if close:
                yield f"{name} is not an option of the server. Did you mean {close[0]}?"


def _of_pyproject(folder: Path) -> Iterator[tuple[str, Given]]:
    from vivace.project.target import find_section

    found = find_section(folder)
    if found is None:
        return
    path, section = found
    for key, value in section.items():
        name = key.replace("-", "_")
        if name in OTHER_KEYS:
            continue
        if name not in NAMES:
            hint = did_you_mean(name, [*NAMES, *OTHER_KEYS], listed_as="Options")
            raise ConfigurationError(f"{path}: [tool.vivace] has no option {key!r}. {hint}")
        try:
            converted = _from_toml(name, value)
        except click.BadParameter as error:
            raise ConfigurationError(f"{path}: [tool.vivace] {key} = {value!r}: {error.message}") from None
        yield name, Given(_in_folder(name, converted, path.parent), path.name)


def _of_env_file(path: Path) -> Iterator[tuple[str, Given]]:
    if path.is_file():
        # What is wrong with the file itself the settings tell, with everything else that is wrong with them.
        yield from _of_texts(read_env_file(path, PREFIX, []))


def _of_environment(environ: Mapping[str, str]) -> Iterator[tuple[str, Given]]:
    foreign = [
        Value(option.upper(), environ[name], f"environment variable {name}", is_text=True)
        for name, option in FOREIGN_VARIABLES.items()
        if environ.get(name)
    ]
    yield from _of_texts([*foreign, *read_environment(environ, PREFIX)])


def _of_texts(values: list[Value]) -> Iterator[tuple[str, Given]]:
    for value in values:
        name = value.name.lower()
        if name not in NAMES or not value.name.isupper():
            continue
        text = str(value.value)
        try:
            yield name, Given(_from_text(name, text), value.origin)
        except click.BadParameter as error:
            raise ConfigurationError(f"{value.origin}={text}: {error.message}") from None


def _from_text(name: str, text: str) -> Any:
    """The value that a variable's text means. BadParameter when it means none."""
    if name == "server_header":
        return text or None
    option = OPTIONS[name]
    if option.is_flag:
        if text.lower() not in SWITCH_WORDS:
            raise click.BadParameter(f'"{text}" is neither on nor off.')
        return SWITCH_WORDS[text.lower()]
    if not option.multiple:
        return option.type.convert(text, None, None)
    if text.lstrip().startswith("["):
        try:
            parts = json.loads(text)
        except ValueError as error:
            raise click.BadParameter(f"that is no list in JSON: {error}.") from None
    else:
        parts = [part.strip() for part in text.split(",") if part.strip()]
    return _all_converted(option, parts)


def _from_toml(name: str, value: object) -> Any:
    """The value that a key's TOML value means. BadParameter when it means none."""
    if name == "server_header":
        return _server_header(value)
    option = OPTIONS[name]
    if option.is_flag:
        if not isinstance(value, bool):
            raise click.BadParameter("expected true or false.")
        return value
    if option.multiple:
        return _all_converted(option, value if isinstance(value, list) else [value])
    return _converted(option, value)


def _all_converted(option: click.Option, values: list[object]) -> tuple[Any, ...]:
    return tuple(_converted(option, value) for value in values)


def _converted(option: click.Option, value: object) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise click.BadParameter("expected text or a number.")
    return option.type.convert(str(value), None, None)


def _server_header(value: object) -> str | None:
    if value is False or value == "":
        return None
    if not isinstance(value, str):
        raise click.BadParameter("expected text, or false for none.")
    return value


def _in_folder(name: str, value: Any, folder: Path) -> Any:
    if name not in PATHS:
        return value
    if isinstance(value, tuple):
        return tuple(_mount_in_folder(item, folder) if name == "static" else str(folder / item) for item in value)
    return value if value == "none" else str(folder / value)


def _mount_in_folder(mount: str, folder: Path) -> str:
    """`/static=./static`; the server says what is wrong with one that has no folder."""
    path, _, below = mount.partition("=")
    return f"{path}={folder / below}" if below else mount
