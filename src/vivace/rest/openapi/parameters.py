"""Parameter Objects: of paths, of what `@extend_schema` says, and of serializers whose fields are parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from vivace.rest import fields
from vivace.rest.openapi.components import Components
from vivace.rest.openapi.descriptions import OpenApiParameter
from vivace.rest.openapi.schemas import Schema
from vivace.rest.serializers import BaseSerializer

PARAMETER = re.compile(r"\{(\w+)(?::([^{}]+))?\}")
CONVERTOR_SCHEMAS: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
}


def convertor_schema(convertor: str) -> Schema:
    """The schema of a path's convertor; empty for one that says nothing of the value's type."""
    return dict(CONVERTOR_SCHEMAS.get(convertor, {}))


def collect(
    found: Iterable[dict[str, Any]], told: Iterable[tuple[str, str, dict[str, Any] | None]]
) -> list[dict[str, Any]]:
    """Parameters in their order, once each by name and place; what was told replaces, adds and takes away."""
    by_place = {(parameter["name"], parameter["in"]): parameter for parameter in found}
    for name, place, parameter in told:
        if parameter is None:
            by_place.pop((name, place), None)
        else:
            by_place[name, place] = parameter
    return list(by_place.values())


def described_parameter(parameter: OpenApiParameter, components: Components) -> dict[str, Any]:
    """The Parameter Object of an OpenApiParameter."""
    described: dict[str, Any] = {"name": parameter.name, "in": parameter.location}
    if parameter.required or parameter.location == "path":
        described["required"] = True
    return {**described, **_rest(parameter, components)}


def response_header(parameter: OpenApiParameter, components: Components) -> dict[str, Any]:
    """The Header Object of an OpenApiParameter with `response`."""
    described = _rest(parameter, components)
    return {**described, "required": True} if parameter.required else described


def _rest(parameter: OpenApiParameter, components: Components) -> dict[str, Any]:
    schema = components.of(parameter.type, "request")
    if parameter.enum is not None:
        schema = {**schema, "enum": list(parameter.enum)}
    if parameter.pattern is not None:
        schema = {**schema, "pattern": parameter.pattern}
    if not parameter.allow_blank and schema.get("type") == "string":
        schema = {"minLength": 1, **schema}
    if parameter.many:
        schema = {"type": "array", "items": schema}
    if parameter.default is not None:
        schema = {**schema, "default": parameter.default}
    told: dict[str, Any] = {
        "schema": schema,
        "description": parameter.description,
        "deprecated": parameter.deprecated or None,
        "style": parameter.style,
        "explode": parameter.explode,
        "examples": {example.name: example.describe() for example in parameter.examples},
    }
    kept = {name: value for name, value in told.items() if name == "schema" or value not in (None, "", {})}
    return {**kept, **(parameter.extensions or {})}


def serializer_parameters(serializer: Any, components: Components) -> Iterator[dict[str, Any]]:
    """A query parameter for each field of a serializer, class or instance. Raises TypeError for anything else."""
    instance = serializer() if isinstance(serializer, type) and issubclass(serializer, BaseSerializer) else serializer
    if not hasattr(instance, "bound_fields"):
        raise TypeError(
            f"extend_schema(parameters=…) takes OpenApiParameters, serializers and mappings, got {serializer!r}"
        )
    for name, field in instance.bound_fields.items():
        if field.read_only or isinstance(field, fields.HiddenField):
            continue
        schema = dict(components.field(field, "request"))
        parameter = {"name": name, "in": "query", "required": field.required, "schema": schema}
        if description := schema.pop("description", None):
            parameter["description"] = description
        yield parameter
