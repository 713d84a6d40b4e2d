"""JSON Schema of Python's types: what msgspec knows, pydantic's models, and drf-spectacular's names for plain ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Literal

import msgspec

from vivace.rest.openapi.schemas import Schema

Use = Literal["response", "request", "patch"]
PREFIX = "#/components/schemas/"
BINARY: Schema = {"type": "string", "format": "binary"}


def _string(form: str) -> Schema:
    return {"type": "string", "format": form}


class OpenApiTypes(Enum):
    """Plain types by name. https://drf-spectacular.readthedocs.io/en/latest/drf_spectacular.html#module-drf_spectacular.types"""

    NUMBER = "number"
    FLOAT = "float"
    DOUBLE = "double"
    BOOL = "boolean"
    STR = "string"
    BYTE = "byte"
    BINARY = "binary"
    PASSWORD = "password"  # noqa: S105 (the name of a format)
    INT = "integer"
    INT32 = "int32"
    INT64 = "int64"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    UUID = "uuid"
    URI = "uri"
    URI_REF = "uri-reference"
    URI_TPL = "uri-template"
    IRI = "iri"
    IRI_REF = "iri-reference"
    IP4 = "ipv4"
    IP6 = "ipv6"
    HOSTNAME = "hostname"
    IDN_HOSTNAME = "idn-hostname"
    DECIMAL = "decimal"
    DATETIME = "date-time"
    DATE = "date"
    TIME = "time"
    DURATION = "duration"
    EMAIL = "email"
    IDN_EMAIL = "idn-email"
    JSON_PTR = "json-pointer"
    JSON_PTR_REL = "relative-json-pointer"
    REGEX = "regex"
    OBJECT = "object"
    NONE = "none"
    ANY = "any"

    @property
    def schema(self) -> Schema:
        """Its JSON Schema."""
        name = self.value
        if name in ("number", "boolean", "string", "integer"):
            return {"type": name}
        if name in ("float", "double"):
            return {"type": "number", "format": name}
        if "int" in name and name[-1].isdigit():
            return {"type": "integer", "format": name}
        if name == "object":
            return {"type": "object", "additionalProperties": {}}
        return {} if name in ("any", "none") else _string(name)


Adopt = Callable[[dict[str, Schema]], dict[str, str]]


def type_schema(annotation: Any, use: Use, adopt: Adopt) -> Schema:
    """The schema of a type; `adopt(components)` keeps those that belong to it and gives their names in the document.

    What neither msgspec nor pydantic has a schema for is `{}`, anything.
    """
    if _is_pydantic(annotation):
        return _pydantic_schema(annotation, use, adopt)

    def unknown(kind: type[Any]) -> Schema:
        if _is_pydantic(kind):
            return _pydantic_schema(kind, use, adopt)
        return dict(BINARY) if kind.__name__ == "UploadFile" else {}

    try:
        (schema,), components = msgspec.json.schema_components(
            [annotation], schema_hook=unknown, ref_template=PREFIX + "{name}"
        )
    except TypeError:
        return {}
    return _with_adopted(schema, components, adopt)


def _with_adopted(schema: Schema, components: dict[str, Schema], adopt: Adopt) -> Schema:
    # A generic type's name is Page_Book_ or Page[Book].
    names = {
        name: re.sub(r"[\W_]+", " ", name).title().replace(" ", "") for name in components if re.search(r"[\W_]", name)
    }
    plain = {names.get(name, name): renamed(component, names) for name, component in components.items()}
    found: Schema = renamed(renamed(schema, names), adopt(plain))
    return found


def renamed(schema: Any, names: dict[str, str]) -> Any:
    """A schema whose references go to components' new names."""
    if isinstance(schema, list):
        return [renamed(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: renamed(value, names) for key, value in schema.items()}
    for key, reference in _references(found):
        name = reference.removeprefix(PREFIX)
        if reference.startswith(PREFIX) and name in names:
            found[key] = PREFIX + names[name]
    return found


def reachable(schema: Any, components: Mapping[str, Schema]) -> list[str]:
    """The names of the components that a schema refers to, directly or through others, in a fixed order."""
    found: dict[str, None] = {}
    todo = [schema]
    while todo:
        each = todo.pop()
        if isinstance(each, dict):
            names = [reference.removeprefix(PREFIX) for _, reference in _references(each)]
            new = [name for name in names if name in components and name not in found]
            found.update(dict.fromkeys(new))
            todo += [components[name] for name in new]
            todo += each.values()
        elif isinstance(each, list):
            todo += each
    return list(found)


def _references(schema: Schema) -> list[tuple[str, str]]:
    # A reference stands in "$ref", and as a plain text in a discriminator's mapping.
    return [(key, value) for key, value in schema.items() if isinstance(value, str) and value.startswith(PREFIX)]


def _is_pydantic(kind: Any) -> bool:
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def _pydantic_schema(model: Any, use: Use, adopt: Adopt) -> Schema:
    """A reference to a pydantic model's component; what goes in and what comes out may differ."""
    outgoing = model.model_json_schema(ref_template=PREFIX + "{model}", mode="serialization")
    incoming = model.model_json_schema(ref_template=PREFIX + "{model}", mode="validation")
    schema = outgoing if use == "response" else incoming
    components = schema.pop("$defs", {})
    name = model.__name__
    if use != "response" and {**incoming, "$defs": None} != {**outgoing, "$defs": None}:
        name = f"{name}Request"
    own = re.sub(r"\W+", "", name)
    if "$ref" in schema:  # a recursive model is a component of its own already
        return _with_adopted(schema, components, adopt)
    return _with_adopted({"$ref": PREFIX + own}, {**components, own: schema}, adopt)


def plain_default(value: Any) -> Any:
    """A default as JSON has it; `None` for one that has no place there."""
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return None
