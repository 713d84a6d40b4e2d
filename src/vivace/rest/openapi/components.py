"""The shared part of the document: a schema for each serializer and type, once for requests and once for responses."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from vivace.rest import fields
from vivace.rest.openapi.descriptions import PolymorphicProxySerializer
from vivace.rest.openapi.extend import FIELD_OVERRIDE, serializer_override
from vivace.rest.openapi.schemas import Schema, field_schema, nullable
from vivace.rest.openapi.types import PREFIX, OpenApiTypes, Use, reachable, renamed, type_schema
from vivace.rest.serializers import BaseSerializer, ListSerializer, Serializer

ERROR = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"type": "string"}},
    "description": "Why the request was not answered.",
}
VALIDATION_ERROR = {
    "type": "object",
    "additionalProperties": {"$ref": "#/components/schemas/ValidationErrorDetail"},
    "description": "Errors by field; those of no single field under `non_field_errors`, of the request in `detail`.",
}
VALIDATION_ERROR_DETAIL = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"$ref": "#/components/schemas/ValidationErrorDetail"}},
        {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/ValidationErrorDetail"}},
    ],
}
# RFC 9457, with the members that `vivace.rest.problems` adds.
PROBLEM = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail", "pointer"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
    "description": "Why the request was not answered, and what is wrong with which value.",
}


class Components:
    """Collects schemas under readable names: `Book`, `BookRequest`, `PatchedBookRequest`, `PaginatedBookList`."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        # As they came, before references in them were renamed, with all that they refer to.
        self._given: dict[str, list[Schema]] = {}

    def reference(self, name: str, schema: Schema) -> Schema:
        """A reference to `schema`, kept under `name`, or under `name2` when another schema has that name."""
        return {"$ref": PREFIX + self.adopt({name: schema}).get(name, name)}

    def adopt(self, components: Mapping[str, Schema]) -> dict[str, str]:
        """Keeps components that refer to each other; gives the new names of those whose names were taken."""
        names = {}
        for name, schema in components.items():
            given = [schema, *(components[other] for other in reachable(schema, components))]
            candidate, number = name, 1
            while self._given.get(candidate, given) != given:
                number += 1
                candidate = f"{name}{number}"
            self._given[candidate] = given
            names[name] = candidate
        moved = {name: new for name, new in names.items() if name != new}
        for name, schema in components.items():
            self.schemas[names[name]] = renamed(schema, moved) if moved else schema
        return moved

    def error(self) -> Schema:
        """A reference to the shape of an error that is one sentence."""
        return self.reference("Error", ERROR)

    def validation_error(self) -> Schema:
        """A reference to the shape of errors by field."""
        self.reference("ValidationErrorDetail", VALIDATION_ERROR_DETAIL)
        return self.reference("ValidationError", VALIDATION_ERROR)

    def problem(self) -> Schema:
        """A reference to the shape of all errors where they are problem details."""
        return self.reference("Problem", PROBLEM)

    def of(self, value: Any, use: Use) -> Schema:
        """The schema of anything that `@extend_schema` takes: a serializer, field, type, OpenApiTypes or schema."""
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, OpenApiTypes):
            return value.schema
        if isinstance(value, PolymorphicProxySerializer):
            return self._polymorphic(value, use)
        if isinstance(value, type) and issubclass(value, fields.Field):
            value = value()
        if isinstance(value, BaseSerializer):
            return self.serializer(value, use)
        if isinstance(value, fields.Field):
            return self.field(value, use)
        return type_schema(value, use, self.adopt)

    def serializer(self, serializer: Any, use: Use) -> Schema:
        """A reference to the schema of a serializer; an array of them for a list."""
        if isinstance(serializer, ListSerializer):
            return {"type": "array", "items": self.serializer(serializer.child, use)}
        told = getattr(serializer, FIELD_OVERRIDE, None)
        if told is not None:
            return self._told(told, use)
        if not isinstance(serializer, Serializer):
            return {}
        name = serializer_override(type(serializer), "component_name")
        if name is None:
            name = type(serializer).__name__.removesuffix("Serializer") or "Object"
        partial = use == "patch" or (use == "request" and bool(getattr(serializer, "partial", False)))
        names = {"response": name, "request": f"{name}Request", "patch": f"Patched{name}Request"}
        use = "patch" if partial else use
        return self.reference(names[use], self._object(serializer, use))

    def _object(self, serializer: Serializer[Any], use: Use) -> Schema:
        kind = type(serializer)
        left_out: Sequence[str] = serializer_override(kind, "exclude_fields") or ()
        deprecated: Sequence[str] = serializer_override(kind, "deprecate_fields") or ()
        properties: dict[str, Schema] = {}
        required = []
        for name, field in serializer.bound_fields.items():
            if isinstance(field, fields.HiddenField) or (field.write_only if use == "response" else field.read_only):
                continue
            if name in left_out:
                continue
            schema = self.field(field, use)
            if field.read_only:
                schema = {**schema, "readOnly": True}
            properties[name] = {**schema, "deprecated": True} if name in deprecated else schema
            if use == "response" or (use == "request" and field.required):
                required.append(name)
        schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        description = serializer_override(kind, "description")
        if description is None:
            description = " ".join((kind.__dict__.get("__doc__") or "").split())
        if description:
            schema["description"] = description
        return {**schema, **(serializer_override(kind, "extensions") or {})}

    def field(self, field: Any, use: Use) -> Schema:
        """The schema of a field, whatever is nested in it included."""
        told = getattr(field, FIELD_OVERRIDE, None)
        if told is None and isinstance(field, fields.SerializerMethodField):
            told = getattr(getattr(field.parent, field.method_name or "", None), FIELD_OVERRIDE, None)
        if told is not None:
            return _described(nullable(self._told(told, use)) if field.allow_null else self._told(told, use), field)
        if isinstance(field, BaseSerializer):
            # What is nested is validated as a whole, unless the serializer around it is partial as well.
            schema = self.serializer(field, "response" if use == "response" else "request")
            return _described(nullable(schema) if field.allow_null else schema, field)
        schema = field_schema(field)
        if isinstance(field, fields.ListField):
            return {**schema, "items": self.field(field.item, use)}
        if isinstance(field, fields.DictField):
            return {**schema, "additionalProperties": self.field(field.item, use)}
        if not schema and isinstance(field, fields.SerializerMethodField):
            return self._returned(getattr(field.parent, field.method_name or "", None), use)
        return schema

    def _returned(self, method: Any, use: Use) -> Schema:
        try:
            annotation = typing.get_type_hints(method).get("return") if method is not None else None
        except (NameError, TypeError):
            return {}
        return {} if annotation in (None, Any) or inspect.isawaitable(annotation) else self.of(annotation, use)

    def _told(self, told: tuple[Any, str | None], use: Use) -> Schema:
        value, name = told
        schema = self.of(value, use)
        return schema if name is None else self.reference(name, schema)

    def _polymorphic(self, proxy: PolymorphicProxySerializer, use: Use) -> Schema:
        choices, field_name = proxy.choices(), proxy.resource_type_field_name
        mapping: dict[str, str] = {}
        references = []
        for value, serializer in (
            choices.items() if isinstance(choices, Mapping) else ((None, each) for each in choices)
        ):
            reference = self.of(serializer, use)
            references.append(reference)
            for known in _type_values(serializer, field_name) if value is None else [value]:
                mapping[str(known)] = reference.get("$ref", "")
        schema: Schema = {"oneOf" if field_name else "anyOf": references}
        if field_name and all(mapping.values()):
            schema["discriminator"] = {"propertyName": field_name, "mapping": mapping}
        suffix = "" if use == "response" else "Request"
        name = f"Patched{proxy.component_name}{suffix}" if use == "patch" else proxy.component_name + suffix
        reference = self.reference(name, schema)
        return {"type": "array", "items": reference} if proxy.many else reference


def _described(schema: Schema, field: Any) -> Schema:
    return {**schema, "description": field.help_text} if field.help_text else schema


def _type_values(serializer: Any, field_name: str | None) -> list[Any]:
    """The values of the field that tells a serializer from others: its choices, its default, or the class's name."""
    instance = serializer() if isinstance(serializer, type) else serializer
    field = getattr(instance, "bound_fields", {}).get(field_name)
    if isinstance(field, fields.ChoiceField):
        return list(field.choices)
    default = getattr(field, "default", None)
    if isinstance(default, str | int):
        return [default]
    return [type(instance).__name__.removesuffix("Serializer")]
