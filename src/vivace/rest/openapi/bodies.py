"""What requests and answers carry: media types, examples, and the errors that are the same for all operations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vivace.rest.openapi.components import Components
from vivace.rest.openapi.descriptions import OpenApiExample
from vivace.rest.openapi.schemas import Schema

JSON = "application/json"
SUCCESS = ("200", "201")
ERROR_DESCRIPTIONS = {
    "400": "The values sent are not valid.",
    "401": "Nobody is logged in.",
    "403": "Not allowed.",
    "404": "There is no such object or page.",
    "406": "No media type that is accepted can be made.",
    "409": "It contradicts what is stored.",
    "412": "The object is not as it was said to be.",
    "413": "The body is too large.",
    "415": "The media type of the body is not known.",
    "428": "The request must say which state of the object it means.",
    "429": "Too many requests.",
}


def content(media_types: Iterable[str], schema: Schema) -> dict[str, Any]:
    """One schema under each media type; what is no structured format is a text."""
    return {name: {"schema": schema if is_structured(name) else {"type": "string"}} for name in media_types}


def is_structured(media_type: str) -> bool:
    """Whether values of a schema can be told from bodies of this media type."""
    name = media_type.partition(";")[0].strip()
    return name not in ("application/octet-stream", "text/html", "text/plain", "text/csv", "*/*")


def with_examples(
    media_types: dict[str, Any], examples: Sequence[OpenApiExample], *, status: str | None, wrap: Any = None
) -> dict[str, Any]:
    """Media type objects with the examples that belong to a request (`status=None`) or to an answer."""
    for media_type, described in media_types.items():
        fitting = {}
        for example in examples:
            if not _fits(example, media_type, status):
                continue
            shown = example.describe()
            if wrap is not None and "value" in shown:
                shown["value"] = wrap(shown["value"])
            fitting[_key(example.name)] = {"summary": example.name, **shown}
        if fitting:
            described["examples"] = fitting
    return media_types


def _fits(example: OpenApiExample, media_type: str, status: str | None) -> bool:
    if example.parameter_only or (example.media_type or JSON) != media_type.partition(";")[0]:
        return False
    if status is None:
        return not example.response_only
    statuses = SUCCESS if example.status_codes is None else [str(code) for code in example.status_codes]
    return not example.request_only and status in statuses


def _key(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name).strip("_") or "example"


def page_example(schema: Schema, rows: Any) -> Any:
    """An example of a page's envelope with `rows` in it; `rows` themselves when it has no place for a list."""
    shown = {}
    for name, described in schema.get("properties", {}).items():
        shown[name] = [rows] if "items" in described else described.get("example")
    return shown if any("items" in described for described in schema.get("properties", {}).values()) else [rows]


class Errors:
    """The answers that say why not, in the one shape that the whole API has."""

    def __init__(self, components: Components, *, problem_details: bool) -> None:
        self.components, self.problem_details = components, problem_details

    def describe(self, status: str) -> dict[str, Any]:
        """The Response Object of an error."""
        if self.problem_details:
            media_type, schema = "application/problem+json", self.components.problem()
        elif status == "400":
            media_type, schema = JSON, self.components.validation_error()
        else:
            media_type, schema = JSON, self.components.error()
        response: dict[str, Any] = {
            "description": ERROR_DESCRIPTIONS[status],
            "content": {media_type: {"schema": schema}},
        }
        if headers := ERROR_HEADERS.get(status):
            response["headers"] = dict(headers)
        return response


ERROR_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "401": {"WWW-Authenticate": {"description": "How to log in.", "schema": {"type": "string"}}},
    "429": {"Retry-After": {"description": "Seconds until the next is allowed.", "schema": {"type": "integer"}}},
}
