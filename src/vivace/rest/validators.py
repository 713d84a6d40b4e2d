"""Validators that ask the database; `rest_framework.validators`, awaited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vivace.orm.exceptions import DataError
from vivace.rest.exceptions import ValidationError
from vivace.utils.exceptions import ValidationError as ValueRefused


async def exists(queryset: Any) -> bool:
    """Whether the queryset has a row; a value that the column cannot hold has none."""
    try:
        return bool(await queryset.exists())
    except (ValueRefused, TypeError, ValueError, OverflowError, DataError):
        return False


def _excluding(queryset: Any, instance: Any) -> Any:
    return queryset if instance is None else queryset.exclude(pk=instance.pk)


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
        name = serializer_field.source_attrs[-1]
        instance = getattr(serializer_field.parent, "instance", None)
        queryset = _excluding(self.queryset.filter(**{f"{name}__{self.lookup}": value}), instance)
        if await exists(queryset):
            raise ValidationError(self.message, code="unique")


class UniqueTogetherValidator:
    """Refuses values that another object of `queryset` has in the same combination of `fields` (serializer names)."""

    message = "The fields {field_names} must make a unique set."
    missing_message = "This field is required."
    requires_context = True

    def __init__(self, queryset: Any, fields: Sequence[str], message: str | None = None) -> None:
        self.queryset, self.fields = queryset, tuple(fields)
        self.message = self.message if message is None else message

    async def __call__(self, attrs: Mapping[str, Any], serializer: Any) -> None:
        """Raises ValidationError when the combination is taken, or a part of it is missing in a new object."""
        sources = {name: serializer.bound_fields[name].source for name in self.fields}
        if serializer.instance is None:
            missing = [name for name, source in sources.items() if source not in attrs]
            if missing:
                raise ValidationError({name: [self.missing_message] for name in missing}, code="required")
        elif not any(source in attrs for source in sources.values()):
            return
        values = {
            source: attrs[source] if source in attrs else getattr(serializer.instance, source)
            for source in sources.values()
        }
        if None in values.values():  # NULLs are never equal
            return
        if await exists(_excluding(self.queryset.filter(**values), serializer.instance)):
            raise ValidationError(self.message.format(field_names=", ".join(self.fields)), code="unique")
