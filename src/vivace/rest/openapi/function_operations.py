"""The operations of typed functions: their plain description (`rest.operations`) in OpenAPI's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vivace.rest.openapi.bodies import content
from vivace.rest.openapi.schemas import Schema
from vivace.rest.openapi.types import Use, plain_default
from vivace.rest.operations import NO_DEFAULT, Body, BodyField, Operation, Parameter, ResponseDescription

if TYPE_CHECKING:
    from vivace.rest.openapi.document import Document

STREAMS = ("text/event-stream", "application/jsonl", "application/x-ndjson", "application/json-seq")


class FunctionOperation:
    """One method of one typed function."""

    def __init__(self, document: Document, path: str, operation: Operation) -> None:
        self.document, self.components = document, document.components
        self.path, self.operation = path, operation

    def describe(self) -> dict[str, Any]:
        """The Operation Object."""
        told = self.operation
        found: dict[str, Any] = {
            "operationId": self.document.unique_id(told.operation_id),
            "tags": list(told.tags) or self.document.tags_of(self.path),
            "summary": told.summary,
            "description": told.description,
            "deprecated": told.deprecated or None,
            "parameters": [self._parameter(parameter) for parameter in told.parameters],
            "requestBody": None if told.body is None else self._body(told.body),
            "responses": self._responses(),
            "callbacks": self._callbacks(),
            "security": self.document.security.of_operation(told),
        }
        return merged({name: value for name, value in found.items() if value}, told.extra)

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        described: dict[str, Any] = {"name": parameter.name, "in": parameter.in_, "required": parameter.required}
        if parameter.description:
            described["description"] = parameter.description
        if parameter.deprecated:
            described["deprecated"] = True
        if examples := parameter.metadata.get("openapi_examples"):
            described["examples"] = examples
        return {**described, "schema": self._schema(parameter)}

    def _schema(self, value: Parameter | BodyField, use: Use = "request") -> Schema:
        schema = dict(self.components.of(value.type, use))
        default = NO_DEFAULT if value.default is NO_DEFAULT else plain_default(value.default)
        if default is not NO_DEFAULT and default is not None:
            schema["default"] = default
        for name in ("title", "examples"):
            if value.metadata.get(name):
                schema[name] = value.metadata[name]
        return {**schema, **(value.metadata.get("json_schema_extra") or {})}

    def _body(self, body: Body) -> dict[str, Any]:
        found = content(body.media_types, self._body_schema(body))
        for described in found.values():
            if examples := body.metadata.get("openapi_examples"):
                described["examples"] = examples
        told = {"content": found, "required": body.required}
        return {**told, "description": body.description} if body.description else told

    def _body_schema(self, body: Body) -> Schema:
        if not body.fields:
            use: Use = "patch" if "PATCH" in self.operation.methods else "request"
            return self.components.of(body.type, use)
        properties = {}
        for field in body.fields:
            properties[field.name] = self._schema(field)
            if field.description:
                properties[field.name]["description"] = field.description
        schema: Schema = {"type": "object", "properties": properties}
        if required := [field.name for field in body.fields if field.required]:
            schema["required"] = required
        name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", self.operation.operation_id))
        return self.components.reference(f"{name}Body", schema)

    def _responses(self) -> dict[str, Any]:
        told = self.operation
        errors = ["400"] if told.parameters or told.body is not None else []
        if told.security and not told.optional_security:
            errors += ["401", "403"] if any(needed.scopes for needed in told.security) else ["401"]
        found: dict[str, Any] = {status: self.document.errors.describe(status) for status in errors}
        for response in told.responses:
            found[response.status] = self._response(response)
        return dict(sorted(found.items()))

    def _response(self, response: ResponseDescription) -> dict[str, Any]:
        described: dict[str, Any] = {"description": response.description}
        if response.item_type is not None and response.media_type:
            item = self.components.of(response.item_type, "response")
            # OpenAPI 3.1 has no word for the items of a stream; 3.2 has this one.
            described["content"] = {response.media_type: {"schema": {"type": "string"}, "x-itemSchema": item}}
        elif response.type is not None:
            media_type = response.media_type or "application/json"
            described["content"] = content([media_type], self.components.of(response.type, "response"))
        elif response.media_type:
            described["content"] = {response.media_type: {"schema": {"type": "string"}}}
        return merged(described, response.extra)

    def _callbacks(self) -> dict[str, Any]:
        return {
            callback.operation.operation_id: {callback.operation.path: path_item(self.document, callback.operation)}
            for callback in self.operation.callbacks
            if getattr(callback, "operation", None) is not None
        }


def path_item(document: Document, operation: Operation) -> dict[str, Any]:
    """The Path Item Object of a webhook or a callback that is described by a function."""
    return {
        method.lower(): FunctionOperation(document, operation.path, operation).describe()
        for method in operation.methods
    }


def merged(found: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """`found` with what was told by hand, which wins; objects in both are merged in the same way."""
    total = dict(found)
    for name, value in told.items():
        own = total.get(name)
        total[name] = merged(own, value) if isinstance(own, Mapping) and isinstance(value, Mapping) else value
    return total


def operations_of(routes: Iterable[Any]) -> list[Operation]:
    """The descriptions that routes have."""
    found = (getattr(route, "operation", None) for route in routes)
    return [operation for operation in found if isinstance(operation, Operation)]
