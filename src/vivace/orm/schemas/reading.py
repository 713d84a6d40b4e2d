"""Values between instances of models and of the types made from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from vivace.orm.exceptions import ObjectDoesNotExist
from vivace.orm.query.queryset import QuerySet
from vivace.orm.schemas.plan import Left, Plan, SchemaField

if TYPE_CHECKING:
    from vivace.orm.base import Model

T = TypeVar("T")


def read(cls: type[T], instance: Model) -> T:
    """An object of a type made from a model, with the values of an instance.

    What it shows of related objects must be loaded; `fetch` sees to that. Raises NotLoaded otherwise.
    """
    values = {field.name: _value_of(field, instance) for field in _plan_of(cls).fields}
    for name in _other_names(cls, values):
        values[name] = getattr(instance, name)
    return cls(**values)


def read_all(cls: type[T], instances: Iterable[Model]) -> list[T]:
    """`read` for each of many."""
    return [read(cls, instance) for instance in instances]


async def fetch(cls: type[T], queryset: QuerySet[Any]) -> list[T]:
    """Objects of a type made from a model for the rows of a queryset, with one more query for each nested relation."""
    paths = _nested_paths(_plan_of(cls))
    return read_all(cls, await (queryset.prefetch_related(*paths) if paths else queryset))


def values(data: Any) -> dict[str, Any]:
    """The values by name: given ones, and the model's defaults; what was left out for good and nested ones are not.

    `Book.objects.create(**values(data))` makes a row of them.
    """
    # Pydantic has no value that says "left out", but knows what was given.
    given = getattr(data, "model_fields_set", None)
    found = {}
    for field in _plan_of(type(data)).fields:
        value = getattr(data, field.name)
        is_left_out = value is msgspec.UNSET or (
            given is not None and field.default is Left.OUT and field.name not in given
        )
        if field.nested is None and not is_left_out:
            found[field.name] = value
    return found


def assign(instance: Model, data: Any) -> None:
    """Sets the attributes of an instance to what was given; `save()` then writes what changed."""
    for name, value in values(data).items():
        setattr(instance, name, value)


def _plan_of(cls: type[Any]) -> Plan:
    plan = getattr(cls, "schema_plan", None)
    if not isinstance(plan, Plan):
        raise TypeError(
            f"{cls.__name__} was not made from a model: use `class {cls.__name__}(schemas.Struct, model=…)` or "
            "schemas.make_struct(…)"
        )
    return plan


def _value_of(field: SchemaField, instance: Model) -> Any:
    if field.nested is None:
        return getattr(instance, field.name)
    if field.many:
        return read_all(field.nested, getattr(instance, field.name).all())
    try:
        related = getattr(instance, field.name)
    except ObjectDoesNotExist:
        # The other side of a one-to-one relation.
        return None
    return None if related is None else read(field.nested, related)


def _other_names(cls: type[Any], known: dict[str, Any]) -> list[str]:
    """Fields declared in the body besides the model's: properties and annotations of the instance."""
    names: Iterable[str] = getattr(cls, "__struct_fields__", None) or getattr(cls, "model_fields", {})
    return [name for name in names if name not in known]


def _nested_paths(plan: Plan) -> list[str]:
    paths = []
    for field in plan.fields:
        if field.nested is not None:
            below = _nested_paths(_plan_of(field.nested))
            paths += [field.name, *(f"{field.name}__{path}" for path in below)]
    return paths
