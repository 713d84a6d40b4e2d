"""Values on the wire are those that asyncpg gives and takes, compiled or not."""

from __future__ import annotations

import datetime as dt
import importlib.util
import math
import uuid
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import pytest

from vivace.databases import Database, Plan
from vivace.databases.backends.postgresql import _wire_cy, _wire_values_cy, pipelines

pytestmark = pytest.mark.anyio

MOMENTS = [
    dt.datetime.fromisoformat(f"{text}+00:00")
    for text in ("0002-01-01 00:00", "1999-12-31 23:59:59.999999", "2026-03-29 01:30")
]
VALUES: list[tuple[str, list[Any]]] = [
    ("bool", [True, False, None]),
    ("int2", [0, 1, -1, 32767, -32768, None]),
    ("int4", [0, 1, -1, 255, 256, -256, 2**31 - 1, -(2**31), None]),
    ("int8", [0, 1, -1, 2**32, -(2**32), 2**63 - 1, -(2**63), 2**31, -(2**31) - 1, None]),
    ("float4", [0.5, -1.25, math.inf, 3.4e38, None]),
    ("float8", [0.1, -1e300, math.inf, -math.inf, 5e-324, None]),
    ("text", ["", "a", "naïve", "日本 🎉", "x" * 70_000, None]),
    ("varchar(5)", ["abc", "ééééé", None]),
    ("char(5)", ["ab", None]),
    ("name", ["abc", None]),
    ("bytea", [b"", b"\x00\xff", bytes(range(256)) * 300, None]),
    ("json", ['{"a": [1, null]}', None]),
    ("jsonb", ['{"a": [1, null]}', '"é"', None]),
    ("uuid", [uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-1234-567812345678"), None]),
    ("date", [dt.date(1, 1, 1), dt.date(2000, 2, 29), dt.date(9999, 12, 30), None]),
    ("timestamp", [moment.replace(tzinfo=None) for moment in MOMENTS]),
    ("timestamptz", [*MOMENTS, None]),
]


def uncompiled(module: ModuleType) -> ModuleType:
    """The same module, from its source."""
    path = Path(__file__).parents[4] / "src" / Path(*module.__name__.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(f"{module.__name__}_source", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(params=["compiled", "uncompiled"])
def wire(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wire of the backends that are made now."""
    if request.param == "uncompiled":
        values, wires = uncompiled(_wire_values_cy), uncompiled(_wire_cy)
        wires.encoded, wires.row_of = values.encoded, values.row_of  # type: ignore[attr-defined]
        for name in ("Again", "Lost", "Outdated", "Request", "Statement", "Traffic", "Wire"):
            monkeypatch.setattr(pipelines, name, getattr(wires, name))


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize(("kind", "values"), VALUES, ids=[kind for kind, _ in VALUES])
async def test_values_come_back_as_asyncpg_gives_them(postgres_url: str, kind: str, values: list[Any]) -> None:
    sql = f"SELECT $1::{kind} AS a, 7 AS b, $1::{kind} AS c"
    async with Database(postgres_url, max_size=1) as database:
        plan = Plan(sql, reads=True, returns_rows=True, batches=True)
        for _ in range(3):
            await database.fetch_plan(plan, (None,))
        assert plan.traffic.statement is not None
        async with database.connection() as connection:
            expected = [tuple(await connection.raw_connection.fetchrow(sql, value)) for value in values]
        for value, row in zip(values, expected, strict=True):
            plan.traffic.pace = 0.0
            (found,) = await database.fetch_plan(plan, (value,))
            assert tuple(found) == row
            assert [type(each) for each in found] == [type(each) for each in row]


@pytest.mark.usefixtures("wire")
async def test_errors_are_asyncpgs(postgres_url: str) -> None:
    async with Database(postgres_url, max_size=1) as database:
        plan = Plan("SELECT 1 / $1::int", reads=True, returns_rows=True, batches=True)
        for _ in range(3):
            await database.fetch_plan(plan, (1,))
        with pytest.raises(Exception, match="division by zero") as caught:
            await database.fetch_plan(plan, (0,))
        assert isinstance(caught.value.__cause__, asyncpg.DivisionByZeroError)
        assert caught.value.__cause__.sqlstate == "22012"


@pytest.mark.parametrize("module", [_wire_values_cy, uncompiled(_wire_values_cy)], ids=["compiled", "uncompiled"])
def test_what_is_not_obvious_is_left_to_asyncpg(module: Any) -> None:
    encoded = module.encoded
    for kind, value in [
        (module.INT4, 2**31),
        (module.INT4, True),
        (module.INT4, "1"),
        (module.INT4, 1.0),
        (module.INT2, 32768),
        (module.INT8, 2**63),
        (module.INT8, -(2**63) - 1),
        (module.FLOAT8, 1),
        (module.BOOL, 1),
        (module.TEXT, 1),
        (module.TEXT, "\ud800"),
        (module.BYTES, bytearray(b"x")),
        (module.UUIDS, "12345678-1234-5678-1234-567812345678"),
        (module.DATE, dt.date(2000, 1, 1)),
    ]:
        assert encoded(kind, value) is None
    assert encoded(module.DATE, None) == b"\xff\xff\xff\xff"


@pytest.mark.parametrize("module", [_wire_values_cy, uncompiled(_wire_values_cy)], ids=["compiled", "uncompiled"])
@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"\x00\x01\x00\x00\x00\x04\x00\x00\x00\x01",
        b"\x00\x02\x00\x00\x00\x04\x00\x00\x00\x01",
        b"\x00\x02\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x09short",
        b"\x00\x02\x00\x00\x00\x03\x00\x00\x01\x00\x00\x00\x01a",
        b"\x00\x02\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x01\xff",
    ],
)
def test_rows_that_are_no_rows_are_refused(module: Any, message: bytes) -> None:
    with pytest.raises(ValueError, match=r"row|column|bytes|decode"):
        module.row_of(bytes([module.INT4, module.TEXT]), message, 0, len(message))
