"""What type checkers must infer from queries, and which mistakes they must refuse; see orm_cases.py."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypedDict, assert_type

import msgspec
import sqlalchemy

from vivace.databases import Connection, Database, Plan, Record, Result


class BookStruct(msgspec.Struct):
    title: str


@dataclass
class BookClass:
    title: str


class BookDict(TypedDict):
    title: str


class BookTuple(NamedTuple):
    title: str


async def rows(database: Database, connection: Connection, query: sqlalchemy.Select[tuple[str]]) -> None:
    assert_type(await database.fetch_all("SELECT 1"), list[Record])
    assert_type(await database.fetch_one(query, {"id": 1}), Record | None)
    assert_type(database.iterate("SELECT 1"), AsyncGenerator[Record, None])
    assert_type(await connection.run("SELECT 1"), Result)
    assert_type((await database.run(query)).rows, list[Record])

    assert_type(await database.fetch_all(query, into=BookStruct), list[BookStruct])
    assert_type(await database.fetch_all("SELECT 1", {"id": 1}, into=BookClass), list[BookClass])
    assert_type(await database.fetch_all("SELECT 1", into=BookDict), list[BookDict])
    assert_type(await database.fetch_all("SELECT 1", into=tuple[int, str]), list[tuple[int, str]])
    assert_type(await database.fetch_all("SELECT 1", into=dict[str, Any]), list[dict[str, Any]])
    assert_type(await database.fetch_all("SELECT 1", into=int), list[int])
    numbers: list[Any] = await database.fetch_all("SELECT 1", into=int | None)
    assert numbers
    assert_type(await connection.fetch_one("SELECT 1", into=BookTuple), BookTuple | None)
    assert_type(await database.fetch_one("SELECT 1", into=str), str | None)
    async for book in database.iterate("SELECT 1", into=BookStruct):
        assert_type(book, BookStruct)

    await database.fetch_all("SELECT 1", into=5)  # type: ignore[call-overload]
    await database.fetch_all(5, into=BookStruct)  # type: ignore[call-overload]
    book_or_none = await database.fetch_one("SELECT 1", into=BookStruct)
    book_or_none.title  # type: ignore[union-attr]  # noqa: B018


def without_await(database: Database, query: sqlalchemy.Select[tuple[str]]) -> None:
    sync = database.sync
    assert_type(sync.fetch_all("SELECT 1"), list[Record])
    assert_type(sync.fetch_one(query, {"id": 1}), Record | None)
    assert_type(sync.fetch_all(query, into=BookStruct), list[BookStruct])
    assert_type(sync.fetch_one("SELECT 1", into=BookClass), BookClass | None)
    assert_type(sync.iterate("SELECT 1", into=BookDict), Generator[BookDict, None, None])
    assert_type(sync.run(query), Result)
    assert_type(sync.call(database.execute_plan, Plan("", reads=False, returns_rows=False)), int)

    @sync.transaction(retries=2)
    def add(number: int) -> str:
        return str(number)

    assert_type(add(1), str)
    add("1")  # type: ignore[arg-type]
