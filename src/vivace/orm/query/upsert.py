"""`get_or_create`, `update_or_create` and `upsert`: rows that somebody else may be making at the same time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from vivace.databases.errors import IntegrityError
from vivace.orm.exceptions import FieldError
from vivace.orm.fields.virtual import VirtualField
from vivace.orm.query.bulk_create import bulk_create
from vivace.orm.query.writes import can_ignore_conflicts
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.query.queryset import QuerySet


def _creation_values(
    queryset: QuerySet[Any], lookups: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    meta = queryset.model._meta
    values = {name: value for name, value in lookups.items() if "__" not in name} | dict(defaults)
    for name in values:
        if name not in meta.settable and not isinstance(getattr(queryset.model, name, None), property | VirtualField):
            choices = [field.name for field in meta.concrete_fields]
            raise FieldError(
                f'{meta.object_name} has no field "{name}". {did_you_mean(name, choices, listed_as="Fields")}'
            )
    return {name: value() if callable(value) else value for name, value in values.items()}


async def get_or_create(
    queryset: QuerySet[Any], defaults: Mapping[str, Any], lookups: Mapping[str, Any], creates_plainly: bool
) -> tuple[Any, bool]:
    """The row that `lookups` find, or a new one; when another task creates it first, that one.

    `creates_plainly` says that nobody has overridden `create()`, who would want it called.
    """
    model: Any = queryset.model
    try:
        return await queryset.get(**lookups), False
    except model.DoesNotExist:
        pass
    values = _creation_values(queryset, lookups, defaults)
    database = queryset.db
    if creates_plainly and can_ignore_conflicts(database.dialect):
        # One INSERT that leaves out what exists: no savepoint, no failed statement.
        made: Any = model(**values)
        if await made._insert_unless_taken(database):
            return made, True
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
    creates_plainly: bool,
) -> tuple[Any, bool]:
    """The row that `lookups` find, updated by `defaults`, or a new one of `create_defaults` (by default the same)."""
    database = queryset.db
    async with database.atomic():
        # Locked, so that of two that update it at the same time the second sees what the first has made of it.
        found, created = await get_or_create(
            queryset.using(database).select_for_update(),
            defaults if create_defaults is None else create_defaults,
            lookups,
            creates_plainly,
        )
        if created:
            return found, True
        for name, value in defaults.items():
            setattr(found, name, value() if callable(value) else value)
        await found.save(using=database)
        return found, False


async def upsert(
    queryset: QuerySet[Any], instance: Any, unique_fields: Collection[str] | None, update_fields: Collection[str] | None
) -> Any:
    """`QuerySet.upsert`."""
    meta = queryset.model._meta
    if update_fields is None:
        kept = {"pk", meta.pk.name, *(unique_fields or ())}
        update_fields = [
            field.name
            for field in meta.initial_fields
            if not {field.name, field.attname} & kept and not getattr(field, "auto_now_add", False)
        ]
    [written] = await bulk_create(
        queryset,
        [instance],
        batch_size=None,
        ignore_conflicts=False,
        update_conflicts=True,
        update_fields=update_fields,
        unique_fields=unique_fields,
        read_back=True,
    )
    return written
