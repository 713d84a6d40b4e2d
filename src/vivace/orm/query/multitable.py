"""Writing many rows that are in several tables: each table by the rows' parts in it (`vivace.orm.parts`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vivace.orm import parts
from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.base import F
from vivace.orm.fields.base import Field

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet


def _rows(queryset: QuerySet[Any], table: type[Model], database: Database) -> QuerySet[Any]:
    return type(queryset)(parts.part_class(table)).using(database)


async def update(queryset: QuerySet[Any], values: Mapping[str, Any]) -> int:
    """`QuerySet.update`: each table by the keys of the rows that the queryset selects."""
    groups = _by_table(queryset.model, values)
    database = queryset._write_db
    found = 0
    async with database.atomic():
        selected: Any = queryset.order_by().using(database)
        if len(groups) > 1 or database.dialect.name == "mysql":
            # What is written to one table may change which rows the conditions find; MySQL would not even read it.
            selected = await selected.values_list("pk", flat=True)
        for table, assigned in groups.items():
            keys = await _keys_in(table, queryset, selected, database)
            found = max(found, await _rows(queryset, table, database).filter(pk__in=keys).update(**assigned))
    return found


def _by_table(model: type[Model], values: Mapping[str, Any]) -> dict[type[Model], dict[str, Any]]:
    meta = model._meta
    groups: dict[type[Model], dict[str, Any]] = {}
    for name, value in values.items():
        field: Any = meta.pk if name == "pk" else meta.get_field(name)
        if not isinstance(field, Field) or not field.concrete:
            raise FieldError(f'update({name}=…): "{name}" is no column of {meta.object_name}')
        groups.setdefault(field.model, {})[name] = value
    version = meta.version_field
    if version is not None and version.name not in groups.setdefault(version.model, {}):
        groups[version.model][version.name] = F(version.name) + 1
    return groups


async def _keys_in(table: type[Model], queryset: QuerySet[Any], selected: Any, database: Database) -> Any:
    """The keys of the rows' parts in a table, as a subquery, or for a list of keys of the model as a list."""
    key = table._meta.pk
    if not isinstance(selected, list):
        return selected.values(key.name)
    if key is queryset.model._meta.pk or not selected:
        return selected
    rows = type(queryset)(queryset.model).using(database).order_by().filter(pk__in=selected)
    return await rows.values_list(key.name, flat=True)


async def bulk_create(
    queryset: QuerySet[Any], objects: list[Any], batch_size: int | None, database: Database
) -> list[Any]:
    """`QuerySet.bulk_create`."""
    written: list[list[Any]] = [[] for _ in objects]
    async with database.atomic():
        for table in queryset.model._meta.tables:
            made = [parts.make_part(each, table) for each in objects]
            for part, above in zip(made, written, strict=True):
                parts.take_keys(part, table, above)
                above.append(part)
            await _rows(queryset, table, database).bulk_create(made, batch_size)
    for each, own in zip(objects, written, strict=True):
        parts.take_back(each, own, database, is_new=True)
    return objects


async def bulk_update(
    queryset: QuerySet[Any], objects: list[Any], fields: list[Field[Any]], batch_size: int | None, database: Database
) -> int:
    """`QuerySet.bulk_update`."""
    found = 0
    written: list[list[Any]] = [[] for _ in objects]
    version = queryset.model._meta.version_field
    if version is not None:
        # Raised by a change in any of the tables; nothing else is written of it.
        fields = [*fields, version]
    async with database.atomic():
        for table in queryset.model._meta.tables:
            own = [field.name for field in fields if field.model is table]
            if not own:
                continue
            made = [parts.make_part(each, table) for each in objects]
            for part, above in zip(made, written, strict=True):
                above.append(part)
            found = max(found, await _rows(queryset, table, database).bulk_update(made, own, batch_size))
    for each, changed in zip(objects, written, strict=True):
        parts.take_back(each, changed, database, is_new=False)
    return found
