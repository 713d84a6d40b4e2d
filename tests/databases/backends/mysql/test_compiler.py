"""What is written as the standard says runs on MariaDB, too."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from vivace.databases import Database

pytestmark = pytest.mark.anyio

NUMBERS = sa.union_all(*(sa.select(sa.literal_column(text).label("n")) for text in ("3", "NULL", "1", "3"))).subquery()


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    url = os.environ.get("VIVACE_TEST_MYSQL")
    if not url:
        pytest.fail("VIVACE_TEST_MYSQL is not set; run: scripts/with-services .venv/bin/pytest tests/databases")
    async with Database(url) as database:
        yield database


async def test_aggregates_have_filters(database: Database) -> None:
    number: Any = NUMBERS.c.n
    query = sa.select(
        sa.func.count().filter(number > 1),
        sa.func.sum(number).filter(number < 3),
        sa.func.count(number.distinct()).filter(number > 0),
    )
    row = await database.fetch_one(query)
    assert row is not None
    assert tuple(row) == (2, 1, 2)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (NUMBERS.c.n.asc().nulls_last(), [1, 3, 3, None]),
        (NUMBERS.c.n.desc().nulls_first(), [None, 3, 3, 1]),
        (NUMBERS.c.n.nulls_first(), [None, 1, 3, 3]),
    ],
)
async def test_nulls_come_first_or_last(database: Database, order: Any, expected: list[int | None]) -> None:
    rows = await database.fetch_all(sa.select(NUMBERS.c.n).order_by(order))
    assert [row[0] for row in rows] == expected


async def test_casts_lose_nothing(database: Database) -> None:
    row = await database.fetch_one(
        sa.select(
            sa.cast(sa.literal_column("'1.25'"), sa.Numeric()),
            sa.cast(sa.literal_column("'0.1'"), sa.Double()),
            sa.cast(sa.literal_column("'7'"), sa.Boolean()),
        )
    )
    assert row is not None
    assert tuple(row) == (Decimal("1.25"), 0.1, True)
