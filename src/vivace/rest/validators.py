"""Validators for serializers and their fields, most of which ask the database; `rest_framework.validators`, awaited."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vivace.orm import binding
from vivace.orm.exceptions import DataError
from vivace.orm.violations import Rule, broken_rules
from vivace.rest.exceptions import ValidationError
from vivace.utils.exceptions import ValidationError as ValueRefused

SURROGATE = re.compile("[\ud800-\udfff]")


async def exists(queryset: Any) -> bool:
    """Whether the queryset has a row; a value that the column cannot hold has none."""
    try:
        return bool(await queryset.exists())
    except (ValueRefused, TypeError, ValueError, OverflowError, DataError):
        return False


def _excluding(queryset: Any, instance: Any) -> Any:
    return queryset if instance is None else queryset.exclude(pk=instance.pk)


def _instance_of(validator: Any, serializer: Any) -> Any:
    instance = getattr(serializer, "instance", None)
    if instance is not None and getattr(serializer.parent, "many", False) and not hasattr(instance, "pk"):
        raise RuntimeError(
            f"{type(validator).__name__} cannot tell which of the instances an item updates: set `self.child.instance` "
            "in the ListSerializer's run_child_validation()"
        )
    return instance


class ProhibitSurrogateCharactersValidator:
    """Refuses half a surrogate pair: no encoding of text, and no database, holds it."""

    message = "Surrogate characters are not allowed: U+{code_point:X}."
    code = "surrogate_characters_not_allowed"

    def __call__(self, value: Any) -> None:
        """Raises ValidationError."""
        if found := SURROGATE.search(str(value)):
            raise ValueRefused(self.message.format(code_point=ord(found[0])), self.code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProhibitSurrogateCharactersValidator) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(type(self))


class UniqueValidator:
    """Refuses a value that another object of `queryset` has already. Two requests at once are told apart by the
    database's own constraint, whose error `ModelSerializer` answers with the same message."""

    message = "This field must be unique."
    requires_context = True

    def __init__(self, queryset: Any, message: str | None = None, lookup: str = "exact") -> None:
        self.queryset, self.lookup = queryset, lookup
        self.message = self.message if message is None else message

    async def __call__(self, value: Any, serializer_field: Any) -> None:
        """Raises ValidationError when the value is taken."""
        if value in serializer_field.free_values:
            return
        name = serializer_field.source_attrs[-1]
        instance = _instance_of(self, serializer_field.parent)
        queryset = _excluding(self.queryset.filter(**{f"{name}__{self.lookup}": value}), instance)
        if await exists(queryset):
            raise ValidationError(self.message, code="unique")


class UniqueTogetherValidator:
    """Refuses values that another object of `queryset` has in the same combination of `fields` (serializer names).

    With a `condition` it asks only about objects that meet it, when the new values (of `condition_fields`) do. A null
    makes a combination unlike any other, unless `nulls_distinct` is False.
    """

    message = "The fields {field_names} must make a unique set."
    missing_message = "This field is required."
    code = "unique"
    requires_context = True

    def __init__(
        self,
        queryset: Any,
        fields: Sequence[str],
        message: str | None = None,
        condition_fields: Sequence[str] | None = None,
        condition: Any = None,
        code: str | None = None,
        nulls_distinct: bool | None = None,
    ) -> None:
        self.queryset, self.fields = queryset, tuple(fields)
        self.message = self.message if message is None else message
        self.code = self.code if code is None else code
        self.condition, self.condition_fields = condition, tuple(condition_fields or ())
        self.nulls_distinct = nulls_distinct

    async def __call__(self, attrs: Mapping[str, Any], serializer: Any) -> None:
        """Raises ValidationError when the combination is taken, or a part of it is missing in a new object."""
        instance = _instance_of(self, serializer)
        sources = {name: serializer.bound_fields[name].source for name in (*self.fields, *self.condition_fields)}
        if instance is None:
            missing = [name for name, source in sources.items() if source not in attrs]
            if missing:
                raise ValidationError({name: [self.missing_message] for name in missing}, code="required")
        elif not any(source in attrs and _differs(instance, source, attrs[source]) for source in sources.values()):
            return
        known = {source: attrs[source] if source in attrs else getattr(instance, source) for source in sources.values()}
        if await self._is_taken({sources[name]: known[sources[name]] for name in self.fields}, known, instance):
            raise ValidationError(self.message.format(field_names=", ".join(self.fields)), code=self.code)

    async def _is_taken(self, values: Mapping[str, Any], known: Mapping[str, Any], instance: Any) -> bool:
        if self.nulls_distinct is not False and None in values.values():
            return False
        if self.condition is not None and not await self._meets_condition(known):
            return False
        queryset = self.queryset.all() if self.condition is None else self.queryset.filter(self.condition)
        for source, value in values.items():
            queryset = queryset.filter(**({f"{source}__isnull": True} if value is None else {source: value}))
        return await exists(_excluding(queryset, instance))

    async def _meets_condition(self, known: Mapping[str, Any]) -> bool:
        """Whether an object with these values is one that the condition is about; the database decides."""
        model = self.queryset.model
        names = tuple(name for name in known if name in model._meta.forward)
        row = model(**{name: known[name] for name in names})
        rule = Rule(model, names, condition=self.condition)
        return not await broken_rules(row, [rule], binding.resolve())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(fields={self.fields!r}, condition={self.condition!r})>"


def _differs(instance: Any, source: str, value: Any) -> bool:
    return bool(getattr(instance, source, None) != value)


class BaseUniqueForValidator:
    """Refuses a value that another object has on the same day, month or year.

    `field` and `date_field` are names of the serializer's fields. Subclasses say which `parts` of the date count.
    An update that changes only one of the two takes the other from the object.
    """

    message = ""
    missing_message = "This field is required."
    requires_context = True
    parts: ClassVar[Sequence[str]] = ()

    def __init__(self, queryset: Any, field: str, date_field: str, message: str | None = None) -> None:
        self.queryset, self.field, self.date_field = queryset, field, date_field
        self.message = self.message if message is None else message

    async def __call__(self, attrs: Mapping[str, Any], serializer: Any) -> None:
        """Raises ValidationError when the value is taken, or one of the two is missing."""
        instance = _instance_of(self, serializer)
        sources = {name: serializer.bound_fields[name].source_attrs[-1] for name in (self.field, self.date_field)}
        if instance is not None:
            if not any(source in attrs for source in sources.values()):
                return
            attrs = {source: getattr(instance, source) for source in sources.values()} | dict(attrs)
        missing = [name for name, source in sources.items() if source not in attrs]
        if missing:
            raise ValidationError({name: [self.missing_message] for name in missing}, code="required")
        value, date = (attrs[source] for source in sources.values())
        if value is None or date is None:
            return
        queryset = self.queryset.filter(**{sources[self.field]: value})
        for part in self.parts:
            queryset = queryset.filter(**{f"{sources[self.date_field]}__{part}": getattr(date, part)})
        if await exists(_excluding(queryset, instance)):
            raise ValidationError({self.field: [self.message.format(date_field=self.date_field)]}, code="unique")


class UniqueForDateValidator(BaseUniqueForValidator):
    """One of each value a day."""

    message = 'This field must be unique for the "{date_field}" date.'
    parts = ("day", "month", "year")


class UniqueForMonthValidator(BaseUniqueForValidator):
    """One of each value a month, of whatever year; as Django's `unique_for_month`."""

    message = 'This field must be unique for the "{date_field}" month.'
    parts = ("month",)


class UniqueForYearValidator(BaseUniqueForValidator):
    """One of each value a year."""

    message = 'This field must be unique for the "{date_field}" year.'
    parts = ("year",)
