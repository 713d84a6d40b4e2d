"""`into=` makes typed objects of rows, alike on every database."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from vivace.databases import Database
from vivace.databases.errors import DataError, InterfaceError
from vivace.databases.records import shape_of
from vivace.databases.typed import decoder_of
from vivace.databases.typed.row_types import _MAX_DECODERS

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:Dialect sqlite.* does \\*not\\* support Decimal:sqlalchemy.exc.SAWarning"),
]

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Tag(msgspec.Struct):
    name: str
    weight: float = 1.0


class Thing(msgspec.Struct):
    id: int
    name: str
    price: decimal.Decimal
    weight: float
    made: dt.datetime
    day: dt.date
    hour: dt.time
    key: uuid.UUID
    colour: Colour
    size: Size
    done: bool
    tag: Tag
    tags: list[Tag]
    extra: dict[str, Any]
    blob: bytes
    note: str | None = None


THING = Thing(
    id=1,
    name="Lamp",
    price=decimal.Decimal("12.50"),
    weight=1.5,
    made=dt.datetime(2026, 1, 2, 3, 4, 5, 678),  # noqa: DTZ001 (as columns without a time zone have it)
    day=dt.date(2026, 1, 2),
    hour=dt.time(3, 4, 5),
    key=uuid.UUID(int=7),
    colour=Colour.BLUE,
    size=Size.LARGE,
    done=True,
    tag=Tag("a", 0.5),
    tags=[Tag("b"), Tag("c", 2)],
    extra={"x": [1, None, "ü"]},
    blob=b"\x00\xff",
)

things = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(100)),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("weight", sa.Double),
    sa.Column("made", sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")),
    sa.Column("day", sa.Date),
    sa.Column("hour", sa.Time),
    sa.Column("key", sa.Uuid),
    sa.Column("colour", sa.Enum(Colour, native_enum=False, values_callable=lambda kind: [m.value for m in kind])),
    sa.Column("size", sa.Integer),
    sa.Column("done", sa.Boolean),
    sa.Column("tag", sa.JSON),
    sa.Column("tags", sa.JSON),
    sa.Column("extra", sa.JSON),
    sa.Column("blob", sa.LargeBinary),
    sa.Column("note", sa.String(100)),
)


@pytest.fixture
async def stored(database: Database) -> Database:
    await database.execute(sa.schema.CreateTable(things))
    values = {name: getattr(THING, name) for name in Thing.__struct_fields__}
    values |= {name: msgspec.to_builtins(values[name]) for name in ("size", "tag", "tags")}
    await database.execute(things.insert(), values)
    return database


async def test_raw_rows_and_core_rows_become_the_same_struct(stored: Database) -> None:
    assert await stored.fetch_all("SELECT * FROM things", into=Thing) == [THING]
    assert await stored.fetch_one("SELECT * FROM things", into=Thing) == THING
    assert await stored.fetch_all(things.select(), into=Thing) == [THING]
    assert [thing async for thing in stored.iterate("SELECT * FROM things", into=Thing)] == [THING]
    async with stored.connection() as connection:
        assert await connection.fetch_one(things.select(), into=Thing) == THING
    assert await stored.fetch_one("SELECT * FROM things WHERE id = 2", into=Thing) is None
    assert await stored.fetch_all("SELECT * FROM things WHERE id = 2", into=Thing) == []


@dataclass
class Named:
    id: int
    title: str = field(metadata={"alias": "name"})
    price: float = 0.0
    done: bool | None = None
    nothing: int = 7
    computed: int = field(default=1, init=False)


class NamedTyped(TypedDict):
    id: int
    done: bool
    nothing: NotRequired[str]


class NamedRow(NamedTuple):
    id: int
    key: uuid.UUID
    nothing: str = "none"


class Parts(pydantic.BaseModel):
    id: int
    title: str = pydantic.Field(alias="name")
    made: dt.datetime
    key: uuid.UUID
    tag: dict[str, Any]
    tags: list[dict[str, Any]] | None
    done: bool


async def test_dataclasses_dicts_and_tuples(stored: Database) -> None:
    assert await stored.fetch_one("SELECT * FROM things", into=Named) == Named(1, "Lamp", 12.5, True)
    typed = await stored.fetch_one("SELECT * FROM things", into=NamedTyped)
    assert typed == {"id": 1, "done": True}
    assert await stored.fetch_one("SELECT * FROM things", into=NamedRow) == NamedRow(1, THING.key)
    assert await stored.fetch_all("SELECT id, name FROM things", into=dict) == [{"id": 1, "name": "Lamp"}]
    assert await stored.fetch_all("SELECT id, size FROM things", into=dict[str, int]) == [{"id": 1, "size": 2}]
    assert await stored.fetch_one("SELECT id, day FROM things", into=tuple[int, dt.date]) == (1, THING.day)
    assert await stored.fetch_one("SELECT id, size FROM things", into=tuple[int, ...]) == (1, 2)


async def test_pydantic_models(stored: Database) -> None:
    parts = await stored.fetch_one("SELECT * FROM things", into=Parts)
    assert parts is not None
    assert (parts.title, parts.made, parts.key, parts.done) == ("Lamp", THING.made, THING.key, True)
    assert parts.tag == {"name": "a", "weight": 0.5}
    assert parts.tags == msgspec.to_builtins(THING.tags)


async def test_one_column_becomes_its_type(stored: Database) -> None:
    assert await stored.fetch_all("SELECT id FROM things", into=int) == [1]
    assert await stored.fetch_one("SELECT made FROM things", into=dt.datetime) == THING.made
    assert await stored.fetch_one("SELECT tags FROM things", into=list[Tag]) == THING.tags
    assert await stored.fetch_all("SELECT note FROM things", into=str | None) == [None]
    assert await stored.fetch_one("SELECT sum(size) FROM things", into=int) == 2
    with pytest.raises(InterfaceError, match=r"into=int is for rows of 1 column; these have: id, name"):
        await stored.fetch_all("SELECT id, name FROM things", into=int)


class Camel(msgspec.Struct, rename="camel", kw_only=True, frozen=True):
    first_name: str
    last_name: str = "?"


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    id: int


class Middle(msgspec.Struct):
    a: int
    b: int = 2
    c: int = 3


class Pair(msgspec.Struct, Generic[T]):
    a: T
    b: T


class Limited(msgspec.Struct):
    a: Annotated[int, msgspec.Meta(ge=0)]


class Moment(msgspec.Struct):
    at: Annotated[dt.datetime, msgspec.Meta(tz=True)]


def rows_of(into: type[T], *rows: tuple[Any, ...], names: str = "a b c") -> list[T]:
    made: list[T] = decoder_of(shape_of(tuple(names.split()[: len(rows[0])])), into).rows(rows)
    return made


def test_columns_may_have_the_name_in_json_or_the_fields_own() -> None:
    assert rows_of(Camel, ("A", "B"), names="first_name lastName") == [Camel(first_name="A", last_name="B")]
    assert rows_of(Camel, ("A",), names="firstName") == [Camel(first_name="A")]


def test_fields_without_a_column_keep_their_default() -> None:
    assert rows_of(Middle, (1, 5), names="a c") == [Middle(1, 2, 5)]
    assert rows_of(Middle, (1, 5), names="c a") == [Middle(5, 2, 1)]
    assert rows_of(Middle, (1, 8, 9), names="a other other") == [Middle(1)]


def test_generic_structs_know_their_parameter() -> None:
    assert rows_of(Pair[bool], (0, 1)) == [Pair(False, True)]


def test_constraints_and_time_zones_of_msgspec() -> None:
    assert rows_of(Limited, (1,)) == [Limited(1)]
    with pytest.raises(DataError, match=r"Row 2: the column 'a' .* Limited.a, an int: Expected `int` >= 0"):
        rows_of(Limited, (1,), (-1,))
    at = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert rows_of(Moment, ("2026-01-02 00:00:00",), (at,), names="at") == [Moment(at)] * 2


def test_a_missing_column_is_named_with_what_exists() -> None:
    with pytest.raises(InterfaceError, match=r"Middle needs a column for 'a'.* Did you mean \"aa\".*Columns: aa, b"):
        rows_of(Middle, (1, 2), names="aa b")
    with pytest.raises(InterfaceError, match="Strict forbids unknown fields, and the rows have a column 'name'"):
        rows_of(Strict, (1, "x"), names="id name")
    with pytest.raises(InterfaceError, match="Parts needs a column for 'id'"):
        rows_of(Parts, (1,))


def test_null_where_none_is_expected_names_column_and_row() -> None:
    with pytest.raises(DataError, match=r"Row 3: the column 'a' is NULL, but Middle.a is int. Make it int | None"):
        rows_of(Middle, (1,), (2,), (None,))
    decoder = decoder_of(shape_of(("a",)), Middle)
    with pytest.raises(DataError, match="Row 502"):
        decoder.rows([(1,), (None,)], 501)


def test_what_a_field_cannot_take_is_refused_without_showing_it() -> None:
    with pytest.raises(DataError) as caught:
        rows_of(Middle, ("secret",))
    assert str(caught.value) == "Row 1: the column 'a' has a str, which cannot become Middle.a, an int"
    assert caught.value.__cause__ is None
    with pytest.raises(DataError, match=r"Row 1: it is no Parts: id: .*integer") as caught:
        rows_of(Parts, ("secret", "", "2026-01-01", THING.key, "{}", None, 1), names="id name made key tag tags done")
    assert "secret" not in str(caught.value)


CONVERTED: list[tuple[Any, Any, Any]] = [
    (bool, 1, True),
    (bool, 0, False),
    (int, decimal.Decimal(6), 6),
    (int, 6.0, 6),
    (float, decimal.Decimal("1.5"), 1.5),
    (float, 2, 2.0),
    (decimal.Decimal, "1.50", decimal.Decimal("1.50")),
    (decimal.Decimal, 0.1, decimal.Decimal("0.1")),
    (dt.date, "2026-01-02", dt.date(2026, 1, 2)),
    (dt.time, dt.timedelta(hours=3), dt.time(3)),
    (dt.time, "03:04:05.000006", dt.time(3, 4, 5, 6)),
    (dt.timedelta, 1_500_000, dt.timedelta(seconds=1.5)),
    (dt.timedelta, "1970-01-01 00:00:05.000000", dt.timedelta(seconds=5)),
    (uuid.UUID, "00000000000000000000000000000007", uuid.UUID(int=7)),
    (uuid.UUID, bytes(15) + b"\x07", uuid.UUID(int=7)),
    (bytes, memoryview(b"a"), b"a"),
    (bytearray, b"a", bytearray(b"a")),
    (Colour, "red", Colour.RED),
    (Colour, "RED", Colour.RED),
    (Colour, Colour.RED, Colour.RED),
    (Size, 2, Size.LARGE),
    (Size, decimal.Decimal(2), Size.LARGE),
    (Tag, '{"name": "a"}', Tag("a")),
    (Tag, {"name": "a"}, Tag("a")),
    (Tag, Tag("a"), Tag("a")),
    (list[int], "[1, 2]", [1, 2]),
    (list[uuid.UUID], [uuid.UUID(int=7)], [uuid.UUID(int=7)]),
    (list[Colour], ["red"], [Colour.RED]),
    (set[str], '["a"]', {"a"}),
    (Literal["a", "b"], "a", "a"),
    (ipaddress.IPv4Address, "127.0.0.1", ipaddress.IPv4Address("127.0.0.1")),
    (int | str, "x", "x"),
    (int | None, None, None),
    (bool | dt.date, "2026-01-02", dt.date(2026, 1, 2)),
    (list[Parts], "[]", []),
    (Any, "x", "x"),
]


@pytest.mark.parametrize(("into", "raw", "value"), CONVERTED)
def test_forms_of_all_drivers_become_the_value(into: Any, raw: Any, value: Any) -> None:
    (found,) = rows_of(tuple[into], (raw,))[0]
    assert found == value
    assert type(found) is type(value)


REFUSED: list[tuple[Any, Any, str]] = [
    (bool, 2, "only 0 and 1"),
    (bool, "true", "a bool"),
    (int, 1.5, "has a fraction"),
    (int, decimal.Decimal("NaN"), "not finite"),
    (int, float("inf"), "not finite"),
    (int, True, "an int"),
    (int, "1", "an int"),
    (float, "1", "a float"),
    (str, 1, "a str"),
    (str, uuid.UUID(int=1), "a UUID, which cannot become a str"),
    (bytes, "a", "a bytes"),
    (decimal.Decimal, "x", "no number"),
    (decimal.Decimal, b"x", "a Decimal"),
    (dt.datetime, "yesterday", "no date and time of ISO 8601"),
    (dt.datetime, 5, "a datetime"),
    (dt.date, "2026-01-02 00:00:00", "no date of ISO 8601"),
    (dt.date, dt.datetime(2026, 1, 2), "a date"),  # noqa: DTZ001
    (dt.time, "25:00", "no time of ISO 8601"),
    (dt.time, dt.timedelta(hours=25), "within one day"),
    (dt.time, 3, "a time"),
    (dt.timedelta, 1.5, "a timedelta"),
    (uuid.UUID, "x", "no UUID"),
    (uuid.UUID, 5, "a UUID"),
    (Colour, "green", "no value of Colour"),
    (Tag, "no json", "not JSON"),
    (Tag, '{"name": 1}', r"in its JSON: Expected `str`, got `int` - at `\$.name`"),
    (list[Colour], '["green"]', r"no value of the enumeration - at `\$\[0\]`"),
    (Literal["a"], "c", "no value of the enumeration"),
    (ipaddress.IPv4Address, "x", "no IPv4Address"),
    (ipaddress.IPv4Address, 5, "an IPv4Address"),
    (int | dt.date, "x", "cannot become"),
    (None, 5, "only NULL"),
    (Database, "x", "a Database"),
]


@pytest.mark.parametrize(("into", "raw", "message"), REFUSED)
def test_what_would_be_a_guess_is_refused(into: Any, raw: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows_of(tuple[into], (raw,))


def test_types_that_rows_cannot_become_are_refused_with_their_name() -> None:
    for into in (dict[int, int], 5, "Thing"):
        with pytest.raises(InterfaceError, match="into="):
            rows_of(into, (1,))  # type: ignore[arg-type]


def test_decoders_are_kept_and_do_not_grow_for_ever() -> None:
    shape = shape_of(("a", "kept"))
    assert decoder_of(shape, Middle) is decoder_of(shape, Middle)
    for number in range(_MAX_DECODERS + 5):
        decoder_of(shape, msgspec.defstruct(f"Made{number}", [("a", int)]))
    assert len(shape.decoders) <= _MAX_DECODERS


async def test_arrays_of_postgresql(postgres: Database) -> None:
    class Arrays(msgspec.Struct):
        numbers: list[int]
        keys: tuple[uuid.UUID, ...]
        moments: list[dt.datetime]
        pair: Tag
        pairs: list[Tag]
        nothing: list[int] | None

    await postgres.execute("CREATE TYPE tagged AS (name text, weight float8)")
    row = await postgres.fetch_one(
        "SELECT ARRAY[1, 2] AS numbers, ARRAY[gen_random_uuid()] AS keys, ARRAY[now()] AS moments, "
        "ROW('a', 0.5)::tagged AS pair, ARRAY[ROW('b', 1)::tagged] AS pairs, NULL::int[] AS nothing",
        into=Arrays,
    )
    assert row is not None
    assert (row.numbers, row.pair, row.pairs, row.nothing) == ([1, 2], Tag("a", 0.5), [Tag("b")], None)
    assert isinstance(row.keys[0], uuid.UUID)
