"""COPY, PostgreSQL's way to move many rows: `copy_to_table()` and its like, with asyncpg's names and arguments.

Each is one statement: all or nothing, in the transaction it is called in or in one of its own. Nothing is gathered in
memory: what is read is sent as PostgreSQL takes it, what arrives is handed over before more is asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack

from sqlalchemy import ClauseElement, Table

from vivace.databases.backends.base import Operation
from vivace.databases.copy_streams import GivenUp, Outflow, destination, records_of, source_of
from vivace.databases.errors import NotSupportedError
from vivace.databases.plan import Plan

if TYPE_CHECKING:
    from vivace.databases.queries import Preparer

Record = Sequence[Any]


class ReadableFile(Protocol):
    """A file opened for reading in binary mode."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes, none at the end."""


class WritableFile(Protocol):
    """A file opened for writing in binary mode."""

    def write(self, data: bytes, /) -> object:
        """Write all of `data`."""


Source = str | PathLike[str] | ReadableFile | AsyncIterable[bytes] | bytes | bytearray | memoryview
"""A path, an open file, an async iterable of bytes, or the bytes."""
Destination = str | PathLike[str] | WritableFile | Callable[[bytes], Awaitable[object]]
"""A path, an open file, or an async function that takes bytes."""


class CopyOptions(TypedDict, total=False):
    """Options of COPY; PostgreSQL's documentation of that statement explains them. `timeout`: seconds."""

    timeout: float
    format: str
    oids: bool
    delimiter: str
    null: str
    header: bool
    quote: str
    escape: str
    force_quote: bool | Sequence[str]
    encoding: str


class CopyInOptions(CopyOptions, total=False):
    """Options of COPY into a table."""

    freeze: bool
    force_not_null: Sequence[str]
    force_null: Sequence[str]
    where: str


class Copying(ABC):
    """The methods of `Database` and `Connection` that copy. Elsewhere than on PostgreSQL: `NotSupportedError`.

    Each returns the number of rows copied.
    """

    _preparer: Preparer

    @abstractmethod
    async def _perform(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """Do it where it belongs: in a frame or in autocommit."""

    async def copy_to_table(
        self,
        table_name: str | Table,
        *,
        source: Source,
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        **options: Unpack[CopyInOptions],
    ) -> int:
        """Fill a table with text, CSV (`format="csv"`) or PostgreSQL's binary format from `source`."""
        name, schema = _name_and_schema(table_name, schema_name)
        async with source_of(source) as stream:

            def copy(connection: Any) -> Awaitable[str]:
                given: Mapping[str, Any] = options
                status: Awaitable[str] = connection.copy_to_table(
                    name, source=stream, columns=columns, schema_name=schema, **given
                )
                return status

            return await self._copy(_plan(f"{_shown(name, schema)} FROM STDIN", reads=False), copy)

    async def copy_records_to_table(
        self,
        table_name: str | Table,
        *,
        records: Iterable[Record] | AsyncIterable[Record],
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 (asyncpg's name)
        where: str | None = None,
    ) -> int:
        """Fill a table with tuples of Python values, one a row. The quickest way to store many rows.

        A value that does not fit its column raises `DataError`, which names the row.
        """
        name, schema = _name_and_schema(table_name, schema_name)
        stream = records_of(records)

        def copy(connection: Any) -> Awaitable[str]:
            status: Awaitable[str] = connection.copy_records_to_table(
                name, records=stream, columns=columns, schema_name=schema, timeout=timeout, where=where
            )
            return stream.explained(status)

        return await self._copy(_plan(f"{_shown(name, schema)} FROM STDIN", reads=False), copy)

    async def copy_from_table(
        self,
        table_name: str | Table,
        *,
        output: Destination,
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
        **options: Unpack[CopyOptions],
    ) -> int:
        """Write a table to `output` as text, CSV (`format="csv"`) or in PostgreSQL's binary format."""
        name, schema = _name_and_schema(table_name, schema_name)
        async with destination(output) as write:

            def copy(connection: Any) -> Awaitable[str]:
                given: Mapping[str, Any] = options
                return Outflow(write).run(
                    lambda output: connection.copy_from_table(
                        name, output=output, columns=columns, schema_name=schema, **given
                    )
                )

            return await self._copy(_plan(f"{_shown(name, schema)} TO STDOUT", reads=True), copy)

    async def copy_from_query(
        self,
        query: str | ClauseElement,
        values: Mapping[str, Any] | None = None,
        *,
        output: Destination,
        **options: Unpack[CopyOptions],
    ) -> int:
        """Write the rows of a query, raw with `:name` parameters or a Core expression, to `output`."""
        plan, args, _ = self._preparer.prepare(query, values)
        async with destination(output) as write:

            def copy(connection: Any) -> Awaitable[str]:
                given: Mapping[str, Any] = options
                return Outflow(write).run(
                    lambda output: connection.copy_from_query(plan.sql, *args, output=output, **given)
                )

            return await self._copy(_plan(f"({plan.sql}) TO STDOUT", reads=plan.reads), copy)

    async def _copy(self, plan: Plan, copy: Callable[[Any], Awaitable[str]]) -> int:
        dialect = self._preparer.dialect_name
        if dialect != "postgresql":
            raise NotSupportedError(f"{dialect} has no COPY: use execute_many() to store, iterate() to read many rows")
        try:
            status: str = await self._perform(Operation.COPY, plan, copy)
        except GivenUp as failure:
            raise failure.reason from None
        return int(status.rpartition(" ")[2])


def _plan(copied: str, *, reads: bool) -> Plan:
    return Plan(f"COPY {copied}", reads=reads, returns_rows=False)


def _name_and_schema(table: str | Table, schema: str | None) -> tuple[str, str | None]:
    if isinstance(table, Table):
        return table.name, schema or table.schema
    return table, schema


def _shown(name: str, schema: str | None) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name) if part)
