"""How a serializer class shows an object, compiled into one function.

Showing a field the plain way costs a walk over its source, a test whether the value is callable and a method call. A
plan is the same as one expression a field, `value if value.__class__ is str else show(value)`, in one dict display;
whatever is unusual (a missing attribute, a mapping instead of an object) falls back to the plain way. It is 10 to 20
times faster; `tests/rest/serializers/test_plan.py` holds the two against each other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from vivace.orm.exceptions import NotLoaded, ObjectDoesNotExist
from vivace.rest import _loading, fields, relations
from vivace.rest.fields.base import Field, SkipField, call_if_simple
from vivace.rest.serializers.base import ListSerializer

Show = Callable[[Any], Any]

# By what shows the value: the class the value usually has, and its representation if it does.
INLINE: dict[Any, tuple[str, str]] = {
    fields.CharField.to_representation: ("str", "v"),
    fields.IntegerField.to_representation: ("int", "v"),
    fields.FloatField.to_representation: ("float", "v"),
    fields.BooleanField.to_representation: ("bool", "v"),
}
# These only with their default format.
INLINE_FORMATTED: dict[Any, tuple[str, str]] = {
    fields.DateField.to_representation: ("date", "v.isoformat()"),
    fields.TimeField.to_representation: ("time", "v.isoformat()"),
    fields.UUIDField.to_representation: ("UUID", "str(v)"),
    fields.DateTimeField.to_representation: ("datetime and v.tzinfo is UTC", "v.isoformat()[:-6] + 'Z'"),
}
MAPPING_METHODS = frozenset(dir(Mapping))


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """`represent(instance, serializer)` makes the plain data.

    `serializer` is the bound serializer, or None when `needs_serializer` is false: then no field looks at its
    surroundings.
    """

    represent: Callable[[Any, Any], dict[str, Any]]
    needs_serializer: bool
    is_async: bool
    source: str


def compile_plan(template: Any) -> OutputPlan:
    """The plan of a serializer class, from its template."""
    return _Compiler(template).compile()


class _Compiler:
    def __init__(self, template: Any) -> None:
        self.template = template
        self.needs_serializer = False
        self.names: dict[str, Any] = {
            "AttributeErrors": (AttributeError, SkipField, ObjectDoesNotExist, InvalidOperation),
            "NotLoaded": NotLoaded,
            "Mapping": Mapping,
            "items_of": _loading.items_of,
            "dynamic": _dynamic,
            "call_if_simple": call_if_simple,
            "template": template,
            "Decimal": Decimal,
            "UUID": UUID,
            "UTC": dt.UTC,
            "date": dt.date,
            "datetime": dt.datetime,
            "time": dt.time,
        }

    def compile(self) -> OutputPlan:
        shown = [field for field in self.template.bound_fields.values() if not field.write_only]
        members = [f"            {field.field_name!r}: {self.expression(field)}," for field in shown]
        first_names = {field.source_attrs[0] for field in shown if field.source_attrs}
        mapping = "Mapping" if first_names & MAPPING_METHODS else "dict"
        source = "\n".join(
            [
                "def represent(instance, serializer):",
                f"    if isinstance(instance, {mapping}):",
                "        return (serializer or template).represent_fields(instance)",
                "    try:",
                "        return {",
                *members,
                "        }",
                "    except NotLoaded:",
                "        raise",  # the plain way would meet it again, at each level of nesting
                "    except AttributeErrors:",
                "        return (serializer or template).represent_fields(instance)",
            ]
        )
        # The only texts from outside in the source are attribute names that were checked to be identifiers, and
        # field names as string literals.
        exec(compile(source, f"<plan of {type(self.template).__name__}>", "exec"), self.names)  # noqa: S102
        is_async = self.template.has_async_fields()
        return OutputPlan(self.names["represent"], self.needs_serializer, is_async, source)

    def remember(self, prefix: str, value: Any) -> str:
        name = f"{prefix}_{len(self.names)}"
        self.names[name] = value
        return name

    def expression(self, field: Field) -> str:
        if not is_plain(field):
            return self.dynamic(field)
        if isinstance(field, fields.SerializerMethodField):
            self.needs_serializer = True
            return f"serializer.{field.method_name}(instance)"
        if not field.source_attrs or not all(name.isidentifier() for name in field.source_attrs):
            return self.dynamic(field)
        value = f"instance.{'.'.join(field.source_attrs)}"
        if isinstance(field, ListSerializer):
            return self.nested_list(field, value)
        if hasattr(field, "output_plan"):
            return self.nested(field, value)
        if (key := key_attribute(self.template, field)) is not None:
            return f"instance.{key}"
        return self.simple(field, value)

    def dynamic(self, field: Field) -> str:
        self.needs_serializer = True
        return f"dynamic(serializer, {field.field_name!r}, instance)"

    def simple(self, field: Field, value: str) -> str:
        show = self.remember("show", _shower(field))
        how = type(field).to_representation
        inline = INLINE.get(how)
        if how is fields.BigIntegerField.to_representation and not getattr(field, "coerce_to_string", True):
            inline = ("int", "v")
        if inline is None and has_default_format(field):
            inline = INLINE_FORMATTED.get(how)
        if inline is None and isinstance(field, fields.DecimalField) and has_plain_digits(field):
            quantum, context = self.remember("quantum", field.quantum), self.remember("context", field.digits_context)
            inline = ("Decimal", f"str(v.quantize({quantum}, None, {context}))")
        if inline is None:
            return f"{show}({value})"
        return f"{inline[1]} if (v := {value}).__class__ is {inline[0]} else {show}(v)"

    def nested(self, field: Any, value: str) -> str:
        plan: OutputPlan | None = field.output_plan
        if plan is None:
            return self.dynamic(field)
        represent = self.remember("represent", plan.represent)
        child = self.child(plan, f"serializer.bound_fields[{field.field_name!r}]")
        called = f"call_if_simple(v, {field.field_name!r}) if callable(v) else v"
        return f"None if (v := {value}) is None else {represent}({called}, {child})"

    def nested_list(self, field: ListSerializer, value: str) -> str:
        child_plan: OutputPlan | None = getattr(field.child, "output_plan", None)
        if child_plan is None or not is_plain(field.child):
            return self.dynamic(field)
        represent = self.remember("represent", child_plan.represent)
        child = self.child(child_plan, f"serializer.bound_fields[{field.field_name!r}].child")
        items = f"items_of(v, {field.field_name!r})"
        return f"None if (v := {value}) is None else [{represent}(item, {child}) for item in {items}]"

    def child(self, plan: OutputPlan, serializer: str) -> str:
        self.needs_serializer = self.needs_serializer or plan.needs_serializer
        return serializer if plan.needs_serializer else "None"


def is_plain(field: Any) -> bool:
    """Whether the field reads and shows its value as this package's fields do, looking at nothing but the value."""
    cls = type(field)
    methods = (cls.to_representation, cls.get_attribute)
    if cls.needs_context or not all(method.__module__.startswith("vivace.rest.") for method in methods):
        return False
    inner = getattr(field, "item", None) or getattr(field, "child_relation", None)
    return inner is None or is_plain(inner)


def has_default_format(field: Any) -> bool:
    """Whether a date, time or UUID is shown in the usual way."""
    if isinstance(field, fields.UUIDField):
        return field.uuid_format == "hex_verbose"
    if isinstance(field, fields.DateTimeField) and field.timezone is not dt.UTC:
        return False
    return getattr(field, "format", None) == "iso-8601"


def has_plain_digits(field: fields.DecimalField) -> bool:
    """Whether a decimal is shown as text with so few places that `str()` never writes an exponent."""
    shows_as_usual = type(field).to_representation is fields.DecimalField.to_representation
    usual_digits = type(field).quantize is fields.DecimalField.quantize
    places = field.decimal_places
    plain = field.coerce_to_string and not field.normalize_output
    return shows_as_usual and usual_digits and plain and places is not None and 0 <= places <= 6


def key_attribute(serializer: Any, field: Field) -> str | None:
    """`author_id` for a primary key field on the foreign key `author`: the key is there without the related object."""
    if not isinstance(field, relations.PrimaryKeyRelatedField) or field.pk_field is not None:
        return None
    model = getattr(getattr(serializer, "Meta", None), "model", None)
    if model is None or len(field.source_attrs) != 1:
        return None
    for concrete in model._meta.concrete_fields:
        if concrete.name == field.source_attrs[0] and concrete.attname != concrete.name:
            return str(concrete.attname)
    return None


def _shower(field: Field) -> Show:
    def show(value: Any) -> Any:
        if callable(value):
            value = call_if_simple(value, field.field_name)
        return None if value is None else field.to_representation(value)

    return show


def _dynamic(serializer: Any, name: str, instance: Any) -> Any:
    field = serializer.bound_fields[name]
    value = field.get_attribute(instance)
    return None if value is None else field.to_representation(value)
