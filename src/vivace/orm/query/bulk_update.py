"""`bulk_update`: columns of many rows in few statements, each row found by its key among the values given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.dialects import postgresql

from vivace.databases import Plan
from vivace.orm._written_cy import has_expressions, remember_rows, update_values
from vivace.orm.exceptions import StaleObjectError
from vivace.orm.expressions.binds import row_binder
from vivace.orm.fields.base import Field
from vivace.orm.query import multitable
from vivace.orm.query.batches import ARRAY_ROWS, batches, check_batch_size, column_of, listed_batches
from vivace.orm.query.writes import DialectKey
from vivace.orm.saved import take_related_keys

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet


async def bulk_update(
    queryset: QuerySet[Any], objects: list[Any], names: Collection[str], batch_size: int | None
) -> int:
    """`QuerySet.bulk_update`."""
    check_batch_size(batch_size)
    if not names:
        raise ValueError("Field names must be given to bulk_update().")
    model = queryset.model
    fields = [column_of(model, name) for name in dict.fromkeys(names)]
    if any(field.primary_key for field in fields):
        raise ValueError("bulk_update() cannot be used with primary key fields.")
    if _has_no_key(model, objects):
        raise ValueError("All bulk_update() objects must have a primary key set.")
    if not objects:
        return 0
    if model._meta.foreign_keys:
        for each in objects:
            take_related_keys(each)
    database = queryset._write_db
    if model._meta.links:
        return await multitable.bulk_update(queryset, objects, fields, batch_size, database)
    version = model._meta.version_field
    fields = [field for field in fields if field is not version]
    if _is_one_statement(queryset, objects, fields, batch_size):
        return await _update_some(queryset.using(database), objects, fields, batch_size, database)
    async with database.atomic():
        found = 0
        for some in batches(objects, ARRAY_ROWS):
            found += await _update_some(queryset.using(database), some, fields, batch_size, database)
        if version is not None:
            if found < len(objects):
                raise StaleObjectError(
                    f"bulk_update(): {len(objects) - found} of {len(objects)} rows were changed or deleted by somebody "
                    "else since they were read; none was written"
                )
            for each in objects:
                setattr(each, version.attname, getattr(each, version.attname) + 1)
    return found


def _has_no_key(model: type[Model], objects: Sequence[Any]) -> bool:
    pk = model._meta.pk
    if pk.concrete:
        return None in [getattr(each, pk.attname) for each in objects]
    return any(each.pk is None for each in objects)


def _is_one_statement(
    queryset: QuerySet[Any], objects: Sequence[Any], fields: list[Field[Any]], batch_size: int | None
) -> bool:
    """Whether PostgreSQL does all of it at once anyway, so that BEGIN and COMMIT would be two trips for nothing."""
    return (
        queryset.db.dialect.name == "postgresql"
        and len(objects) <= min(batch_size or ARRAY_ROWS, ARRAY_ROWS)
        and not queryset._shape
        and queryset.model._meta.version_field is None
        and not any(isinstance(field.sql_type(), sqlalchemy.ARRAY) for field in fields)
        and not has_expressions(objects, [field.attname for field in fields])
    )


async def _update_some(
    queryset: QuerySet[Any],
    objects: Sequence[Any],
    fields: list[Field[Any]],
    batch_size: int | None,
    database: Database,
) -> int:
    if queryset._shape:
        # Only rows that the queryset selects, as with update().
        kept = set(await queryset.order_by().filter(pk__in=[each.pk for each in objects]).values_list("pk", flat=True))
        objects = [each for each in objects if each.pk in kept]
    dialect = database.dialect.name
    is_array = dialect == "postgresql" and any(isinstance(field.sql_type(), sqlalchemy.ARRAY) for field in fields)
    plain, found = [], 0
    for each, values, is_computed in update_values(objects, fields):
        if is_array or is_computed:
            found += await _update_one(queryset, each, fields, values)
        else:
            plain.append((each, values))
    if dialect == "postgresql":
        groups = batches(plain, min(batch_size or ARRAY_ROWS, ARRAY_ROWS))
    else:
        groups = listed_batches(plain, 2 * len(fields) + 3, batch_size)
    for some in groups:
        found += await _update(queryset.model, fields, some, database)
    return found


async def _update_one(queryset: QuerySet[Any], each: Any, fields: list[Field[Any]], values: list[Any]) -> int:
    rows = queryset.filter(pk=each.pk)
    version = each._meta.version_field
    if version is not None:
        rows = rows.filter(**{version.attname: getattr(each, version.attname)})
    return await rows.update(**{field.name: value for field, value in zip(fields, values, strict=True)})


async def _update(
    model: type[Model], fields: list[Field[Any]], some: Sequence[tuple[Any, list[Any]]], database: Database
) -> int:
    meta, dialect = model._meta, database.dialect.name
    found_by = [meta.pk] if meta.version_field is None else [meta.pk, meta.version_field]
    bind, keys = row_binder((*found_by, *fields), dialect), [field.attname for field in found_by]
    rows = [bind([*[getattr(each, key) for key in keys], *values]) for each, values in some]
    key, names = DialectKey(database.dialect), tuple(field.attname for field in fields)
    if dialect == "postgresql":
        plan = _of_arrays(model, key, names)
        found = await database.execute_plan(plan, [list(column) for column in zip(*rows, strict=True)])
    elif dialect == "mysql":
        plan, arguments = _of_cases(model, key, names, len(rows)), _case_arguments(rows, len(found_by))
        found = await database.execute_plan(plan, arguments)
    else:
        plan = _of_listed_rows(model, key, names, len(rows))
        found = await database.execute_plan(plan, [value for row in rows for value in row])
    if found == len(rows):
        written = rows if len(found_by) == 1 else [(row[0], *row[len(found_by) :]) for row in rows]
        remember_rows([each for each, _ in some], (meta.pk.attname, *names), written, database)
    return found


@lru_cache(maxsize=512)
def _of_arrays(model: type[Model], key: DialectKey, names: tuple[str, ...]) -> Plan:
    meta, table = model._meta, model._meta.table
    version = meta.version_field
    found_by = [meta.pk] if version is None else [meta.pk, version]
    fields = [*found_by, *(meta.by_attname[name] for name in names)]
    arrays = [
        sqlalchemy.bindparam(f"p{index}", type_=postgresql.ARRAY(field.sql_type()))
        for index, field in enumerate(fields)
    ]
    columns = [sqlalchemy.column(f"c{index}", field.sql_type()) for index, field in enumerate(fields)]
    given = sqlalchemy.func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
    pairs = [(table.c[field.column], given.c[f"c{index}"]) for index, field in enumerate(fields)]
    changes: list[Any] = pairs[len(found_by) :]
    if version is not None:
        changes.append((table.c[version.column], table.c[version.column] + sqlalchemy.literal_column("1")))
    statement = sqlalchemy.update(table).ordered_values(*changes)
    statement = statement.where(*(column == value for column, value in pairs[: len(found_by)]))
    return Plan(str(statement.compile(dialect=key.dialect)), reads=False, returns_rows=False)


@lru_cache(maxsize=512)
def _of_listed_rows(model: type[Model], key: DialectKey, names: tuple[str, ...], rows: int) -> Plan:
    meta, quote = model._meta, key.dialect.identifier_preparer.quote
    table, version = quote(meta.db_table), meta.version_field
    found_by = [meta.pk] if version is None else [meta.pk, version]
    columns = [quote(field.column) for field in (*found_by, *(meta.by_attname[name] for name in names))]
    # A VALUES list calls its columns column1, column2, …
    pairs = [f"{column} = given.column{index}" for index, column in enumerate(columns, start=1)]
    changes = pairs[len(found_by) :]
    if version is not None:
        changes.append(f"{quote(version.column)} = {table}.{quote(version.column)} + 1")
    condition = " AND ".join(f"{table}.{pair}" for pair in pairs[: len(found_by)])
    given = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    sql = f"UPDATE {table} SET {', '.join(changes)} FROM (VALUES {given}) AS given WHERE {condition}"  # noqa: S608 - quoted names
    return Plan(sql, reads=False, returns_rows=False)


@lru_cache(maxsize=512)
def _of_cases(model: type[Model], key: DialectKey, names: tuple[str, ...], rows: int) -> Plan:
    # MySQL has no UPDATE … FROM; joined to a list of rows, values would have no types but guessed ones.
    meta, quote = model._meta, key.dialect.identifier_preparer.quote
    table, pk, version = quote(meta.db_table), quote(meta.pk.column), meta.version_field
    case = f"CASE {pk} {' '.join(['WHEN ? THEN ?'] * rows)} END"
    changes = [f"{quote(meta.by_attname[name].column)} = {case}" for name in names]
    condition = f"{pk} IN ({', '.join('?' * rows)})"
    if version is not None:
        # Last, because an assignment sees what those before it have made of the row.
        changes.append(f"{quote(version.column)} = {quote(version.column)} + 1")
        condition += f" AND {quote(version.column)} = {case}"
    sql = f"UPDATE {table} SET {', '.join(changes)} WHERE {condition}"  # noqa: S608 - quoted names
    return Plan(sql, reads=False, returns_rows=False)


def _case_arguments(rows: Sequence[Sequence[Any]], found_by: int) -> list[Any]:
    """In the order of the cases: each column's with the keys before them, the keys, the versions."""
    arguments = [value for index in range(found_by, len(rows[0])) for row in rows for value in (row[0], row[index])]
    arguments += [row[0] for row in rows]
    if found_by > 1:
        arguments += [value for row in rows for value in (row[0], row[1])]
    return arguments
