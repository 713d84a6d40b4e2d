"""From "/users/{id:int}" to a regular expression, and from its parameters back to a path."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from vivace.utils.suggest import did_you_mean
from vivace.web.convertors import CONVERTOR_TYPES, Convertor

# `{name}` and `{name:convertor}` in the path of a route.
PARAM_REGEX = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?\}")

# The expression of the convertor `str`.
_ANY_TEXT = CONVERTOR_TYPES["str"].regex


class InvalidRouteError(ValueError, AssertionError):
    """A route that cannot work as written. Also an AssertionError, which is what Starlette raises here."""


def compile_path(path: str) -> tuple[re.Pattern[str], str, dict[str, Convertor[Any]]]:
    """The pattern, the format and the convertors of a path ("/{username:str}") or a host ("{name}.example.org").

    `^/(?P<username>[^/]+)\\Z`, `/{username}`, `{"username": StringConvertor()}`. Hosts ignore case (RFC 9110 4.2.3)
    and lose their port, which `Host` does not look at. Raises ValueError for a name used twice or an unknown convertor.
    """
    is_host = not path.startswith("/")
    pattern, path_format = "^", ""
    convertors: dict[str, Convertor[Any]] = {}
    repeated: set[str] = set()
    previous = ""
    end = 0
    for parameter in PARAM_REGEX.finditer(path):
        name, kind = parameter.group(1), parameter.group(2) or "str"
        if kind not in CONVERTOR_TYPES:
            public = [name for name in CONVERTOR_TYPES if not name.startswith("_")]
            known = did_you_mean(kind, public, listed_as="Convertors")
            raise InvalidRouteError(f"Unknown path convertor '{kind}' in path {path!r}. {known}")
        if name in convertors:
            repeated.add(name)
        convertors[name] = CONVERTOR_TYPES[kind]
        literal = path[end : parameter.start()]
        regex = convertors[name].regex
        if regex == previous == _ANY_TEXT:
            regex = _text_behind(literal)
        pattern += f"{re.escape(literal)}(?P<{name}>{regex})"
        previous = convertors[name].regex
        path_format += f"{literal}{{{name}}}"
        end = parameter.end()
    if repeated:
        names = ", ".join(sorted(repeated))
        raise InvalidRouteError(f"Duplicated param name{'s' if len(repeated) > 1 else ''} {names} at path {path}")
    literal = path[end:]
    path_format += literal
    pattern += re.escape(_without_port(literal) if is_host else literal)
    # \Z and not $, which would also match before a newline: "/admin\n" is not "/admin".
    return re.compile(pattern + r"\Z", re.IGNORECASE if is_host else 0), path_format, convertors


def _text_behind(literal: str) -> str:
    """What a text can be behind another text and this literal.

    The text before takes all it can, so this one has the literal at most at its end. Saying so keeps "{a}-{b}-{c}" from
    trying each hyphen of a hostile path for each of its literals: 1,000 hyphens took seconds.
    """
    if literal == "":
        return r"[^/\x00]"
    if len(literal) > 1 or literal == "/":
        return _ANY_TEXT
    character = re.escape(literal)
    return rf"[^/\x00][^/\x00{character}]*{character}?"


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def replace_params(
    path: str,
    param_convertors: dict[str, Convertor[Any]],
    path_params: dict[str, Any],
    *,
    write_as: Callable[[str], str] = str,
) -> tuple[str, dict[str, Any]]:
    """The path with these parameters written into it, and the parameters that it has no place for.

    Places without a value stay as they are. The values are never looked at for places of their own; `write_as` is what
    becomes of the text of each.
    """
    remaining = dict(path_params)

    def write(place: re.Match[str]) -> str:
        name = place.group(1)
        if name not in remaining:
            return place.group()
        return write_as(param_convertors[name].to_string(remaining.pop(name)))

    return PARAM_REGEX.sub(write, path), remaining


def quote_meaning(text: str) -> str:
    """The text of a parameter for a URL: `%`, `?` and `#`, which would be read as something else, percent-encoded."""
    return text.replace("%", "%25").replace("?", "%3F").replace("#", "%23")


def read_params(pattern: re.Pattern[str], convertors: dict[str, Convertor[Any]], text: str) -> dict[str, Any] | None:
    """The converted parameters of `text`; None when it does not fit the pattern or a convertor refuses its part."""
    match = pattern.match(text)
    if match is None:
        return None
    try:
        return {name: convertor.convert(match[name]) for name, convertor in convertors.items()}
    except ValueError:
        return None
