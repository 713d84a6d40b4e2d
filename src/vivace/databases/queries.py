"""The methods that `Database` and `Connection` share: three kinds of input, one way to run them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence, Sized
from contextlib import aclosing
from itertools import chain
from types import UnionType
from typing import Any, TypeVar, cast, overload

from sqlalchemy import ClauseElement
from sqlalchemy.sql.functions import FunctionElement

from vivace.databases._raw_statement_cy import RawStatement
from vivace.databases.backends.base import MISSED, Backend, Found, Operation, Rows
from vivace.databases.copying import Copying
from vivace.databases.errors import InterfaceError
from vivace.databases.expressions import ExpressionCompiler
from vivace.databases.notifications import Notifying
from vivace.databases.plan import Plan
from vivace.databases.query import RawCache
from vivace.databases.records import Record, RecordShape, shape_of
from vivace.databases.results import Result
from vivace.databases.sql_tokens import Dialect
from vivace.databases.typed import RowDecoder, decoder_of

T = TypeVar("T")

Query = str | ClauseElement
Values = Mapping[str, Any]

CHUNK_SIZE = 500

# Rows that are made into records before other tasks get their turn.
MAX_AT_ONCE = 1000

# Raw statements that would end or open a transaction behind the back of its frame.
_TRANSACTION_VERBS = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"})


class Preparer:
    """Turns raw SQL and Core expressions into plans with arguments. One for each database."""

    def __init__(self, backend: Backend) -> None:
        self.dialect_name = backend.dialect.name
        self._raw = RawCache(cast(Dialect, backend.dialect.name), _check_statement)
        self._expressions = ExpressionCompiler(backend.dialect)
        self._encoder = backend.values

    def prepare(self, query: Query, values: Values | None) -> tuple[Plan, Sequence[Any], RecordShape | None]:
        """The plan, its arguments, and for Core expressions what its records look like."""
        if isinstance(query, str):
            statement = self._raw[query]
            return statement.plan, statement.encoded(values, self._encoder), None
        call = self._expressions.call(_checked(query), values)
        return call.plan, call.args, None if call.expression is None else call.expression.shape

    def prepare_many(self, query: Query, rows: Iterable[Values]) -> tuple[Plan, Iterable[Sequence[Any]]] | None:
        """The plan and the arguments of each row, made one after another; None when there are no rows."""
        are_here = isinstance(rows, Sized)
        remaining = iter(rows)
        first = next(remaining, None)
        if first is None:
            return None
        rows = chain((first,), remaining)
        if isinstance(query, str):
            statement = self._raw[query]
            encoded, encoder = statement.encoded, self._encoder
            if are_here:
                return statement.plan, statement.encoded_rows(rows, encoder)
            return statement.plan, (encoded(row, encoder) for row in rows)
        call = self._expressions.call_many(_checked(query), first, rows)
        return call.plan, call.args


def _check_statement(statement: RawStatement) -> None:
    if not statement.verb:
        raise InterfaceError("The statement is empty", sql=statement.plan.sql)
    if statement.verb in _TRANSACTION_VERBS:
        raise InterfaceError(
            f"{statement.verb} as a statement would go behind the back of transaction(); use "
            '"async with database.transaction():"',
            sql=statement.plan.sql,
        )


def _checked(query: Any) -> ClauseElement:
    if isinstance(query, FunctionElement):
        return query.select()
    if isinstance(query, ClauseElement):
        if query.supports_execution:
            return query
        # A table, a column, a subquery: each compiles to something, but to no statement.
        raise InterfaceError(
            f"A {type(query).__name__} is part of a statement and none itself; select it: sqlalchemy.select(…)"
        )
    raise InterfaceError(f"A query is a string or a SQLAlchemy Core expression, got {type(query).__name__}")


async def _in_slices(shape: RecordShape, decoder: RowDecoder | None, rows: Rows) -> list[Any]:
    made: list[Any] = []
    for start in range(0, len(rows), MAX_AT_ONCE):
        if start:
            await asyncio.sleep(0)
        some = rows[start : start + MAX_AT_ONCE]
        made += shape.records(some) if decoder is None else decoder.rows(some, start + 1)
    return made


class Queries(Copying, Notifying, ABC):
    """The methods that run statements."""

    _preparer: Preparer

    @abstractmethod
    async def _perform(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """Do it where it belongs: in a frame or in autocommit."""

    def _at_once(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """The result of a plan with `credit`, if it can be had without waiting; else `MISSED`."""
        return MISSED

    @abstractmethod
    def _chunks(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> AsyncGenerator[Found, None]:
        """Rows by the chunk, from where the statement belongs."""

    @overload
    async def fetch_all(self, query: Query, values: Values | None = None) -> list[Record]: ...
    @overload
    async def fetch_all(self, query: Query, values: Values | None = None, *, into: type[T]) -> list[T]: ...
    @overload
    async def fetch_all(self, query: Query, values: Values | None = None, *, into: UnionType) -> list[Any]: ...

    async def fetch_all(self, query: Query, values: Values | None = None, *, into: Any = None) -> list[Any]:
        """All rows, as records or as objects of the type `into`.

        `into` is a msgspec Struct, dataclass, NamedTuple, TypedDict or pydantic model, whose fields are found by the
        names of the columns, `dict`, `tuple[int, str]` for the columns in their order, or for rows of one column its
        type: `into=int`. Raises `InterfaceError` when a field has no column, `DataError` when a value does not fit.
        """
        plan, args, shape = self._preparer.prepare(query, values)
        found = self._at_once(Operation.DESCRIBED, plan, args) if plan.credit > 0 else MISSED
        names, rows = await self._perform(Operation.DESCRIBED, plan, args) if found is MISSED else found
        if not rows:
            return []
        shape = shape_of(names) if shape is None else shape.named(names)
        decoder = None if into is None else decoder_of(shape, into)
        if len(rows) > MAX_AT_ONCE:
            return await _in_slices(shape, decoder, rows)
        return shape.records(rows) if decoder is None else decoder.rows(rows)

    @overload
    async def fetch_one(self, query: Query, values: Values | None = None) -> Record | None: ...
    @overload
    async def fetch_one(self, query: Query, values: Values | None = None, *, into: type[T]) -> T | None: ...
    @overload
    async def fetch_one(self, query: Query, values: Values | None = None, *, into: UnionType) -> Any: ...

    async def fetch_one(self, query: Query, values: Values | None = None, *, into: Any = None) -> Any:
        """The first row, None when there is none; `into` as in `fetch_all()`."""
        plan, args, shape = self._preparer.prepare(query, values)
        found = self._at_once(Operation.FIRST, plan, args) if plan.credit > 0 else MISSED
        names, rows = await self._perform(Operation.FIRST, plan, args) if found is MISSED else found
        if not rows:
            return None
        shape = shape_of(names) if shape is None else shape.named(names)
        return shape.record(rows[0]) if into is None else decoder_of(shape, into).row(rows[0])

    async def fetch_val(self, query: Query, values: Values | None = None, column: Any = 0) -> Any:
        """One column of the first row, None when there is no row."""
        plan, args, shape = self._preparer.prepare(query, values)
        found = self._at_once(Operation.FIRST, plan, args) if plan.credit > 0 else MISSED
        names, rows = await self._perform(Operation.FIRST, plan, args) if found is MISSED else found
        if not rows:
            return None
        shape = shape_of(names) if shape is None else shape.named(names)
        return shape.record(rows[0])[column]

    async def execute(self, query: Query, values: Values | None = None) -> Any:
        """Run one statement, and return what it is most likely wanted for:

        - a statement with rows (SELECT, RETURNING): the first value of the first row, None without rows;
        - INSERT: the key of the new row, as far as it is known: always on SQLite, on PostgreSQL for Core expressions
          (they say RETURNING); None otherwise;
        - UPDATE, DELETE: the number of rows;
        - anything else: None.
        """
        plan, args, shape = self._preparer.prepare(query, values)
        result = self._at_once(Operation.VALUE, plan, args) if plan.credit > 0 else MISSED
        if result is MISSED:
            result = await self._perform(Operation.VALUE, plan, args)
        if shape is not None and plan.returns_rows:
            return shape.first_value(result)
        return result

    async def run(self, query: Query, values: Values | None = None) -> Result:
        """Run one statement, and return all that it did: rows, count and new key, defined alike on every database."""
        plan, args, shape = self._preparer.prepare(query, values)
        names, rows, rowcount, lastrowid = await self._perform(Operation.RESULT, plan, args)
        shape = shape_of(names) if shape is None else shape.named(names)
        return Result(await _in_slices(shape, None, rows), rowcount, lastrowid)

    async def execute_many(self, query: Query, values: Iterable[Values]) -> None:
        """Run one statement for each of `values`: all of them or none.

        On PostgreSQL an iterator is read as the rows are sent, in bounded memory, and a plain INSERT is done by COPY.
        """
        prepared = self._preparer.prepare_many(query, values)
        if prepared is None:
            return
        plan, args = prepared
        # PostgreSQL's driver takes rows as it sends them; a thread or a second attempt needs them all.
        is_lazy = self._preparer.dialect_name == "postgresql" and not isinstance(values, Sized)
        await self._perform(Operation.MANY, plan, args if is_lazy or isinstance(args, list) else list(args))

    @overload
    def iterate(self, query: Query, values: Values | None = None) -> AsyncGenerator[Record, None]: ...
    @overload
    def iterate(self, query: Query, values: Values | None = None, *, into: type[T]) -> AsyncGenerator[T, None]: ...
    @overload
    def iterate(self, query: Query, values: Values | None = None, *, into: UnionType) -> AsyncGenerator[Any, None]: ...

    async def iterate(
        self, query: Query, values: Values | None = None, *, into: Any = None
    ) -> AsyncGenerator[Any, None]:
        """Rows one by one, in bounded memory: a server-side cursor on PostgreSQL, one snapshot on SQLite.

        Outside a transaction it keeps a connection of its own until the loop ends; leave the loop early with
        `contextlib.aclosing`, so that it is given back at once.
        """
        plan, args, shape = self._preparer.prepare(query, values)
        async with aclosing(self._chunks(plan, args, CHUNK_SIZE)) as chunks:
            number = 1
            async for names, rows in chunks:
                shape = shape_of(names) if shape is None else shape.named(names)
                for row in shape.records(rows) if into is None else decoder_of(shape, into).rows(rows, number):
                    yield row
                number += len(rows)

    def fetch_plan_at_once(self, plan: Plan, args: Sequence[Any] = ()) -> Any:
        """The rows of a plan if they can be had without waiting, as quick reads of SQLite can; else `MISSED`."""
        return self._at_once(Operation.ROWS, plan, args) if plan.credit > 0 else MISSED

    async def fetch_plan(self, plan: Plan, args: Sequence[Any] = ()) -> Rows:
        """All rows of a plan, as the driver gives them: tuples of sqlite3, Records of asyncpg."""
        found = self._at_once(Operation.ROWS, plan, args) if plan.credit > 0 else MISSED
        rows: Rows = await self._perform(Operation.ROWS, plan, args) if found is MISSED else found
        return rows

    async def execute_plan(self, plan: Plan, args: Sequence[Any] = ()) -> int:
        """Run a plan; the number of rows it changed (or returned, with RETURNING)."""
        count: int = await self._perform(Operation.COUNT, plan, args)
        return count

    async def insert_plan(self, plan: Plan, args: Sequence[Any] = ()) -> Any:
        """Run a plan that inserts one row; the key that the database gave it, where it needs no RETURNING to tell."""
        _, _, _, key = await self._perform(Operation.RESULT, plan, args)
        return key

    async def execute_plan_many(self, plan: Plan, rows_of_args: Iterable[Sequence[Any]]) -> None:
        """Run a plan for each row of arguments: all of them or none."""
        await self._perform(Operation.MANY, plan, rows_of_args)

    async def iterate_plan(
        self, plan: Plan, args: Sequence[Any] = (), *, chunk_size: int = CHUNK_SIZE
    ) -> AsyncGenerator[Sequence[Any], None]:
        """Rows of a plan one by one, never more than `chunk_size` of them in memory."""
        if chunk_size < 1:
            raise InterfaceError(f"chunk_size is at least 1, got {chunk_size}")
        async with aclosing(self._chunks(plan, args, chunk_size)) as chunks:
            async for _, rows in chunks:
                for row in rows:
                    yield row
