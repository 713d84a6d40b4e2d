"""Names for choices: each list of values in the components becomes a component itself, `KindEnum`.

The names are drf-spectacular's: of the property, and where properties of one name have other choices, of the component
and the property (`BookKindEnum`). https://drf-spectacular.readthedocs.io/en/latest/settings.html (ENUM_NAME_OVERRIDES)
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from vivace.rest.openapi.schemas import Schema
from vivace.rest.openapi.types import PREFIX

Values = tuple[tuple[str, Any], ...]  # with their type: 1 is not True


def name_enums(schemas: dict[str, Schema], wanted: Mapping[str, Any]) -> None:
    """Moves the enums of all properties to components. `wanted` gives names to choices."""
    names = {_key(_choices(choices)): name for name, choices in wanted.items()}
    places = list(_places(schemas))
    values_of: dict[str, set[Values]] = {}
    for _, name, schema in places:
        values_of.setdefault(name, set()).add(_key(_values(schema)))
    for component, name, schema in places:
        values = _values(schema)
        if not values:
            continue
        key = _key(values)
        own = _camel(name)
        if len(values_of[name]) > 1:
            own = re.sub(r"\APatched|Request\Z", "", component) + own
        wanted_name = names.get(key, f"{own}Enum")
        enum: Schema = {"enum": values}
        if "type" in schema:
            enum = {"type": next(kind for kind in _types(schema) if kind != "null"), **enum}
        if "description" in schema:
            enum["description"] = schema["description"]
        _refer(schema, _kept(schemas, wanted_name, enum))


def _places(schemas: Mapping[str, Schema]) -> Iterator[tuple[str, str, Schema]]:
    """`(component, property, schema)` for each enum in a property, or in the items of one."""
    for component, schema in list(schemas.items()):
        for name, described in schema.get("properties", {}).items():
            inner = described.get("items", described)
            if isinstance(inner, dict) and isinstance(inner.get("enum"), list):
                yield component, name, inner


def _refer(schema: Schema, reference: str) -> None:
    """Puts a reference in the place of an enum; null and the empty string stay beside it."""
    others: list[Schema] = []
    if "" in schema["enum"]:
        others.append({"const": ""})
    if None in schema["enum"]:
        others.append({"type": "null"})
    for keyword in ("enum", "type", "description"):
        schema.pop(keyword, None)
    if others:
        schema["anyOf"] = [{"$ref": reference}, *others]
    else:
        schema["$ref"] = reference


def _kept(schemas: dict[str, Schema], name: str, enum: Schema) -> str:
    candidate, number = name, 1
    while schemas.get(candidate, enum) != enum:
        number += 1
        candidate = f"{name}{number}"
    schemas[candidate] = enum
    return PREFIX + candidate


def _types(schema: Schema) -> list[str]:
    kind = schema["type"]
    return [kind] if isinstance(kind, str) else list(kind)


def _values(schema: Schema) -> list[Any]:
    return [value for value in schema["enum"] if value is not None and value != ""]


def _key(values: list[Any]) -> Values:
    return tuple((type(value).__name__, value) for value in values)


def _choices(choices: Any) -> list[Any]:
    """The values of an Enum class, of `(value, label)` pairs, of a plain list, or of any of them by dotted name."""
    if isinstance(choices, str):
        module, _, name = choices.rpartition(".")
        choices = importlib.import_module(module)
        for part in name.split("."):
            choices = getattr(choices, part)
    if isinstance(choices, type) and issubclass(choices, Enum):
        return [member.value for member in choices]
    return [choice[0] if isinstance(choice, tuple | list) else choice for choice in choices]


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[\W_]+", name))
