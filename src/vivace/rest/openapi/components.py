"""The shared part of the document: a schema for each serializer, once for requests and once for responses."""

from __future__ import annotations

from typing import Any, Literal

from vivace.rest import fields
from vivace.rest.openapi.schemas import Schema, field_schema, nullable
from vivace.rest.serializers import BaseSerializer, ListSerializer, Serializer

Use = Literal["response", "request", "patch"]

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


class Components:
    """Collects schemas under readable names: `Book`, `BookRequest`, `PatchedBookRequest`, `PaginatedBookList`."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}

    def reference(self, name: str, schema: Schema) -> Schema:
        """A reference to `schema`, kept under `name`, or under `name2` when another schema has that name."""
        candidate, number = name, 1
        while self.schemas.get(candidate, schema) != schema:
            number += 1
            candidate = f"{name}{number}"
        self.schemas[candidate] = schema
        return {"$ref": f"#/components/schemas/{candidate}"}

    def error(self) -> Schema:
        """A reference to the shape of an error that is one sentence."""
        return self.reference("Error", ERROR)

    def validation_error(self) -> Schema:
        """A reference to the shape of errors by field."""
        self.reference("ValidationErrorDetail", VALIDATION_ERROR_DETAIL)
        return self.reference("ValidationError", VALIDATION_ERROR)

    def serializer(self, serializer: Any, use: Use) -> Schema:
        """A reference to the schema of a serializer; an array of them for a list."""
        if isinstance(serializer, ListSerializer):
            return {"type": "array", "items": self.serializer(serializer.child, use)}
        if not isinstance(serializer, Serializer):
            return {}
        name = type(serializer).__name__.removesuffix("Serializer") or "Object"
        names = {"response": name, "request": f"{name}Request", "patch": f"Patched{name}Request"}
        return self.reference(names[use], self._object(serializer, use))

    def _object(self, serializer: Serializer[Any], use: Use) -> Schema:
        properties: dict[str, Schema] = {}
        required = []
        for name, field in serializer.bound_fields.items():
            if isinstance(field, fields.HiddenField) or (field.write_only if use == "response" else field.read_only):
                continue
            properties[name] = self._property(field, use)
            if use == "response" or (use == "request" and field.required):
                required.append(name)
        schema: Schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if description := type(serializer).__dict__.get("__doc__"):
            schema["description"] = " ".join(description.split())
        return schema

    def _property(self, field: Any, use: Use) -> Schema:
        if not isinstance(field, BaseSerializer):
            schema = field_schema(field)
        else:
            # What is nested is validated as a whole, unless the serializer around it is partial as well.
            schema = self.serializer(field, "response" if use == "response" else "request")
            if field.allow_null:
                schema = nullable(schema)
            if field.help_text:
                schema = {**schema, "description": field.help_text}
        return {**schema, "readOnly": True} if field.read_only else schema
