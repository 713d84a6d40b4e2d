"""What each database function gives: one row, one expression, one value, the same on every database."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything

from vivace.databases import Database
from vivace.orm import F, Value, functions, models

pytestmark = pytest.mark.anyio

TITLE = " Größe 7 "
NOTHING = Value(None, models.TextField())


@pytest.fixture
async def book(database: Database) -> Database:
    author = await Author.objects.create(name="Ann", age=-41)
    await Book.objects.create(
        title=TITLE,
        subtitle=None,
        pages=300,
        price=Decimal("20.50"),
        published=dt.date(2024, 2, 29),
        author=author,
    )
    return database


TEXTS: list[tuple[Any, Any]] = [
    (functions.Lower(Value("ABC")), "abc"),
    (functions.Upper(Value("abc")), "ABC"),
    (functions.Length("title"), len(TITLE)),
    (functions.Length("subtitle"), None),
    (functions.Trim("title"), TITLE.strip()),
    (functions.LTrim("title"), TITLE.lstrip()),
    (functions.RTrim("title"), TITLE.rstrip()),
    (functions.Reverse("title"), TITLE[::-1]),
    (functions.Reverse("subtitle"), None),
    (functions.Chr(Value(8364)), "€"),
    (functions.Chr(Value(65)), "A"),
    (functions.Ord(Value("A")), 65),
    (functions.Ord(Value("€")), 8364),
    (functions.Concat("title", Value("-"), "subtitle", "pages"), f"{TITLE}-300"),
    (functions.ConcatPair(Value("a"), Value("b")), "ab"),
    (functions.Left("title", 4), TITLE[:4]),
    (functions.Right("title", 4), TITLE[-4:]),
    (functions.Left("title", F("author__age") + 43), TITLE[:2]),
    (functions.LPad(Value("abc"), 5), "  abc"),
    (functions.LPad(Value("abc"), 8, Value("xy")), "xyxyxabc"),
    (functions.LPad(Value("abc"), 2, Value("x")), "ab"),
    (functions.LPad("subtitle", 8, Value("xy")), None),
    (functions.RPad(Value("äbc"), 8, Value("xy")), "äbcxyxyx"),
    (functions.RPad(Value("abc"), 2), "ab"),
    (functions.Repeat(Value("äb"), 3), "äbäbäb"),
    (functions.Repeat(Value("ab"), 0), ""),
    (functions.Replace("title", Value("ö"), Value("oe")), " Groeße 7 "),
    (functions.Replace("title", Value(" ")), "Größe7"),
    (functions.StrIndex("title", Value("ß")), 5),
    (functions.StrIndex("title", Value("Q")), 0),
    (functions.Substr("title", 2, 3), "Grö"),
    (functions.Substr("title", 3), TITLE[2:]),
    (functions.MD5("title"), hashlib.md5(TITLE.encode()).hexdigest()),
    (functions.SHA224("title"), hashlib.sha224(TITLE.encode()).hexdigest()),
    (functions.SHA256("title"), hashlib.sha256(TITLE.encode()).hexdigest()),
    (functions.SHA384("title"), hashlib.sha384(TITLE.encode()).hexdigest()),
    (functions.SHA512("title"), hashlib.sha512(TITLE.encode()).hexdigest()),
    (functions.SHA512("subtitle"), None),
]
NUMBERS: list[tuple[Any, Any]] = [
    (functions.Abs("author__age"), 41),
    (functions.Abs(Value(Decimal("-1.5"))), Decimal("1.5")),
    (functions.Ceil("price"), Decimal(21)),
    (functions.Floor("price"), Decimal(20)),
    (functions.Floor(Value(-0.5)), -1.0),
    (functions.Sign("author__age"), -1),
    (functions.ACos(Value(0.5)), math.acos(0.5)),
    (functions.ASin(Value(0.5)), math.asin(0.5)),
    (functions.ATan("pages"), math.atan(300)),
    (functions.ATan2(Value(1.5), "pages"), math.atan2(1.5, 300)),
    (functions.Cos("pages"), math.cos(300)),
    (functions.Cot(Value(0.5)), 1 / math.tan(0.5)),
    (functions.Degrees(Value(1.5)), math.degrees(1.5)),
    (functions.Exp(Value(1.5)), math.exp(1.5)),
    (functions.Ln("pages"), math.log(300)),
    (functions.Log(Value(2), Value(8)), 3.0),
    (functions.Log(Value(2.0), Value(8.0)), 3.0),
    (functions.Mod("pages", Value(7)), 6.0),
    (functions.Mod("price", Value(7)), Decimal("6.5")),
    (functions.Pi(), math.pi),
    (functions.Power("pages", Value(2)), 90000.0),
    (functions.Radians(Value(90.0)), math.pi / 2),
    (functions.Round(Value(2.567)), 3.0),
    (functions.Round(Value(2.567), 2), 2.57),
    (functions.Round("price"), Decimal(21)),
    (functions.Sin("pages"), math.sin(300)),
    (functions.Sqrt(Value(2.25)), 1.5),
    (functions.Tan("pages"), math.tan(300)),
]
COMPARISONS: list[tuple[Any, Any]] = [
    (functions.Coalesce("subtitle", Value("none")), "none"),
    (functions.Coalesce("subtitle", "title"), TITLE),
    (functions.Coalesce("price", Value(0)), Decimal("20.5")),
    (functions.NullIf("pages", Value(300)), None),
    (functions.NullIf("pages", Value(1)), 300),
    (functions.Greatest("pages", "author__age", Value(7)), 300),
    (functions.Least("pages", "author__age", Value(7)), -41),
    (functions.Cast("pages", models.TextField()), "300"),
    (functions.Cast(Value("12"), models.IntegerField()), 12),
    (functions.Cast("pages", models.FloatField()), 300.0),
    (functions.Cast(Value("1.25"), models.DecimalField(max_digits=5, decimal_places=2)), Decimal("1.25")),
    (functions.Cast(Value("2024-02-29"), models.DateField()), dt.date(2024, 2, 29)),
    (
        functions.Cast(Value("2024-02-29 10:11:12"), models.DateTimeField()),
        dt.datetime(2024, 2, 29, 10, 11, 12, tzinfo=dt.UTC),
    ),
    (functions.Cast(Value("10:11:12"), models.TimeField()), dt.time(10, 11, 12)),
    (functions.Cast("published", models.DateTimeField()), dt.datetime(2024, 2, 29, tzinfo=dt.UTC)),
    (functions.Cast(Value("1"), models.BooleanField()), True),
    (functions.Cast(Value(uuid.UUID(int=5)), models.UUIDField()), uuid.UUID(int=5)),
]


def _same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float):
        return type(found) is float and math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    return found == expected and isinstance(found, type(expected))


async def _check(table: list[tuple[Any, Any]]) -> None:
    wrong = []
    for expression, expected in table:
        (found,) = await Book.objects.values_list(expression, flat=True)
        if not _same(found, expected):
            wrong.append((expression, found, expected))
    assert wrong == []


async def test_functions_of_texts(book: Database) -> None:
    await _check(TEXTS)


async def test_functions_of_numbers(book: Database) -> None:
    await _check(NUMBERS)


async def test_functions_that_compare_and_convert(book: Database) -> None:
    await _check(COMPARISONS)


async def test_functions_serve_in_filters_orders_and_updates(book: Database) -> None:
    assert await Book.objects.alias(n=functions.Length("title")).filter(n__gt=5, n__lt=100).count() == 1
    assert await Book.objects.order_by(functions.Lower("title").desc()).count() == 1
    await Book.objects.update(title=functions.Upper(functions.Substr("title", 1, 3)))
    assert (await Book.objects.get()).title == " GR"


async def test_random_is_another_number_for_each_row_and_now_is_now(book: Database) -> None:
    author = await Author.objects.get()
    await Book.objects.create(title="b", author=author)
    found = await Book.objects.values_list(functions.Random(), functions.Now())
    assert len({number for number, _ in found}) == 2
    assert all(0 <= number < 1 for number, _ in found)
    assert all(abs(moment - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=2) for _, moment in found)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: functions.Concat("title"), "at least two"),
        (lambda: functions.Coalesce("title"), "at least two"),
        (lambda: functions.Greatest("title"), "Greatest must take at least two"),
        (lambda: functions.Left("title", 0), "greater than 0"),
        (lambda: functions.Substr("title", 0), "greater than 0"),
        (lambda: functions.LPad("title", -1), "greater or equal to 0"),
        (lambda: functions.Repeat("title", -1), "greater or equal to 0"),
        (lambda: functions.Collate("title", 'C"; DROP'), "Invalid collation name"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_functions_with_the_wrong_number_of_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="'Lower' takes exactly 1 argument"):
        functions.Lower("title", "subtitle")
    with pytest.raises(TypeError, match="'Power' takes exactly 2 arguments"):
        functions.Power("title")


async def test_json_is_made_of_values_and_keeps_truth_and_nesting(database: Database) -> None:
    await Everything.objects.create(json={"a": [1]}, maybe=None)
    made = functions.JSONObject(
        text="slug",
        number=F("integer") + 1,
        json="json",
        yes="boolean",
        none="maybe",
        inner=functions.JSONArray("small", Value("x"), functions.JSONObject(**{"it's \" --": Value(False)})),
    )
    (found,) = await Everything.objects.values_list(made, flat=True)
    assert found == {
        "text": "a-b",
        "number": 2,
        "json": {"a": [1]},
        "yes": True,
        "none": None,
        "inner": [-3, "x", {"it's \" --": False}],
    }
    assert await Everything.objects.values_list(functions.JSONArray(), flat=True) == [[]]
    assert await Everything.objects.values_list(functions.JSONObject(), flat=True) == [{}]


async def test_uuids_are_made_by_the_database(database: Database) -> None:
    for _ in range(3):
        await Everything.objects.create()
    for version, function in ((4, functions.UUID4), (7, functions.UUID7)):
        found = await Everything.objects.values_list(function(), flat=True)
        assert len(set(found)) == 3
        assert {each.version for each in found} == {version}
        assert {each.variant for each in found} == {uuid.RFC_4122}
    (stamp, *_) = [each.int >> 80 for each in found]
    assert abs(stamp / 1000 - dt.datetime.now(dt.UTC).timestamp()) < 120
    assert await Everything.objects.update(key=functions.UUID7()) == 3
    assert {each.key.version for each in await Everything.objects.all()} == {7}


async def test_rounding_before_the_point(book: Database) -> None:
    rows = Book.objects.values_list(functions.Round("price", precision=-1), flat=True)
    if book.dialect.name == "sqlite":
        with pytest.raises(ValueError, match="does not support negative precision"):
            await rows
    else:
        assert await rows == [Decimal(20)]
