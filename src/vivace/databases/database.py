"""`Database`: what applications hold. Takes raw SQL, Core expressions and plans, and runs them where they belong."""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, cast
from weakref import WeakSet

from sqlalchemy import ClauseElement, Dialect

from vivace.databases import query as raw_sql
from vivace.databases.backends.base import Backend, Operation, Rows
from vivace.databases.errors import DriverMissing, InterfaceError
from vivace.databases.expressions import ExpressionCompiler
from vivace.databases.plan import Plan
from vivace.databases.records import Record, RecordShape, shape_of
from vivace.databases.url import DatabaseURL
from vivace.utils.suggest import did_you_mean

_SQLITE = "vivace.databases.backends.sqlite:SQLiteBackend"
_EXTRAS = {"asyncpg": "postgres"}
_POSTGRESQL = "vivace.databases.backends.postgresql:PostgreSQLBackend"


connected: WeakSet[Database] = WeakSet()
"""The databases of this process that are connected; the ORM uses the only one when nothing else says which."""


class Database:
    """A database and its connections. One for the whole program, `connect()`ed once."""

    SUPPORTED_BACKENDS = {
        "sqlite": _SQLITE,
        "sqlite+aiosqlite": _SQLITE,
        "postgresql": _POSTGRESQL,
        "postgresql+asyncpg": _POSTGRESQL,
        "postgresql+aiopg": _POSTGRESQL,
        "postgres": _POSTGRESQL,
    }

    def __init__(self, url: str | DatabaseURL, *, force_rollback: bool = False, **options: Any) -> None:
        self.url = DatabaseURL(url)
        self.is_connected = False
        self._backend = self._make_backend(options)
        self.dialect: Dialect = self._backend.dialect
        self._raw = raw_sql.RawCache(cast(raw_sql.Dialect, self.dialect.name))
        self._expressions = ExpressionCompiler(self.dialect)

    def _make_backend(self, options: dict[str, Any]) -> Backend:
        scheme = self.url.scheme
        if scheme not in self.SUPPORTED_BACKENDS:
            raise InterfaceError(
                f"No backend for the scheme {scheme!r} of {self.url.obscure_password!r}. "
                + did_you_mean(scheme, self.SUPPORTED_BACKENDS, listed_as="Schemes")
            )
        module, _, name = self.SUPPORTED_BACKENDS[scheme].partition(":")
        try:
            backend_class = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if error.name not in _EXTRAS:
                raise
            raise DriverMissing(
                f"{self.url.obscure_password!r} needs the driver {error.name}, which is not installed. "
                f'Install it with: pip install "vivace[{_EXTRAS[error.name]}]"'
            ) from error
        backend: Backend = backend_class(self.url, options)
        return backend

    async def connect(self) -> None:
        if not self.is_connected:
            await self._backend.connect()
            self.is_connected = True
            connected.add(self)

    async def disconnect(self) -> None:
        if self.is_connected:
            self.is_connected = False
            connected.discard(self)
            await self._backend.disconnect()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()

    async def fetch_all(self, query: str | ClauseElement, values: Mapping[str, Any] | None = None) -> list[Record]:
        shape, rows = await self._described(query, values)
        return shape.records(rows)

    async def fetch_one(self, query: str | ClauseElement, values: Mapping[str, Any] | None = None) -> Record | None:
        shape, rows = await self._described(query, values, Operation.FIRST)
        return shape.record(rows[0]) if rows else None

    async def fetch_val(
        self, query: str | ClauseElement, values: Mapping[str, Any] | None = None, column: Any = 0
    ) -> Any:
        row = await self.fetch_one(query, values)
        return None if row is None else row[column]

    async def execute(self, query: str | ClauseElement, values: Mapping[str, Any] | None = None) -> Any:
        plan, args, _ = self._prepare(query, values)
        return await self._run(Operation.VALUE, plan, args)

    async def execute_many(self, query: str | ClauseElement, values: Iterable[Mapping[str, Any]]) -> None:
        rows = list(values)
        if not rows:
            return
        if isinstance(query, str):
            statement = self._raw.get(query)
            await self._run(
                Operation.MANY, statement.plan, [self._backend.adapted(statement.arguments(row)) for row in rows]
            )
        else:
            call = self._expressions.call_many(query, rows)
            await self._run(Operation.MANY, call.plan, call.args)

    async def iterate(
        self, query: str | ClauseElement, values: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Record, None]:
        plan, args, shape = self._prepare(query, values)
        async for names, rows in self._backend.iterate(plan, args, 500):
            for record in (shape or shape_of(names)).records(rows):
                yield record

    async def fetch_plan(self, plan: Plan, args: Sequence[Any] = ()) -> Rows:
        rows: Rows = await self._run(Operation.ROWS, plan, args)
        return rows

    async def execute_plan(self, plan: Plan, args: Sequence[Any] = ()) -> int:
        count: int = await self._run(Operation.COUNT, plan, args)
        return count

    async def execute_plan_many(self, plan: Plan, rows_of_args: Iterable[Sequence[Any]]) -> None:
        await self._run(Operation.MANY, plan, rows_of_args)

    async def iterate_plan(
        self, plan: Plan, args: Sequence[Any] = (), *, chunk_size: int = 500
    ) -> AsyncGenerator[Sequence[Any], None]:
        async for _, rows in self._backend.iterate(plan, args, chunk_size):
            for row in rows:
                yield row

    async def _described(
        self, query: Any, values: Mapping[str, Any] | None, operation: Operation = Operation.DESCRIBED
    ) -> tuple[RecordShape, Rows]:
        plan, args, shape = self._prepare(query, values)
        names, rows = await self._run(operation, plan, args)
        return shape or shape_of(names), rows

    def _prepare(self, query: Any, values: Mapping[str, Any] | None) -> tuple[Plan, Any, RecordShape | None]:
        if isinstance(query, str):
            statement = self._raw.get(query)
            return statement.plan, self._backend.adapted(statement.arguments(values)), None
        call = self._expressions.call(query, values)
        return call.plan, call.args, call.expression.shape if call.expression is not None else None

    async def _run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        return await self._backend.run(operation, plan, args)
