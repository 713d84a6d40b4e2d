"""Arrays, ranges, PostgreSQL's indexes and exclusion constraints."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.databases.errors import NotSupportedError
from vivace.orm import F, Q, functions, models
from vivace.orm.exceptions import IntegrityError, ModelDefinitionError
from vivace.orm.postgresql import (
    ArrayField,
    BigIntegerRangeField,
    BloomIndex,
    BrinIndex,
    BTreeIndex,
    DateRangeField,
    DateTimeRangeField,
    DecimalRangeField,
    ExclusionConstraint,
    GinIndex,
    GistIndex,
    HashIndex,
    IntegerRangeField,
    OpClass,
    Range,
    RangeOperators,
    SpGistIndex,
)
from vivace.orm.schema import creation
from vivace.utils.exceptions import NON_FIELD_ERRORS, ValidationError

pytestmark = pytest.mark.anyio


class Stay(models.Model):
    tags = ArrayField(models.CharField(max_length=10), size=3, default=list, blank=True)
    grid = ArrayField(ArrayField(models.IntegerField()), null=True, blank=True)
    moments = ArrayField(models.DateTimeField(), default=list, blank=True)
    pages = IntegerRangeField(null=True, blank=True)
    big = BigIntegerRangeField(null=True, blank=True)
    prices = DecimalRangeField(null=True, blank=True, default_bounds="[]")
    days = DateRangeField(null=True, blank=True)
    during = DateTimeRangeField(null=True, blank=True)
    room = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        app_label = "stays"
        indexes = [
            GinIndex(fields=["tags"], name="stay_tags", fastupdate=False),
            GistIndex(fields=["pages"], name="stay_pages", fillfactor=50),
            SpGistIndex(fields=["days"], name="stay_days"),
            BrinIndex(fields=["id"], name="stay_brin", autosummarize=True, pages_per_range=4),
            HashIndex(fields=["room"], name="stay_hash"),
            BTreeIndex(fields=["room"], name="stay_btree", deduplicate_items=True),
            GistIndex(OpClass(F("pages"), name="range_ops"), name="stay_op"),
        ]
        constraints = [
            ExclusionConstraint(
                name="stay_overlap",
                expressions=[("during", RangeOperators.OVERLAPS)],
                condition=Q(room="10.0.0.1"),
                violation_error_code="overlap",
            ),
        ]


@pytest.fixture
async def tables(postgresql: Database) -> AsyncIterator[Database]:
    async with tables_of(postgresql, Stay):
        yield postgresql


MOMENT = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)


async def test_values_come_back_as_they_were(tables: Database) -> None:
    values: dict[str, Any] = {
        "tags": ["a", 'b"\\,{}', "é"],
        "grid": [[1, 2], [3, 4]],
        "moments": [MOMENT],
        "pages": Range(1, 5),
        "big": Range(None, 2**40),
        "prices": Range(Decimal("1.50"), Decimal("2.5"), "(]"),
        "days": Range(dt.date(2026, 1, 1), None),
        "during": Range(empty=True),
        "room": "2001:db8::1",
    }
    stay = await Stay.objects.create(**values)
    found = await Stay.objects.get(pk=stay.pk)
    assert {name: getattr(found, name) for name in values} == values
    assert not found.during
    await Stay.objects.bulk_create([Stay(**values, id=100), Stay(id=101)])
    assert (await Stay.objects.get(pk=100)).tags == values["tags"]
    empty = await Stay.objects.get(pk=101)
    assert empty.tags == []
    assert [empty.grid, empty.pages] == [None, None]
    empty.tags.append("new")
    await empty.save()
    assert (await Stay.objects.get(pk=101)).tags == ["new"]


async def keys(**lookups: Any) -> list[int]:
    return [stay.pk async for stay in Stay.objects.filter(**lookups).order_by("pk")]


async def test_lookups_of_arrays(tables: Database) -> None:
    await Stay.objects.bulk_create(
        [
            Stay(id=1, tags=["a", "b"], grid=[[1, 2], [3, 4]], moments=[MOMENT]),
            Stay(id=2, tags=["b", "c"]),
            Stay(id=3, tags=[]),
        ]
    )
    assert await keys(tags__contains=["b"]) == [1, 2]
    assert await keys(tags__contained_by=["a", "b", "x"]) == [1, 3]
    assert await keys(tags__overlap=["c", "a"]) == [1, 2]
    assert await keys(tags__len=2) == [1, 2]
    assert await keys(tags__len__lt=1) == [3]
    assert await keys(tags=["a", "b"]) == [1]
    assert await keys(tags__in=[["a", "b"], [], ['"x', "y,z"]]) == [1, 3]
    assert await keys(tags__0="b") == [2]
    assert await keys(tags__1__in=["b", "c"]) == [1, 2]
    assert await keys(tags__0__startswith="a") == [1]
    assert await keys(tags__0_1=["a"]) == [1]
    assert await keys(tags__0_2__contains=["c"]) == [2]
    assert await keys(grid__1__1=4) == [1]
    assert await keys(grid__0__1__gt=2) == []
    assert await keys(moments__contains=[MOMENT]) == [1]
    assert await keys(tags__contains=F("tags")) == [1, 2, 3]
    with pytest.raises(TypeError, match="expected a list"):
        await keys(tags__contains="b")


async def test_lookups_of_ranges(tables: Database) -> None:
    await Stay.objects.bulk_create(
        [
            Stay(id=1, pages=Range(1, 5), days=Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1))),
            Stay(id=2, pages=(5, 9), prices=(Decimal(1), Decimal(2)), during=Range(None, MOMENT)),
            Stay(id=3, pages=Range(empty=True)),
            Stay(id=4),
        ]
    )
    assert await keys(pages__contains=4) == [1]
    assert await keys(pages__contains=Range(6, 8)) == [2]
    assert await keys(pages__contained_by=(0, 6)) == [1, 3]
    assert await keys(pages__overlap=Range(4, 6)) == [1, 2]
    assert await keys(pages__fully_lt=(5, 6)) == [1]
    assert await keys(pages__fully_gt=(1, 5)) == [2]
    assert await keys(pages__not_lt=(5, 9)) == [2]
    assert await keys(pages__not_gt=(1, 5)) == [1]
    assert await keys(pages__adjacent_to=(9, 10)) == [2]
    assert await keys(pages__startswith=5) == [2]
    assert await keys(pages__endswith__lte=5) == [1]
    assert await keys(pages__isempty=True) == [3]
    assert await keys(pages__lower_inc=True) == [1, 2]
    assert await keys(during__lower_inf=True) == [2]
    assert await keys(prices__upper_inc=True) == [2]
    assert await keys(during__upper_inf=True) == []
    assert await keys(days__contains=dt.date(2026, 1, 31)) == [1]
    assert await keys(during__contains=MOMENT - dt.timedelta(1)) == [2]
    assert await keys(prices__contains=Decimal("1.5")) == [2]


async def test_exclusion_is_kept_and_checked(tables: Database) -> None:
    def stay(first: int, last: int, room: str = "10.0.0.1") -> Stay:
        return Stay(room=room, during=Range(MOMENT + dt.timedelta(first), MOMENT + dt.timedelta(last)))

    await stay(0, 2).save()
    await stay(0, 2, "10.0.0.2").save()
    await stay(2, 3).full_clean()
    with pytest.raises(ValidationError) as caught:
        await stay(1, 3).full_clean()
    assert [error.code for error in caught.value.error_dict[NON_FIELD_ERRORS]] == ["overlap"]
    with pytest.raises(IntegrityError):
        await stay(1, 3).save()
    await stay(1, 3, "10.0.0.2").full_clean()


def test_validation_of_arrays_names_the_item() -> None:
    field = ArrayField(models.IntegerField(validators=[]), size=2)
    assert field.clean(["1", 2]) == [1, 2]
    with pytest.raises(ValidationError) as caught:
        field.clean([1, "x"])
    assert caught.value.messages == ["Item 2 in the array did not validate: “x” value must be an integer."]
    with pytest.raises(ValidationError, match="at most 2"):
        field.clean([1, 2, 3])
    with pytest.raises(ValidationError, match="is not a list"):
        field.clean("1,2")
    with pytest.raises(ValidationError, match="same length"):
        ArrayField(ArrayField(models.IntegerField())).clean([[1], [2, 3]])


def test_validation_of_ranges() -> None:
    field = IntegerRangeField()
    assert field.clean(["1", "3"]) == Range(1, 3)
    with pytest.raises(ValidationError, match="must not exceed"):
        field.clean((3, 1))
    with pytest.raises(ValidationError, match="is not a range"):
        field.clean("1-3")
    assert (2 in Range(1, 3), 3 in Range(1, 3), 3 in Range(1, 3, "[]"), 1 in Range(empty=True)) == (
        True,
        False,
        True,
        False,
    )
    assert (str(Range(1, None)), str(Range(empty=True))) == ("[1, )", "empty")
    assert (Range(1, 2).lower_inc, Range(1, 2).upper_inc, Range(None, 2).lower_inf, Range(1).upper_inf) == (
        True,
        False,
        True,
        True,
    )
    with pytest.raises(ValueError, match="bounds is one of"):
        Range(1, 2, "<>")


async def test_other_databases_say_that_they_have_none(sqlite: Database) -> None:
    with pytest.raises(NotSupportedError, match="PostgreSQL's"):
        creation([Stay], sqlite.dialect)


wrong: Any = models
MISTAKES: list[tuple[Any, str]] = [
    (lambda: ArrayField(3), "takes a field"),  # type: ignore[arg-type]
    (lambda: ArrayField(wrong.ForeignKey(Stay, wrong.CASCADE)), "related field"),
    (lambda: ArrayField(wrong.IntegerField(default=1)), "no default"),
    (lambda: ArrayField(wrong.IntegerField(), size=0), "at least one"),
    (lambda: IntegerRangeField(default_bounds="[]"), "always"),
    (lambda: DecimalRangeField(default_bounds="<>"), "default_bounds must be"),
    (lambda: ExclusionConstraint(name="x", expressions=[]), "At least one expression"),
    (lambda: ExclusionConstraint(name="x", expressions=[("a", "; DROP")]), "no operator"),
    (lambda: ExclusionConstraint(name="x", expressions=[("a", "=")], index_type="gin"), "only support"),
    (lambda: ExclusionConstraint(name="x", expressions=[("a",)]), "2-tuples"),  # type: ignore[list-item]
    (lambda: GinIndex(fields=["a"], name="x", gin_pending_list_limit="1); DROP"), "is a number"),  # type: ignore[arg-type]
    (lambda: BrinIndex(fields=["a"], pages_per_range=0), "positive"),
    (lambda: BloomIndex(fields=["a"], name="x", length=0), "from 1 to 4096"),
    (lambda: BloomIndex(fields=["a"], name="x", columns=[5000]), "from 1 to 4095"),
    (lambda: BloomIndex(fields=["a"], name="x", columns=[1, 2]), "no more columns"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_mistakes_are_told(make: Any, message: str) -> None:
    with pytest.raises(ModelDefinitionError, match=message):
        make()


def test_kinds_of_indexes_say_their_parameters() -> None:
    assert BloomIndex(fields=["a"], name="x", length=80, columns=[4]).parameters() == {"length": 80, "col1": 4}
    assert GinIndex(fields=["a"], name="x", fastupdate=False).parameters() == {"fastupdate": "off"}
    assert GinIndex(functions.Lower("a"), name="x").contains_expressions
