"""What stands in `path("books/<int:pk>/")` and `re_path(r"^books/(?P<pk>[0-9]+)/$")`: read, matched and written."""

from __future__ import annotations

import re
from typing import Any

from vivace.utils.suggest import did_you_mean
from vivace.web.convertors import CONVERTOR_TYPES, Convertor
from vivace.web.routing import PARAM_REGEX, InvalidRouteError
from vivace.web.urls.converters import NON_EMPTY_PATH
from vivace.web.urls.templates import Template, templates_of

_PARAMETER = re.compile(r"<(?:(?P<kind>[^>:]+):)?(?P<name>[^>]+)>")
# What is left of the path after a match, the unnamed parameters found and the named ones.
PatternMatch = tuple[str, tuple[Any, ...], dict[str, Any]]


class RoutePattern:
    """A path with converters: `books/<int:pk>/`.

    `as_path` is the same as a `Route` writes it, `books/{pk:int}/`, or None when that would mean something else.
    Raises InvalidRouteError for what cannot be read.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if text.startswith("^") or "(?P<" in text:
            raise InvalidRouteError(f"path({text!r}) looks like a regular expression; re_path() takes those.")
        self.converters: dict[str, Convertor[Any]] = {}
        pattern, as_path, end, is_plain = "", "", 0, True
        for parameter in _PARAMETER.finditer(text):
            literal = text[end : parameter.start()]
            kind, name = self._check(parameter)
            self.converters[name] = CONVERTOR_TYPES[kind]
            pattern += f"{re.escape(literal)}(?P<{name}>{CONVERTOR_TYPES[kind].regex})"
            as_path += f"{literal}{{{name}:{kind}}}"
            is_plain = is_plain and PARAM_REGEX.search(literal) is None
            end = parameter.end()
        literal = text[end:]
        self._regex = re.compile(pattern + re.escape(literal))
        self._whole = re.compile(self._regex.pattern + r"\Z")
        self.as_path = as_path + literal if is_plain and PARAM_REGEX.search(literal) is None else None
        self.templates = [Template.of_route(text, _PARAMETER)]

    def _check(self, parameter: re.Match[str]) -> tuple[str, str]:
        kind, name = parameter["kind"] or "str", parameter["name"]
        if re.search(r"\s", parameter.group()):
            raise InvalidRouteError(f"path({self.text!r}): there must be no space in {parameter.group()}.")
        if not name.isidentifier():
            raise InvalidRouteError(f"path({self.text!r}): {name!r} is no name for a parameter of a function.")
        if name in self.converters:
            raise InvalidRouteError(f"path({self.text!r}): the parameter {name!r} is there twice.")
        if kind == "path":
            return NON_EMPTY_PATH, name
        if kind not in CONVERTOR_TYPES:
            public = [known for known in CONVERTOR_TYPES if not known.startswith("_")]
            known = did_you_mean(kind, public, listed_as="Converters")
            raise InvalidRouteError(f"path({self.text!r}): there is no converter {kind!r}. {known}")
        return kind, name

    def match(self, path: str, *, is_end: bool) -> PatternMatch | None:
        """Matches the beginning of a path, or all of it at the end of the patterns."""
        found = (self._whole if is_end else self._regex).match(path)
        if found is None:
            return None
        try:
            values = {name: converter.convert(found[name]) for name, converter in self.converters.items()}
        except ValueError:
            return None
        return path[found.end() :], (), values


class RegexPattern:
    """A regular expression, found anywhere in the rest of the path unless it begins with `^`, as in Django.

    Where there are named groups, unnamed ones are no parameters. A group that did not take part is left out.
    """

    converters: dict[str, Convertor[Any]] = {}  # never changed: values stay text
    as_path = None

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._regex = re.compile(text)
        except re.error as error:
            raise InvalidRouteError(f"re_path({text!r}) is no valid regular expression: {error}.") from None
        self.templates = templates_of(text)

    def match(self, path: str, *, is_end: bool) -> PatternMatch | None:
        # Django's `$` at the very end means the end, and not also the place before a last line break.
        whole = is_end and self.text.endswith("$")
        found = self._regex.fullmatch(path) if whole else self._regex.search(path)
        if found is None:
            return None
        named = {name: value for name, value in found.groupdict().items() if value is not None}
        return path[found.end() :], () if self._regex.groupindex else found.groups(), named


Pattern = RoutePattern | RegexPattern
