"""What is told where a model is defined: options of Meta and fields that cannot mean anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vivace.orm.database_features import FEATURES, VENDORS
from vivace.orm.exceptions import FieldDoesNotExist, ModelDefinitionError
from vivace.orm.fields.files import ImageField
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.text import CharField
from vivace.orm.fields.times import DateField, DateTimeField
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.options import Options

# PostgreSQL cuts longer names off, MySQL refuses more than 64 characters.
MAX_NAME_LENGTH = 63


def check_model(meta: Options) -> None:
    """Raises ModelDefinitionError or FieldDoesNotExist for the first mistake."""
    names = {field.name for field in (*meta.concrete_fields, *meta.many_to_many)} | set(meta.by_attname)
    _check_ordering(meta, names)
    for group in meta.unique_together:
        _check_names(meta, "unique_together", group, names)
    latest = meta.get_latest_by
    if latest is not None:
        given = [latest] if isinstance(latest, str) else latest
        _check_names(meta, "get_latest_by", [name.removeprefix("-").split("__")[0] for name in given], names)
    _check_databases(meta)
    _check_constraints(meta, names)
    _check_columns(meta)
    for field in meta.local_fields:
        _check_field(meta, field, names)


def _check_databases(meta: Options) -> None:
    vendor, features = meta.required_db_vendor, meta.required_db_features
    if vendor is not None and vendor not in VENDORS:
        raise ModelDefinitionError(
            f'{meta.label}.Meta.required_db_vendor: there is no database "{vendor}". '
            f"{did_you_mean(vendor, VENDORS, listed_as='Databases')}"
        )
    if isinstance(features, str):
        raise ModelDefinitionError(f"{meta.label}.Meta.required_db_features must be a list: [{features!r}]")
    for feature in features:
        if feature not in FEATURES:
            raise ModelDefinitionError(
                f'{meta.label}.Meta.required_db_features: there is no feature "{feature}". '
                f"{did_you_mean(feature, FEATURES, listed_as='Features')}"
            )


def _check_names(meta: Options, where: str, given: Iterable[str], names: Iterable[str]) -> None:
    known = {*names, "pk"}
    for name in given:
        if name not in known:
            raise FieldDoesNotExist(
                f'{meta.object_name}.Meta.{where}: there is no field "{name}". '
                f"{did_you_mean(name, names, listed_as='Fields')}"
            )


def _check_ordering(meta: Options, names: set[str]) -> None:
    if isinstance(meta.ordering, str):
        raise ModelDefinitionError(
            f"{meta.label}.Meta.ordering must be a list or tuple, even for one field: [{meta.ordering!r}]"
        )
    if meta.order_with_respect_to is not None:
        _check_names(meta, "order_with_respect_to", [meta.order_with_respect_to], names)
        if not isinstance(meta.forward[meta.order_with_respect_to], ForeignKey):
            raise ModelDefinitionError(f"{meta.label}.Meta.order_with_respect_to names a foreign key")
        if meta.declared.get("ordering"):
            raise ModelDefinitionError(f"{meta.label}.Meta: ordering and order_with_respect_to exclude each other")
    for ordering in meta.ordering:
        if isinstance(ordering, str) and "__" not in ordering:
            _check_names(meta, "ordering", [ordering.removeprefix("-")], {*names, "?"})


def _check_constraints(meta: Options, names: set[str]) -> None:
    seen: set[str] = set()
    for where, parts in (("constraints", meta.constraints), ("indexes", meta.indexes)):
        for part in parts:
            if part.name is not None and (len(part.name.encode()) > MAX_NAME_LENGTH or part.name in seen):
                what = "is there twice" if part.name in seen else f"has more than {MAX_NAME_LENGTH} bytes"
                raise ModelDefinitionError(f'{meta.label}.Meta.{where}: the name "{part.name}" {what}')
            seen.add(part.name or "")
            seen.discard("")
            fields: Any = (*getattr(part, "fields", ()), *getattr(part, "include", ()))
            _check_names(meta, where, [name.removeprefix("-") for name in fields], names)


def _check_columns(meta: Options) -> None:
    columns: dict[str, str] = {}
    for field in meta.local_fields:
        # Most databases do not tell "A" from "a".
        other = columns.setdefault(field.column.lower(), field.name)
        if other != field.name:
            raise ModelDefinitionError(
                f'{meta.label}: the fields "{other}" and "{field.name}" have the same column "{field.column}": '
                "give one another db_column"
            )


def _check_field(meta: Options, field: Any, names: set[str]) -> None:
    for kind in ("date", "month", "year"):
        date = getattr(field, f"unique_for_{kind}")
        if date is not None:
            _check_names(meta, f"{field.name}: unique_for_{kind}", [date], names)
            if not isinstance(meta.forward[date], DateField | DateTimeField):
                raise ModelDefinitionError(
                    f'{meta.label}.{field.name}: unique_for_{kind} names a date or datetime, "{date}" is none'
                )
    if isinstance(field, ImageField):
        sides = [name for name in (field.width_field, field.height_field) if name is not None]
        _check_names(meta, f"{field.name}: width_field or height_field", sides, names)
    # A callable may ask for what is not there yet.
    if isinstance(field, CharField) and field.max_length is not None and not _is_function(field._choices):
        longest = max((len(str(value)) for value, _ in field.flatchoices if value is not None), default=0)
        if longest > field.max_length:
            raise ModelDefinitionError(
                f"{meta.label}.{field.name}: max_length={field.max_length} is too small to fit the longest value in "
                f"choices ({longest} characters)"
            )


def _is_function(choices: Any) -> bool:
    return callable(choices) and not isinstance(choices, type)
