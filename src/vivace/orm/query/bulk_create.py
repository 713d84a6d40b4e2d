"""`bulk_create`: many objects in few statements.

PostgreSQL takes whole columns as arrays (`unnest`), so that one statement serves any number of rows. Elsewhere, and for
columns that are arrays themselves, rows are listed, in groups of a few sizes, so that few statements serve any number.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.dialects import mysql, postgresql, sqlite

from vivace.databases import Plan
from vivace.databases.errors import NotSupportedError
from vivace.orm._written_cy import insert_values, mark_saved
from vivace.orm.expressions.binds import row_binder
from vivace.orm.fields.base import Field
from vivace.orm.query import multitable
from vivace.orm.query.batches import ARRAY_ROWS, batches, check_batch_size, column_of, listed_batches, repeated
from vivace.orm.query.inserts import insert_computed
from vivace.orm.query.writes import DialectKey, returned
from vivace.orm.saved import remember, take_related_keys, take_returned

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.query.queryset import QuerySet

Given = tuple[Any, list[Any]]
"""An object and the values to write for it."""


@dataclass(frozen=True)
class Conflicts:
    """What is done about rows that exist: nothing (an error), `ignore`, or `update` of columns found by `unique`."""

    ignore: bool = False
    update: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    counted: str | None = None
    """The column of a VersionField, raised by every update."""


async def bulk_create(
    queryset: QuerySet[Any],
    objects: list[Any],
    *,
    batch_size: int | None,
    ignore_conflicts: bool,
    update_conflicts: bool,
    update_fields: Collection[str] | None,
    unique_fields: Collection[str] | None,
    read_back: bool = False,
) -> list[Any]:
    """`QuerySet.bulk_create`; with `read_back`, an upsert reads back all of the row, not its key only."""
    check_batch_size(batch_size)
    model = queryset.model
    for each in objects:
        if each._meta.concrete_model is not model._meta.concrete_model:
            raise TypeError(f"bulk_create() of {model.__name__} takes its instances, got {each!r}")
        take_related_keys(each)
    conflicts = _conflicts(model, ignore_conflicts, update_conflicts, update_fields, unique_fields)
    if conflicts.update:
        _check_dialect(conflicts, queryset._write_db)
    if not objects:
        return objects
    database = queryset._write_db
    for virtual in model._meta.private_fields:
        await virtual.before_save(objects, database)
    if model._meta.order_with_respect_to is not None:
        place: Any = model._meta.forward["_order"]
        await place.before_bulk_create(objects, database)
    if model._meta.links:
        if conflicts != Conflicts():
            raise ValueError(
                "bulk_create() of a multi-table inherited model cannot ignore or update conflicts: which of its tables "
                "has one is not known"
            )
        return await multitable.bulk_create(queryset, objects, batch_size, database)
    async with database.atomic():
        for some in batches(objects, ARRAY_ROWS):
            await _insert(model, some, conflicts, database, batch_size, read_back=read_back)
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
    changed = [column_of(model, name) for name in update_fields]
    if any(field.primary_key for field in changed):
        raise ValueError("bulk_create() cannot be used with primary keys in update_fields.")
    unique = [column_of(model, name) for name in unique_fields or ()]
    version = model._meta.version_field
    return Conflicts(
        update=tuple(field.column for field in changed if field is not version),
        unique=tuple(field.column for field in unique),
        counted=None if version is None else version.column,
    )


def _check_dialect(conflicts: Conflicts, database: Database) -> None:
    if database.dialect.name == "mysql":
        if conflicts.unique:
            raise NotSupportedError(
                "This database takes any unique value for a conflict, it cannot be told which: leave out unique_fields"
            )
    elif not conflicts.unique:
        raise ValueError("Unique fields that can trigger the upsert must be provided.")


async def _insert(
    model: type[Model],
    objects: Sequence[Any],
    conflicts: Conflicts,
    database: Database,
    batch_size: int | None,
    *,
    read_back: bool,
) -> None:
    groups: dict[tuple[str, ...], list[Given]] = {}
    for each in objects:
        names, values, is_computed = insert_values(each)
        if not is_computed:
            groups.setdefault(names, []).append((each, values))
        elif conflicts.ignore or conflicts.update:
            raise NotSupportedError(f"bulk_create(): {each!r} has expressions, which go with no handling of conflicts")
        else:
            await insert_computed(each, dict(zip(names, values, strict=True)), database)
    for names, given in groups.items():
        await _Group(model, names, conflicts, database, read_back=read_back).insert(given, batch_size)


class _Group:
    """Objects for which the same columns are written, and the same are left to the database."""

    def __init__(
        self,
        model: type[Model],
        names: tuple[str, ...],
        conflicts: Conflicts,
        database: Database,
        *,
        read_back: bool,
    ) -> None:
        meta = model._meta
        self.model, self.names, self.conflicts, self.database = model, names, conflicts, database
        self.key = DialectKey(database.dialect)
        self.fields = [meta.by_attname[name] for name in names]
        self.pk = meta.pk.attname
        self.keys = [field.attname for field in meta.pk_fields]
        self.absent = tuple([name for name in meta.by_attname if name not in names])
        self.returning: tuple[str, ...] = ()
        if database.dialect.insert_returning and not conflicts.ignore and (self.absent or conflicts.update):
            self.returning = tuple(meta.by_attname) if read_back else tuple(dict.fromkeys([*self.keys, *self.absent]))

    async def insert(self, given: list[Given], batch_size: int | None) -> None:
        """Writes the objects in few statements."""
        bind = row_binder(tuple(self.fields), self.database.dialect.name)
        takes_arrays = self._takes_arrays()
        if takes_arrays:
            groups = batches(given, min(batch_size or ARRAY_ROWS, ARRAY_ROWS))
        else:
            groups = listed_batches(given, len(self.fields), 1 if self._key_is_unordered() else batch_size)
        for some in groups:
            rows = [bind(values) for _, values in some]
            arguments: list[Any]
            if takes_arrays:
                arguments = [list(column) for column in zip(*rows, strict=True)]
            else:
                arguments = [value for row in rows for value in row]
            plan = _statement(
                self.model, self.key, self.names, self.conflicts, self.returning, 0 if takes_arrays else len(rows)
            )
            objects = [each for each, _ in some]
            if self.returning:
                self._take_back(objects, rows, await self.database.fetch_plan(plan, arguments))
            else:
                await self.database.execute_plan(plan, arguments)
                self._mark(objects, rows)

    def _takes_arrays(self) -> bool:
        if self.database.dialect.name != "postgresql" or not self.fields or self._key_is_unordered():
            return False
        # unnest() would take an array of arrays apart.
        return not any(isinstance(field.sql_type(), sqlalchemy.ARRAY) for field in self.fields)

    def _key_is_unordered(self) -> bool:
        """Whether returned rows could not be told apart: the database makes their keys, and does not count them up."""
        return bool(self.returning) and self.pk in self.absent and not self.model._meta.pk.counts_up

    def _mark(self, objects: list[Any], rows: list[Any]) -> None:
        if self.conflicts.ignore or self.conflicts.update or self.pk in self.absent:
            return
        if not self.absent:
            mark_saved(objects, self.names, rows, self.database)
            return
        for each, row in zip(objects, rows, strict=True):
            remember(each, dict(zip(self.names, row, strict=True)), self.database)

    def _take_back(self, objects: list[Any], rows: list[Any], found: Sequence[Any]) -> None:
        if len(found) != len(objects):
            # Only an upsert that met one of its own rows twice.
            return
        if not self.conflicts.update:
            mark_saved(objects, self.names, rows, self.database, self.returning, self._in_order(objects, found))
            return
        # A row that was there keeps what was not updated.
        updated = {field.attname for field in self.fields if field.column in self.conflicts.update}
        for each, row, returned_row in zip(objects, rows, found, strict=True):
            back = dict(zip(self.returning, returned_row, strict=True))
            take_returned(each, back, self.database)
            by_name = dict(zip(self.names, row, strict=True))
            each._origin = None
            remember(each, {name: by_name[name] for name in self.names if name in updated} | back, self.database)

    def _in_order(self, objects: list[Any], found: Sequence[Any]) -> Sequence[Any]:
        """The returned rows in the order of the objects."""
        if self.pk in self.absent:
            # The database counted the keys up in the order of the rows.
            return sorted(found, key=itemgetter(self.returning.index(self.pk)))
        fields, dialect = self.model._meta.pk_fields, self.database.dialect.name
        places = [(self.returning.index(field.attname), field.row_converter(dialect) or _as_it_is) for field in fields]
        by_key = {tuple([convert(row[place]) for place, convert in places]): row for row in found}
        return [by_key[tuple([field.to_python(getattr(each, field.attname)) for field in fields])] for each in objects]


def _as_it_is(value: Any) -> Any:
    return value


@lru_cache(maxsize=1024)
def _statement(
    model: type[Model],
    key: DialectKey,
    names: tuple[str, ...],
    conflicts: Conflicts,
    returning: tuple[str, ...],
    rows: int,
) -> Plan:
    """INSERT of so many rows, or, without a number, of rows given as arrays."""
    fields = [model._meta.by_attname[name] for name in names]
    sql = (_of_listed_rows if rows else _of_arrays)(model, fields, key, conflicts, returning, rows)
    return Plan(sql, reads=False, returns_rows=bool(returning))


def _of_arrays(
    model: type[Model],
    fields: list[Field[Any]],
    key: DialectKey,
    conflicts: Conflicts,
    returning: tuple[str, ...],
    rows: int,
) -> str:
    statement: Any = postgresql.insert(model._meta.table)
    arrays = [
        sqlalchemy.bindparam(f"p{index}", type_=postgresql.ARRAY(field.sql_type()))
        for index, field in enumerate(fields)
    ]
    columns = [sqlalchemy.column(f"c{index}", field.sql_type()) for index, field in enumerate(fields)]
    source = sqlalchemy.func.unnest(*arrays).table_valued(*columns, with_ordinality="place", name="given")
    source = source.render_derived()
    given = sqlalchemy.select(*(source.c[column.name] for column in columns)).order_by(source.c.place)
    statement = statement.from_select([field.column for field in fields], given)
    statement = _with_conflicts(statement, conflicts)
    if returning:
        statement = statement.returning(*returned(model, returning))
    return str(statement.inline().compile(dialect=key.dialect))


_INSERTS: dict[str, Any] = {"mysql": mysql.insert, "postgresql": postgresql.insert, "sqlite": sqlite.insert}


def _of_listed_rows(
    model: type[Model],
    fields: list[Field[Any]],
    key: DialectKey,
    conflicts: Conflicts,
    returning: tuple[str, ...],
    rows: int,
) -> str:
    dialect, table = key.dialect, model._meta.table
    statement: Any = _INSERTS[dialect.name](table).inline()
    if fields:
        statement = statement.values(
            {
                field.column: sqlalchemy.bindparam(f"p{index}", type_=field.sql_type())
                for index, field in enumerate(fields)
            }
        )
    else:
        # A table of nothing but its key: the key is left to the database.
        word = "NULL" if dialect.name == "sqlite" else "DEFAULT"
        statement = statement.values({model._meta.pk.column: sqlalchemy.literal_column(word)})
    of_one = str(statement.compile(dialect=dialect))
    statement = _with_conflicts(statement, conflicts)
    if returning:
        statement = statement.returning(*returned(model, returning))
    whole = str(statement.compile(dialect=dialect))
    before, one = of_one.rsplit(" VALUES ", 1)
    assert whole.startswith(of_one), whole
    return f"{before} VALUES {repeated(one, len(fields), rows)}{whole[len(of_one) :]}"


def _with_conflicts(statement: Any, conflicts: Conflicts) -> Any:
    if conflicts.ignore and isinstance(statement, mysql.Insert):
        # Not INSERT IGNORE, which would also cut off texts that are too long and turn what is no number into 0.
        pk: Any = next(iter(statement.table.primary_key))
        return statement.on_duplicate_key_update({pk.name: pk})
    if conflicts.ignore:
        return statement.on_conflict_do_nothing()
    if not conflicts.update:
        return statement
    given = statement.inserted if isinstance(statement, mysql.Insert) else statement.excluded
    changes = {column: given[column] for column in conflicts.update}
    if conflicts.counted is not None:
        changes[conflicts.counted] = statement.table.c[conflicts.counted] + sqlalchemy.literal_column("1")
    if isinstance(statement, mysql.Insert):
        return statement.on_duplicate_key_update(changes)
    return statement.on_conflict_do_update(index_elements=list(conflicts.unique), set_=changes)
