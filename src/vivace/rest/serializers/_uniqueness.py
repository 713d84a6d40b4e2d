"""What a model's unique constraints ask of a serializer: which fields must be given, which validators look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vivace.orm.constraints import UniqueConstraint
from vivace.orm.references import references
from vivace.rest import fields
from vivace.rest.fields.base import Field, empty
from vivace.rest.validators import (
    BaseUniqueForValidator,
    UniqueForDateValidator,
    UniqueForMonthValidator,
    UniqueForYearValidator,
    UniqueTogetherValidator,
    UniqueValidator,
)

FOR_DATES = {
    "unique_for_date": UniqueForDateValidator,
    "unique_for_month": UniqueForMonthValidator,
    "unique_for_year": UniqueForYearValidator,
}


@dataclass(frozen=True)
class UniqueSet:
    """Fields that are unique together, in the rows that meet `condition`."""

    fields: tuple[str, ...]
    condition: Any = None
    condition_fields: tuple[str, ...] = ()
    nulls_distinct: bool | None = None
    message: str | None = None
    code: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Every field that takes part."""
        return frozenset((*self.fields, *self.condition_fields))


def unique_sets(model: Any) -> Iterator[UniqueSet]:
    """The sets of several fields that are unique together, of the model and those it inherits from."""
    for owner in (model, *getattr(model._meta, "links", ())):
        for group in owner._meta.unique_together:
            yield UniqueSet(tuple(group))
        for constraint in owner._meta.constraints:
            if isinstance(constraint, UniqueConstraint) and constraint.fields:
                found = _of_constraint(owner, constraint)
                if len(found.names) > 1:
                    yield found


def _of_constraint(model: Any, constraint: UniqueConstraint) -> UniqueSet:
    is_usual = constraint.violation_error_message == constraint.default_violation_error_message
    condition = constraint.condition
    return UniqueSet(
        constraint.fields,
        condition,
        () if condition is None else tuple(references(model, condition)),
        constraint.nulls_distinct,
        None if is_usual else constraint.get_violation_error_message(),
        constraint.violation_error_code,
    )


def is_unique(field: Any) -> bool:
    """Whether the model field alone is unique, without a condition."""
    if getattr(field, "spec", None) is None:
        return False
    return bool(field.spec.unique) or any(
        isinstance(constraint, UniqueConstraint) and constraint.fields == (field.name,) and constraint.condition is None
        for constraint in field.model._meta.constraints
    )


def unique_message(field: Any) -> str:
    """Django's words: "book with this isbn already exists."."""
    words = {"model_name": field.model._meta.verbose_name, "field_label": field.verbose_name}
    text: str = field.error_messages["unique"] % words
    return text


def unique_validator(field: Any) -> UniqueValidator:
    """The validator of a unique model field."""
    return UniqueValidator(field.model._meta.default_manager.all(), message=unique_message(field))


def constrained_names(model: Any, shown: Iterable[str]) -> set[str]:
    """The model fields whose values a validator needs, when the model fields `shown` are in the serializer."""
    shown = frozenset(shown)
    names = {getattr(model._meta.get_field(name), option) for name in shown for option in FOR_DATES}
    for group in unique_sets(model):
        if group.names <= shown:
            names |= group.names
    return {name for name in names if name is not None}


def default_of(field: Any) -> Any:
    """What the validator takes for a value that was not sent: what the model will store; `empty` when it must be."""
    if getattr(field, "auto_now_add", False):
        return fields.CreateOnlyDefault(_now(field))
    if getattr(field, "auto_now", False):
        return _now(field)
    if field.has_default() and not field.spec.db_default:
        return field.default
    if field.null:
        return None
    return "" if field.blank and field.spec.python_type is str else empty


def _now(field: Any) -> Any:
    def now() -> Any:
        moment = dt.datetime.now(dt.UTC)
        return (
            moment if field.spec.kind == "datetime" else moment.date() if field.spec.kind == "date" else moment.time()
        )

    return now


def together_validators(model: Any, by_source: Mapping[str, str]) -> list[UniqueTogetherValidator]:
    """One for each set of which all fields take part; `by_source` has the serializer's names of model fields."""
    return [
        UniqueTogetherValidator(
            model._meta.default_manager.all(),
            [by_source[name] for name in group.fields],
            message=group.message,
            condition_fields=[by_source[name] for name in group.condition_fields],
            condition=group.condition,
            code=group.code,
            nulls_distinct=group.nulls_distinct,
        )
        for group in unique_sets(model)
        if group.names <= set(by_source)
    ]


def date_validators(model: Any, by_source: Mapping[str, str]) -> list[BaseUniqueForValidator]:
    """Those of `unique_for_date` and its like."""
    return [
        validator(model._meta.default_manager.all(), by_source[field.name], by_source[date])
        for field in model._meta.concrete_fields
        for option, validator in FOR_DATES.items()
        if (date := getattr(field, option)) is not None and field.name in by_source and date in by_source
    ]


def needed_for_uniqueness(
    model: Any, by_source: Mapping[str, str], extra_kwargs: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, dict[str, Any]], dict[str, Field]]:
    """`extra_kwargs` with what the unique constraints add, and hidden fields for dates that nobody sends.

    `by_source` has the serializer's names of model fields.
    """
    extra = {name: dict(kwargs) for name, kwargs in extra_kwargs.items()}
    hidden: dict[str, Field] = {}
    for source in sorted(constrained_names(model, by_source)):
        default = default_of(model._meta.get_field(source))
        if source not in by_source:
            if default is not empty:
                hidden[source] = fields.HiddenField(default=default)
            continue
        given = extra.setdefault(by_source[source], {})
        if default is empty:
            given.setdefault("required", not given.get("read_only", False) and "default" not in given)
        elif not given.get("required"):
            given.setdefault("default", default)
    return extra, hidden
