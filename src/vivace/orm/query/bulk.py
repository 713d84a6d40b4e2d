"""`bulk_create` and `bulk_update`: many objects in few statements.

PostgreSQL takes whole columns as arrays (`unnest`), so that one statement serves any number of rows. SQLite takes rows
as lists of values, in groups of a few sizes, so that few statements serve any number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.dialects import postgresql, sqlite

from vivace.databases import Plan
from vivace.orm.exceptions import FieldError
from vivace.orm.fields.base import Field
from vivace.orm.query.writes import DialectKey, write_converter
from vivace.orm.saved import mark_saved, take_related_keys
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet

# SQLite takes at most 32,766 parameters in a statement, and gains nothing from more than some hundred rows.
MAX_PARAMETERS = 32_000
SQLITE_ROWS = 256
# PostgreSQL holds all of a statement's arrays in memory.
POSTGRESQL_ROWS = 10_000


@dataclass(frozen=True)
class Conflicts:
    """What is done about rows that exist: nothing (an error), `ignore`, or `update` of columns found by `unique`."""

    ignore: bool = False
    update: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()


async def bulk_create(
    queryset: QuerySet[Any],
    objects: list[Any],
    *,
    batch_size: int | None,
    ignore_conflicts: bool,
    update_conflicts: bool,
    update_fields: Collection[str] | None,
    unique_fields: Collection[str] | None,
) -> list[Any]:
    """`QuerySet.bulk_create`."""
    if batch_size is not None and batch_size <= 0:
        raise ValueError("Batch size must be a positive integer.")
    model = queryset.model
    conflicts = _conflicts(model, ignore_conflicts, update_conflicts, update_fields, unique_fields)
    for each in objects:
        if each._meta.model is not model:
            raise TypeError(f"bulk_create() of {model.__name__} takes its instances, got {each!r}")
        take_related_keys(each)
    if not objects:
        return objects
    database = queryset.db
    with_key: list[Any] = []
    without_key: list[Any] = []
    for each in objects:
        key = model._meta.pk.pre_save(each, True)
        (without_key if key is None and model._meta.pk.is_auto else with_key).append(each)
    async with database.atomic():
        for group, has_key in ((with_key, True), (without_key, False)):
            if group:
                await _insert(model, group, has_key, conflicts, database, batch_size)
    return objects


def _conflicts(
    model: type[Model],
    ignore: bool,
    update: bool,
    update_fields: Collection[str] | None,
    unique_fields: Collection[str] | None,
) -> Conflicts:
    if ignore and update:
        raise ValueError("ignore_conflicts and update_conflicts are mutually exclusive.")
    if not update:
        if update_fields or unique_fields:
            raise ValueError("update_fields and unique_fields are for update_conflicts=True")
        return Conflicts(ignore=ignore)
    if not update_fields:
        raise ValueError("Fields that will be updated when a row insertion fails on conflicts must be provided.")
    if not unique_fields:
        raise ValueError("Unique fields that can trigger the upsert must be provided.")
    changed = [_column(model, name) for name in update_fields]
    if any(field.primary_key for field in changed):
        raise ValueError("bulk_create() cannot be used with primary keys in update_fields.")
    unique = [_column(model, name) for name in unique_fields]
    return Conflicts(update=tuple(field.column for field in changed), unique=tuple(field.column for field in unique))


def _column(model: type[Model], name: str) -> Field[Any]:
    meta = model._meta
    field = meta.pk if name == "pk" else meta.forward.get(name)
    if field is None or not field.concrete:
        choices = [each.name for each in meta.concrete_fields]
        raise FieldError(
            f'{meta.object_name} has no column "{name}". {did_you_mean(name, choices, listed_as="Fields")}'
        )
    return field


async def _insert(
    model: type[Model],
    objects: list[Any],
    has_key: bool,
    conflicts: Conflicts,
    database: Database,
    batch_size: int | None,
) -> None:
    meta, dialect = model._meta, database.dialect.name
    fields = [field for field in meta.concrete_fields if has_key or not field.primary_key]
    names = [field.attname for field in fields]
    converters = [write_converter(field, dialect) for field in fields]
    returning = not has_key and not conflicts.ignore
    for batch in _batches(objects, len(fields), dialect, batch_size):
        rows = [
            tuple([convert(field.pre_save(each, True)) for field, convert in zip(fields, converters, strict=True)])
            for each in batch
        ]
        statement = _insert_statement(
            model,
            DialectKey(database.dialect),
            has_key,
            conflicts,
            returning,
            0 if dialect == "postgresql" else len(rows),
        )
        if dialect == "postgresql":
            arguments: Sequence[Any] = (
                [list(column) for column in zip(*rows, strict=True)] if names else [[None] * len(rows)]
            )
        else:
            arguments = [value for row in rows for value in row]
        if not returning:
            await database.execute_plan(statement, arguments)
            if not conflicts.ignore and not conflicts.update:
                for each, row in zip(batch, rows, strict=True):
                    mark_saved(each, names, row, database)
            continue
        keys = await database.fetch_plan(statement, arguments)
        _take_keys(batch, names, rows, keys, conflicts, database)


def _take_keys(
    batch: list[Any], names: list[str], rows: list[Any], keys: Sequence[Any], conflicts: Conflicts, database: Database
) -> None:
    if len(keys) != len(batch):
        # Only an upsert that met one of its own rows twice.
        return
    # Without updates the database counted the keys up in the order of the rows.
    found = [key[0] for key in keys] if conflicts.update else sorted(key[0] for key in keys)
    for each, row, key in zip(batch, rows, found, strict=True):
        mark_saved(each, names, row, database, key=key)


def _batches(objects: list[Any], columns: int, dialect: str, batch_size: int | None) -> Iterator[list[Any]]:
    """Groups of rows: on SQLite of a few sizes only (powers of two), each of which is one cached statement."""
    most = POSTGRESQL_ROWS if dialect == "postgresql" else min(SQLITE_ROWS, MAX_PARAMETERS // max(columns, 1))
    most = max(1, min(most, batch_size or most))
    start = 0
    while start < len(objects):
        size = min(most, len(objects) - start)
        if dialect != "postgresql" and size < most:
            size = 1 << (size.bit_length() - 1)
        yield objects[start : start + size]
        start += size


@lru_cache(maxsize=1024)
def _insert_statement(
    model: type[Model], key: DialectKey, has_key: bool, conflicts: Conflicts, returning: bool, rows: int
) -> Plan:
    meta = model._meta
    fields = [field for field in meta.concrete_fields if has_key or not field.primary_key]
    if key.dialect.name == "postgresql":
        sql = _postgresql_insert(model, fields, key, conflicts, returning)
    else:
        sql = _sqlite_insert(model, fields, key, conflicts, returning, rows)
    return Plan(sql, reads=False, returns_rows=returning)


def _postgresql_insert(
    model: type[Model], fields: list[Field[Any]], key: DialectKey, conflicts: Conflicts, returning: bool
) -> str:
    table = model._meta.table
    statement: Any = postgresql.insert(table)
    if fields:
        arrays = [
            sqlalchemy.bindparam(f"p{index}", type_=postgresql.ARRAY(field.sql_type()))
            for index, field in enumerate(fields)
        ]
        columns = [sqlalchemy.column(f"c{index}", field.sql_type()) for index, field in enumerate(fields)]
        source = sqlalchemy.func.unnest(*arrays).table_valued(*columns, with_ordinality="place", name="given")
        source = source.render_derived()
        rows = sqlalchemy.select(*(source.c[column.name] for column in columns)).order_by(source.c.place)
        statement = statement.from_select([field.column for field in fields], rows)
    else:
        many = sqlalchemy.bindparam("p0", type_=postgresql.ARRAY(sqlalchemy.Text()))
        source = sqlalchemy.func.unnest(many).table_valued("x")
        statement = statement.from_select(
            [model._meta.pk.column],
            sqlalchemy.select(sqlalchemy.literal_column("DEFAULT")).select_from(source),
        )
    statement = _with_conflicts(statement, conflicts)
    if returning:
        statement = statement.returning(table.c[model._meta.pk.column])
    return str(statement.inline().compile(dialect=key.dialect))


def _sqlite_insert(
    model: type[Model], fields: list[Field[Any]], key: DialectKey, conflicts: Conflicts, returning: bool, rows: int
) -> str:
    table = model._meta.table
    if not fields:
        # A table of nothing but its key: the key is left to the database by naming it NULL.
        fields = [model._meta.pk]
    values = {
        field.column: sqlalchemy.bindparam(f"p{index}", type_=field.sql_type()) for index, field in enumerate(fields)
    }
    statement: Any = _with_conflicts(sqlite.insert(table).values(values), conflicts)
    if returning:
        statement = statement.returning(table.c[model._meta.pk.column])
    sql = str(statement.inline().compile(dialect=key.dialect))
    one = f"({', '.join('?' * len(fields))})"
    before, after = sql.split(f"VALUES {one}", 1)
    return f"{before}VALUES {', '.join([one] * rows)}{after}"


def _with_conflicts(statement: Any, conflicts: Conflicts) -> Any:
    if conflicts.ignore:
        return statement.on_conflict_do_nothing()
    if conflicts.update:
        changes = {column: statement.excluded[column] for column in conflicts.update}
        return statement.on_conflict_do_update(index_elements=list(conflicts.unique), set_=changes)
    return statement


async def bulk_update(
    queryset: QuerySet[Any], objects: list[Any], names: Collection[str], batch_size: int | None
) -> int:
    """`QuerySet.bulk_update`."""
    if batch_size is not None and batch_size <= 0:
        raise ValueError("Batch size must be a positive integer.")
    if not names:
        raise ValueError("Field names must be given to bulk_update().")
    model, database = queryset.model, queryset.db
    fields = [_column(model, name) for name in dict.fromkeys(names)]
    if any(field.primary_key for field in fields):
        raise ValueError("bulk_update() cannot be used with primary key fields.")
    if any(each.pk is None for each in objects):
        raise ValueError("All bulk_update() objects must have a primary key set.")
    if not objects:
        return 0
    found = 0
    async with database.atomic():
        computed = [
            each for each in objects if any(hasattr(getattr(each, field.attname), "freeze") for field in fields)
        ]
        for each in computed:
            rows = queryset.using(database).filter(pk=each.pk)
            found += await rows.update(**{field.name: getattr(each, field.attname) for field in fields})
        apart = {id(each) for each in computed}
        kept = [each for each in objects if id(each) not in apart]
        for batch in _batches(kept, len(fields) + 1, database.dialect.name, batch_size):
            found += await _update(model, fields, batch, database)
    return found


async def _update(model: type[Model], fields: list[Field[Any]], batch: list[Any], database: Database) -> int:
    all_fields = [model._meta.pk, *fields]
    dialect = database.dialect.name
    converters = [write_converter(field, dialect) for field in all_fields]
    rows: list[list[Any]] = []
    for each in batch:
        take_related_keys(each)
        values = [each.pk, *(field.pre_save(each, False) for field in fields)]
        rows.append([convert(value) for convert, value in zip(converters, values, strict=True)])
    key = DialectKey(database.dialect)
    names = tuple(field.attname for field in fields)
    if dialect == "postgresql":
        plan = _postgresql_update(model, key, names)
        return await database.execute_plan(plan, [list(column) for column in zip(*rows, strict=True)])
    plan = _sqlite_update(model, key, names, len(rows))
    return await database.execute_plan(plan, [value for row in rows for value in row])


@lru_cache(maxsize=512)
def _postgresql_update(model: type[Model], key: DialectKey, names: tuple[str, ...]) -> Plan:
    meta, table = model._meta, model._meta.table
    fields = [meta.pk, *(meta.by_attname[name] for name in names)]
    arrays = [
        sqlalchemy.bindparam(f"p{index}", type_=postgresql.ARRAY(field.sql_type()))
        for index, field in enumerate(fields)
    ]
    columns = [sqlalchemy.column(f"c{index}", field.sql_type()) for index, field in enumerate(fields)]
    given = sqlalchemy.func.unnest(*arrays).table_valued(*columns, name="given").render_derived()
    changes = [(table.c[field.column], given.c[f"c{index}"]) for index, field in enumerate(fields) if index]
    statement = sqlalchemy.update(table).ordered_values(*changes).where(table.c[meta.pk.column] == given.c.c0)
    return Plan(str(statement.compile(dialect=key.dialect)), reads=False, returns_rows=False)


@lru_cache(maxsize=512)
def _sqlite_update(model: type[Model], key: DialectKey, names: tuple[str, ...], rows: int) -> Plan:
    meta = model._meta
    quote = key.dialect.identifier_preparer.quote
    fields = [meta.by_attname[name] for name in names]
    table, pk = quote(meta.db_table), quote(meta.pk.column)
    # A VALUES list calls its columns column1, column2, …
    changes = ", ".join(f"{quote(field.column)} = given.column{index}" for index, field in enumerate(fields, start=2))
    one = f"({', '.join('?' * (len(fields) + 1))})"
    given = ", ".join([one] * rows)
    sql = f"UPDATE {table} SET {changes} FROM (VALUES {given}) AS given WHERE {table}.{pk} = given.column1"  # noqa: S608 - quoted names
    return Plan(sql, reads=False, returns_rows=False)
