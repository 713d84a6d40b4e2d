"""What is wrong with a value, everything of it, by its place: msgspec itself names only the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_origin

import msgspec

from vivace.rest.exceptions import ErrorDetail
from vivace.rest.functions.shapes import bare, fields_of, members
from vivace.utils.exceptions import NON_FIELD_ERRORS

# Nobody reads more, and a list of a million bad items shall not become a response of a hundred megabytes.
MAX_ERRORS = 100
REQUIRED = "This field is required."

_PLACE = re.compile(r" - at `(key in )?\$(.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"Object missing required field `(.*)`")


def explain(type: Any, value: Any, error: msgspec.ValidationError, details_of: Callable[[Any, Any], Any]) -> Any:
    """The errors of a value that msgspec refused: a list of texts, or a mapping by names and positions.

    `details_of(type, value)` tells those of a value without parts, None when it is right.
    """
    found = _Errors(details_of)
    try:
        details = found.of(type, value)
    except RecursionError:
        details = None
    # Nothing is wrong with the parts: it is the whole, such as what `__post_init__` says.
    return details if details is not None else at_place(str(error))


def at_place(message: str) -> Any:
    """The error that msgspec's message tells, at the place that it names."""
    place = _PLACE.search(message)
    text = message[: place.start()] if place else message
    steps = [name or position for name, position in _STEP.findall(place[2])] if place else []
    code = "invalid"
    if (missing := _MISSING.match(text)) is not None:
        steps.append(missing[1])
        text, code = REQUIRED, "required"
    details: Any = [ErrorDetail(text, code)]
    for step in reversed(steps):
        details = {step: details}
    return details


def of_pydantic(errors: Iterable[Mapping[str, Any]]) -> Any:
    """The same from pydantic's list of errors."""
    details: dict[str, Any] = {}
    for error in list(errors)[:MAX_ERRORS]:
        is_missing = error["type"] == "missing"
        detail = ErrorDetail(REQUIRED if is_missing else error["msg"], "required" if is_missing else error["type"])
        put(details, [str(step) for step in error["loc"]], detail)
    alone = details.get(NON_FIELD_ERRORS)
    return alone if alone is not None and len(details) == 1 else details


def put(details: dict[str, Any], path: list[str], detail: ErrorDetail) -> None:
    """Adds one error at its place."""
    if not path:
        details.setdefault(NON_FIELD_ERRORS, []).append(detail)
        return
    below = details.setdefault(path[0], [] if len(path) == 1 else {})
    if isinstance(below, list):
        below.append(detail)
    else:
        put(below, path[1:], detail)


def merge(into: dict[str, Any], details: Any, name: str | None) -> None:
    """Adds the errors of one argument: under its name, or among the others when it is the whole body."""
    if name is None and isinstance(details, dict):
        for key, below in details.items():
            merge(into, below, str(key))
        return
    key = NON_FIELD_ERRORS if name is None else name
    known = into.get(key)
    if isinstance(known, list) and isinstance(details, list):
        known.extend(details)
    elif isinstance(known, dict):
        merge(known, details, None)
    elif isinstance(known, list):
        into[key] = {NON_FIELD_ERRORS: known, **details}
    else:
        into[key] = details


def first_text(details: Any) -> str:
    """The first text, with the names that lead to it."""
    if isinstance(details, Mapping):
        name, below = next(iter(details.items()))
        return first_text(below) if name == NON_FIELD_ERRORS else f"{name}: {first_text(below)}"
    return str(details[0] if isinstance(details, list) else details)


class _Errors:
    """Walks a value beside its type and gathers what is wrong, up to a number."""

    def __init__(self, details_of: Callable[[Any, Any], Any]) -> None:
        self.details_of = details_of
        self.left = MAX_ERRORS

    def of(self, type: Any, value: Any) -> Any:
        if self.left <= 0:
            return None
        plain = bare(type)
        choices = members(plain)
        if len(choices) == 1 and choices[0] is not plain:
            return None if value is None else self.of(choices[0], value)
        fields = fields_of(plain) if isinstance(value, dict) else None
        if fields is not None:
            found = {field.alias: self._of_field(field, value) for field in fields}
        elif isinstance(value, list) and get_origin(plain) in (list, set, frozenset) and get_args(plain):
            found = {str(place): self.of(get_args(plain)[0], item) for place, item in enumerate(value)}
        elif isinstance(value, dict) and get_origin(plain) is dict:
            found = {key: self.of(get_args(plain)[1], item) for key, item in value.items()}
        else:
            return self._of_whole(type, value)
        found = {name: details for name, details in found.items() if details is not None}
        return found or None

    def _of_field(self, field: Any, value: dict[str, Any]) -> Any:
        if field.alias in value:
            return self.of(field.type, value[field.alias])
        return self._told(ErrorDetail(REQUIRED, "required")) if field.required else None

    def _of_whole(self, type: Any, value: Any) -> Any:
        details = self.details_of(type, value)
        self.left -= details is not None
        return details

    def _told(self, detail: ErrorDetail) -> list[ErrorDetail]:
        self.left -= 1
        return [detail]
