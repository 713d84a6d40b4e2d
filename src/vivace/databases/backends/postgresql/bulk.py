"""`execute_many()` of an INSERT, by COPY: the same rows at a fifth of the time.

An INSERT of plain parameters and a COPY into the table mean the same when its columns are of the types that the
statement says, and nothing else looks at how the rows come in: no rule, no row-level security, no trigger that counts
statements. The catalogue is asked each time (one round trip); whatever else there is goes to the driver's executemany.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter, length_hint
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg

from vivace.databases.backends.postgresql.executemany import execute_many
from vivace.databases.copy_streams import complaint
from vivace.databases.errors import DataError
from vivace.databases.plan import Plan
from vivace.databases.shielding import uninterrupted

# Rows sent with one statement, between which others may use the event loop; more are sent in a transaction.
ROWS_AT_ONCE = 20_000
# For fewer rows executemany is as quick.
FEWEST_FOR_COPY = 50
MAX_CACHED = 512
# Seconds.
UNDO_TIMEOUT = 5.0

_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_]\w*)'
_TYPE = r"[A-Za-z_][\w .,()\[\]\"]*?"
_INSERT = re.compile(
    rf"\s*INSERT\s+INTO\s+(?P<table>{_NAME}(?:\s*\.\s*{_NAME})?)\s*\((?P<columns>[^()]*)\)\s*"
    r"VALUES\s*\((?P<values>.*)\)\s*;?\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN = re.compile(rf"\s*({_NAME})\s*(?:,|\Z)")
_VALUE = re.compile(rf"\s*\$(?P<number>\d+)(?:\s*::\s*(?P<type>{_TYPE}))?\s*(?:,(?=\s*\$)|\Z)")

# One row for each column: is it of the type that the statement says, and does the table take COPY as it takes INSERT?
# Types of the system have a binary form that asyncpg knows; so do arrays of them, and enums.
_ASK = """
SELECT n.nspname, c.relname,
       c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT c.relrowsecurity
       AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS g
                       WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 1 = 0 AND g.tgtype & 4 <> 0)
       AND bool_and(
           a.attnum IS NOT NULL AND a.attgenerated = '' AND a.attidentity <> 'a'
           AND (t.oid < 16384 AND t.typtype IN ('b', 'r') OR t.typtype = 'e')
           AND (w.type IS NULL
                OR pg_catalog.to_regtype(w.type) = t.oid
                   AND (w.size = '' OR w.size = coalesce(
                        pg_catalog.substring(pg_catalog.format_type(t.oid, a.atttypmod), '\\((.*)\\)'), ''))
                OR pg_catalog.to_regtype(w.type) IN ('text'::regtype, 'varchar'::regtype)
                   AND t.oid IN ('text'::regtype, 'varchar'::regtype) AND w.size = '')
       ),
       array_agg(a.atttypid ORDER BY w.place)
FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS w (name, type, size, place)
JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass($1)
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = w.name AND a.attnum > 0
    AND NOT a.attisdropped
LEFT JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
GROUP BY c.oid, n.nspname
"""


@dataclass(frozen=True, slots=True)
class _Form:
    """An INSERT of plain parameters, taken apart."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str | None, ...]
    sizes: tuple[str, ...]
    # Makes a record, in the order of the columns, of a row of arguments; None when they are in that order.
    reorder: Callable[[Any], Sequence[Any]] | None


@dataclass(frozen=True, slots=True)
class _Target:
    """Where COPY puts the rows of a statement."""

    schema: str
    table: str
    columns: tuple[str, ...]
    reorder: Callable[[Any], Sequence[Any]] | None


class BulkInserts:
    """What is known of the statements that `execute_many()` was called with. One for each backend."""

    def __init__(self, *, may_copy: bool) -> None:
        # Codecs that a program has set may have no binary form.
        self._may_copy = may_copy
        self._forms: dict[str, _Form | None] = {}
        # The types of the columns when a connection prepared its COPY: asyncpg would go on sending those of then.
        self._types: WeakKeyDictionary[asyncpg.Connection, dict[str, list[int]]] = WeakKeyDictionary()
        self.copied = 0

    async def run(self, connection: asyncpg.Connection, plan: Plan, args: Iterable[Sequence[Any]]) -> None:
        """Run `plan` for each row of arguments: all of them or none, in bounded memory."""
        rows = iter(args)
        some = list(islice(rows, ROWS_AT_ONCE))
        is_inside = connection.is_in_transaction()
        target = await self._target(connection, plan.sql) if len(some) >= FEWEST_FOR_COPY else None
        try:
            if not is_inside and len(some) == ROWS_AT_ONCE:
                await connection.execute("BEGIN")
            done = 0
            while some:
                await self._run_some(connection, plan, target, some, done)
                done += len(some)
                some = list(islice(rows, ROWS_AT_ONCE)) if len(some) == ROWS_AT_ONCE else []
            if not is_inside and connection.is_in_transaction():
                await connection.execute("COMMIT")
        except BaseException as error:
            await uninterrupted(_undo(connection, error, is_inside=is_inside))
            raise

    async def _run_some(
        self, connection: asyncpg.Connection, plan: Plan, target: _Target | None, rows: list[Sequence[Any]], done: int
    ) -> None:
        if target is None:
            await execute_many(connection, plan.sql, rows)
        else:
            await _copy(connection, target, rows, done)
            self.copied += len(rows)

    async def _target(self, connection: asyncpg.Connection, sql: str) -> _Target | None:
        """Where COPY may put the rows of a statement; None when it means something else."""
        if not self._may_copy:
            return None
        if sql not in self._forms:
            if len(self._forms) >= MAX_CACHED:
                self._forms.clear()
            self._forms[sql] = _form_of(sql)
        form = self._forms[sql]
        if form is None:
            return None
        row = await connection.fetchrow(_ASK, form.table, form.columns, form.types, form.sizes)
        if row is None or not row[2]:
            return None
        known = self._types.setdefault(connection, {})
        if known.setdefault(sql, row[3]) != row[3]:
            await connection.reload_schema_state()
            known.clear()
            known[sql] = row[3]
        return _Target(row[0], row[1], form.columns, form.reorder)


async def _copy(connection: asyncpg.Connection, target: _Target, rows: list[Sequence[Any]], done: int) -> None:
    sent = iter(rows)
    try:
        await connection.copy_records_to_table(
            target.table,
            records=sent if target.reorder is None else map(target.reorder, sent),
            columns=target.columns,
            schema_name=target.schema,
        )
    except (TypeError, ValueError, ArithmeticError, LookupError) as error:
        number = done + len(rows) - length_hint(sent)
        raise DataError(f"Row {number} of execute_many() does not fit the table: {complaint(error)}") from error


async def _undo(connection: asyncpg.Connection, error: BaseException, *, is_inside: bool) -> None:
    """Nothing of what was sent before the error may stay."""
    if connection.is_closed() or not connection.is_in_transaction():
        return
    try:
        if not is_inside:
            await connection.execute("ROLLBACK", timeout=UNDO_TIMEOUT)
        elif isinstance(error, Exception) and getattr(error, "severity", None) is None:
            # The server has seen no error, so that the transaction could go on with some of the rows.
            await connection.execute("ROLLBACK TO SAVEPOINT vivace_rows_are_missing", timeout=UNDO_TIMEOUT)
    except asyncpg.PostgresError:
        pass  # as wanted: there is no such savepoint, and the transaction is aborted
    except (asyncpg.InterfaceError, OSError):
        connection.terminate()


def _form_of(sql: str) -> _Form | None:
    match = _INSERT.match(sql)
    if match is None:
        return None
    columns = tuple(_bare(name[1]) for name in _all(_COLUMN, match["columns"]))
    values = list(_all(_VALUE, match["values"]))
    numbers = [int(value["number"]) - 1 for value in values]
    if not columns or len(columns) != len(values) or len(set(columns)) != len(columns):
        return None
    types = [value["type"] for value in values]
    in_order = numbers == list(range(len(numbers)))
    return _Form(
        match["table"],
        columns,
        tuple(types),
        tuple(_size_of(type_) for type_ in types),
        None if in_order else _picking(numbers),
    )


def _all(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The matches that make up the whole of `text`, none if they do not."""
    found: list[re.Match[str]] = []
    position = 0
    while position < len(text):
        match = pattern.match(text, position)
        if match is None or match.end() == position:
            return iter(())
        found.append(match)
        position = match.end()
    return iter(found)


def _picking(numbers: list[int]) -> Callable[[Any], Sequence[Any]]:
    if len(numbers) == 1:
        return lambda row: (row[numbers[0]],)
    pick: Callable[[Any], Sequence[Any]] = itemgetter(*numbers)
    return pick


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _size_of(type_: str | None) -> str:
    size = re.search(r"\(([^)]*)\)", type_ or "")
    return "" if size is None else size[1].replace(" ", "")
