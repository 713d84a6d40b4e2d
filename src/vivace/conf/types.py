"""Types for settings that say more than `str`: secrets, URLs, and values that must pass a rule.

To the type checker they are what they wrap: a `Secret` is a `str`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

MASK = "********"
_URL_PASSWORD = re.compile(r"(://[^/@]*?:)[^/]*(@)")
_URL = re.compile(r"[a-z][a-z0-9.+-]*://")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must satisfy beyond its type: `Annotated[int, Rule(lambda n: n > 0, "a number above zero")]`."""

    test: Callable[[Any], bool]
    allowed: str


@dataclass(frozen=True, slots=True)
class Masked:
    """How a value is shown in `repr()` and in error messages; `show` gets the value and returns the text."""

    show: Callable[[object], str]


def _hide(value: object) -> str:
    return "''" if value == "" else repr(MASK)


def hide_password(value: object) -> str:
    """The repr of a URL with its password masked."""
    return _URL_PASSWORD.sub(rf"\g<1>{MASK}\g<2>", repr(value))


Secret = Annotated[str, Masked(_hide)]
"""Text that is never printed: a key, a password, a token."""

Url = Annotated[
    str,
    Masked(hide_password),
    Rule(
        lambda value: _URL.match(value) is not None,
        "a URL such as sqlite:///db.sqlite3 or postgresql://user:password@host/name",
    ),
]
"""A URL whose password is never printed."""

Urls = Annotated[
    dict[str, str],
    Masked(hide_password),
    Rule(
        lambda value: all(_URL.match(url) for url in value.values()),
        "URLs by name, such as default = postgresql://user:password@host/name",
    ),
]
"""URLs by name, whose passwords are never printed."""

UrlPrefix = Annotated[
    str,
    Rule(
        lambda value: len(value) > 2 and value.startswith("/") and value.endswith("/"),
        "a path that starts and ends with a slash, such as /static/",
    ),
]
"""The path below which something is served."""
