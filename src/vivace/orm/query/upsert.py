"""`get_or_create` and `update_or_create`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vivace.databases.errors import IntegrityError
from vivace.orm.exceptions import FieldError
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.query.queryset import QuerySet


def _creation_values(
    queryset: QuerySet[Any], lookups: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    meta = queryset.model._meta
    values = {name: value for name, value in lookups.items() if "__" not in name} | dict(defaults)
    for name in values:
        if name not in meta.settable and not isinstance(getattr(queryset.model, name, None), property):
            choices = [field.name for field in meta.concrete_fields]
            raise FieldError(
                f'{meta.object_name} has no field "{name}". {did_you_mean(name, choices, listed_as="Fields")}'
            )
    return {name: value() if callable(value) else value for name, value in values.items()}


async def get_or_create(
    queryset: QuerySet[Any], defaults: Mapping[str, Any], lookups: Mapping[str, Any]
) -> tuple[Any, bool]:
    """The row that `lookups` find, or a new one; when another task creates it first, that one."""
    model: Any = queryset.model
    try:
        return await queryset.get(**lookups), False
    except model.DoesNotExist:
        pass
    values = _creation_values(queryset, lookups, defaults)
    database = queryset.db
    try:
        async with database.atomic():
            return await queryset.using(database).create(**values), True
    except IntegrityError:
        try:
            return await queryset.get(**lookups), False
        except model.DoesNotExist:
            pass
        raise


async def update_or_create(
    queryset: QuerySet[Any],
    defaults: Mapping[str, Any],
    create_defaults: Mapping[str, Any] | None,
    lookups: Mapping[str, Any],
) -> tuple[Any, bool]:
    """The row that `lookups` find, updated by `defaults`, or a new one of `create_defaults` (by default the same)."""
    database = queryset.db
    async with database.atomic():
        found, created = await get_or_create(
            queryset.using(database), defaults if create_defaults is None else create_defaults, lookups
        )
        if created:
            return found, True
        for name, value in defaults.items():
            setattr(found, name, value() if callable(value) else value)
        await found.save(using=database)
        return found, False
