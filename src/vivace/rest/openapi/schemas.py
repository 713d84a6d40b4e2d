"""JSON Schema (2020-12, as OpenAPI 3.1 uses it) of serializer fields."""

from __future__ import annotations

import datetime as dt
import inspect
import typing
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

from vivace.rest import fields, model_fields, relations
from vivace.rest._models import find_field
from vivace.rest.fields.base import empty

Schema = dict[str, Any]

# What a method's return annotation says about a SerializerMethodField or a property of a model.
ANNOTATIONS: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    Decimal: {"type": "string", "format": "decimal"},
    dt.datetime: {"type": "string", "format": "date-time"},
    dt.date: {"type": "string", "format": "date"},
    dt.time: {"type": "string", "format": "time"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    list: {"type": "array", "items": {}},
    dict: {"type": "object"},
}

# The most specific class first: the first that fits is taken.
SIMPLE: tuple[tuple[type[fields.Field], Schema], ...] = (
    (fields.BooleanField, {"type": "boolean"}),
    (fields.EmailField, {"type": "string", "format": "email"}),
    (fields.URLField, {"type": "string", "format": "uri"}),
    (fields.CharField, {"type": "string"}),
    (fields.UUIDField, {"type": "string", "format": "uuid"}),
    (fields.IntegerField, {"type": "integer"}),
    (fields.FloatField, {"type": "number"}),
    (fields.DecimalField, {"type": "string", "format": "decimal"}),
    (fields.DateTimeField, {"type": "string", "format": "date-time"}),
    (fields.DateField, {"type": "string", "format": "date"}),
    (fields.TimeField, {"type": "string", "format": "time"}),
    (fields.DurationField, {"type": "string"}),
    (relations.StringRelatedField, {"type": "string"}),
    (relations.HyperlinkedRelatedField, {"type": "string", "format": "uri"}),
)
LIMITS = {
    "max_length": "maxLength",
    "min_length": "minLength",
    "max_value": "maximum",
    "min_value": "minimum",
}
SLUG_PATTERN = "^[-a-zA-Z0-9_]+$"


def field_schema(field: Any) -> Schema:
    """What a field's value looks like in JSON, null and description included; `{}` for anything."""
    schema = nullable(_value_schema(field)) if field.allow_null else _value_schema(field)
    if field.help_text:
        schema = {**schema, "description": field.help_text}
    default = field.default
    if default is not empty and isinstance(default, str | int | float | bool) and not isinstance(default, Enum):
        schema = {**schema, "default": default}
    return schema


def nullable(schema: Schema) -> Schema:
    """`schema`, or null."""
    if not schema:
        return schema
    if "enum" in schema:
        schema = {**schema, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return schema if "enum" in schema else {"anyOf": [schema, {"type": "null"}]}


def _value_schema(field: Any) -> Schema:
    for cls, make in COMPOSED:
        if isinstance(field, cls):
            return make(field)
    for cls, schema in SIMPLE:
        if isinstance(field, cls):
            return {**schema, **_limits(field, schema["type"]), **_form(field)}
    return {}


def _limits(field: Any, kind: str) -> Schema:
    names = LIMITS if kind in ("integer", "number") else {k: v for k, v in LIMITS.items() if k.endswith("length")}
    limits = {keyword: getattr(field, name, None) for name, keyword in names.items()}
    found = {keyword: limit for keyword, limit in limits.items() if isinstance(limit, int | float)}
    if kind == "string" and isinstance(field, fields.CharField) and not field.allow_blank and not field.read_only:
        found.setdefault("minLength", 1)
    return found


def _form(field: Any) -> Schema:
    """What depends on how a field is told to look."""
    if isinstance(field, fields.SlugField) and not field.allow_unicode:
        return {"pattern": SLUG_PATTERN}
    if isinstance(field, fields.RegexField):
        pattern = field.regex if isinstance(field.regex, str) else field.regex.pattern
        return {} if "(?P" in pattern or "\\Z" in pattern else {"pattern": pattern}
    if isinstance(field, fields.IPAddressField) and field.protocol != "both":
        return {"format": field.protocol}
    if isinstance(field, fields.UUIDField) and field.uuid_format == "int":
        return {"type": "integer", "format": "int128"}
    if isinstance(field, fields.DecimalField) and not field.coerce_to_string:
        return {"type": "number"}
    if isinstance(field, fields.BigIntegerField) and field.coerce_to_string:
        return {"type": "string"}
    return {}


def _choice(field: fields.ChoiceField) -> Schema:
    values = [value.value if isinstance(value, Enum) else value for value in field.choices]
    if field.allow_blank and "" not in values:
        values.append("")
    labels = [
        f"* `{value}` - {label}"
        for value, label in zip(values, field.choices.values(), strict=False)
        if str(value) != str(label)
    ]
    schema: Schema = {"enum": values}
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and (kind := ANNOTATIONS.get(kinds.pop())) is not None:
        schema = {**kind, **schema}
    return {**schema, "description": "\n".join(labels)} if labels else schema


def _multiple_choice(field: fields.MultipleChoiceField) -> Schema:
    return {"type": "array", "items": _choice(field), "uniqueItems": True}


def _list(field: fields.ListField) -> Schema:
    schema: Schema = {"type": "array", "items": field_schema(field.item)}
    limits = {"minItems": field.min_length, "maxItems": field.max_length}
    return {**schema, **{keyword: limit for keyword, limit in limits.items() if limit is not None}}


def _dict(field: fields.DictField) -> Schema:
    return {"type": "object", "additionalProperties": field_schema(field.item)}


def _many_related(field: relations.ManyRelatedField) -> Schema:
    schema: Schema = {"type": "array", "items": _related(field.child_relation, field)}
    return schema if field.allow_empty or field.read_only else {**schema, "minItems": 1}


def _primary_key(field: relations.PrimaryKeyRelatedField) -> Schema:
    return _related(field, field)


def _related(relation: Any, field: Any) -> Schema:
    """A relation in the form that its field class shows; the key's type is found through the serializer's model."""
    if not isinstance(relation, relations.PrimaryKeyRelatedField | relations.SlugRelatedField):
        return field_schema(relation)
    if isinstance(relation, relations.PrimaryKeyRelatedField) and relation.pk_field is not None:
        return field_schema(relation.pk_field)
    model = _related_model(relation, field)
    if model is None:
        return {}
    target = model._meta.pk if relation.lookup_name == "pk" else model._meta.get_field(relation.lookup_name)
    schema = field_schema(model_fields.value_field(target))
    return {keyword: value for keyword, value in schema.items() if keyword in ("type", "format", "enum")}


def _related_model(relation: Any, field: Any) -> Any:
    if relation.queryset is not None:
        return relation.queryset.model
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    for name in field.source_attrs:
        if model is None:
            return None
        model = getattr(find_field(model, name), "related_model", None)
    return model


def _method(field: fields.SerializerMethodField) -> Schema:
    return annotation_schema(getattr(field.parent, field.method_name or "", None))


def _read_only(field: fields.ReadOnlyField) -> Schema:
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    found = inspect.getattr_static(model, field.source or "", None) if model is not None else None
    return annotation_schema(found.fget if isinstance(found, property) else found)


def annotation_schema(function: Callable[..., Any] | None) -> Schema:
    """What a function's return annotation says; `{}` for none and for what JSON Schema has no word for."""
    try:
        annotation = typing.get_type_hints(function).get("return") if function is not None else None
    except (NameError, TypeError):
        return {}
    return _annotated(annotation)


def _annotated(annotation: Any) -> Schema:
    arguments = typing.get_args(annotation)
    if type(None) in arguments:
        rest = [argument for argument in arguments if argument is not type(None)]
        return nullable(_annotated(rest[0])) if len(rest) == 1 else {}
    origin = typing.get_origin(annotation) or annotation
    if origin in (list, tuple, set) and arguments:
        return {"type": "array", "items": _annotated(arguments[0])}
    if origin in (dict, Mapping) and len(arguments) == 2:
        return {"type": "object", "additionalProperties": _annotated(arguments[1])}
    known = ANNOTATIONS.get(origin)
    return {} if known is None else dict(known)


COMPOSED: tuple[tuple[type[Any], Callable[[Any], Schema]], ...] = (
    (fields.MultipleChoiceField, _multiple_choice),
    (fields.ChoiceField, _choice),
    (fields.ListField, _list),
    (fields.DictField, _dict),
    (fields.SerializerMethodField, _method),
    (fields.ReadOnlyField, _read_only),
    (relations.ManyRelatedField, _many_related),
    (relations.PrimaryKeyRelatedField, _primary_key),
    (relations.SlugRelatedField, _primary_key),
)
