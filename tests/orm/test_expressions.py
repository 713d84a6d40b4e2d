"""Expressions on real databases: what users make themselves, arithmetic, conditions as values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any, cast

import pytest
from tests.orm.library import Author, Book, Everything

from vivace.databases import Database
from vivace.orm import Case, Exists, F, OuterRef, Q, Subquery, Value, When, models
from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.base import Bare, Expression
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.functions import Coalesce
from vivace.orm.models import ExpressionWrapper, RawSQL

pytestmark = pytest.mark.anyio


class Between(Expression):
    """An expression as anybody may write one: two parts of the type of the first."""

    output_field = models.BooleanField()

    def __init__(self, expression: Any, low: Any, high: Any, *, negated: bool = False) -> None:
        self.expression, self.low, self.high, self.negated = F(expression), Bare(low), Bare(high), negated

    def get_source_expressions(self) -> Sequence[Any]:
        return [self.expression, self.low, self.high]

    def static_options(self) -> Hashable:
        return self.negated

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        left = context.build(children[0])
        low, high = (context.bind(child, left.field) for child in children[1:])
        clause = left.element.between(low, high)
        return context.operand(~clause if static else clause, cls.output_field, [left])


@pytest.fixture
async def books(database: Database) -> Database:
    ann = await Author.objects.create(name="Ann", age=40)
    bob = await Author.objects.create(name="Bob")
    await Book.objects.create(title="First", pages=100, author=ann)
    await Book.objects.create(title="Second", subtitle="sub", pages=200, author=ann, editor=bob)
    await Book.objects.create(title="Third", pages=300, author=bob)
    return database


async def test_an_expression_of_ones_own_serves_as_annotation_filter_and_order(books: Database) -> None:
    middle = Book.objects.annotate(middle=Between("pages", 150, 250)).order_by("pk")
    assert await middle.values_list("middle", flat=True) == [False, True, False]
    assert [book.title for book in await middle.filter(middle=True)] == ["Second"]
    assert [book.title for book in await Book.objects.filter(Between("pages", 150, 250, negated=True))] == [
        "First",
        "Third",
    ]
    assert [book.title for book in await Book.objects.order_by(Between("pages", 150, 250).desc(), "pk")] == [
        "Second",
        "First",
        "Third",
    ]


async def test_a_condition_is_a_value_too(books: Database) -> None:
    rows = Book.objects.annotate(thick=Q(pages__gte=200) & ~Q(title="Third")).order_by("pk")
    assert await rows.values_list("thick", flat=True) == [False, True, False]
    assert [book.title for book in await rows.filter(thick=True)] == ["Second"]


async def value(expression: Any) -> Any:
    (found,) = await Everything.objects.values_list(expression, flat=True)
    return found


MOMENT = dt.datetime(2026, 3, 29, 1, 30, 0, 5, tzinfo=dt.UTC)
DAY, HOUR = dt.timedelta(days=1), dt.timedelta(hours=1)
ARITHMETIC: list[tuple[Any, Any]] = [
    (F("integer") + 1, 2),
    (10 - F("small"), 13),
    (F("small") * 2, -6),
    (F("positive") / 2, 2),
    (F("positive") % 3, 1),
    (F("positive") ** 3, 64),
    (2 ** F("positive"), 16),
    (-F("small"), 3),
    (F("integer") + 0.5, 1.5),
    (F("real") / 4, 0.125),
    (F("decimal") + 1, Decimal("2.5")),
    (F("decimal") / 2, Decimal("0.75")),
    (F("decimal") * Decimal("1.1"), Decimal("1.65")),
    (F("integer") + Value(None, models.IntegerField()), None),
    ((F("integer") + F("positive")) * (F("integer") - F("positive")), -15),
    (F("positive").bitand(6), 4),
    (F("positive").bitor(3), 7),
    (F("positive").bitxor(6), 2),
    (F("small").bitxor(1), -4),
    (F("small").bitand(-1), -3),
    (F("positive").bitleftshift(2), 16),
    (F("positive").bitrightshift(1), 2),
    (F("small").bitrightshift(1), -2),
    (F("moment") + HOUR, MOMENT + HOUR),
    (F("moment") - 40 * DAY, MOMENT - 40 * DAY),
    (HOUR + F("moment"), MOMENT + HOUR),
    (F("moment") + F("duration"), MOMENT - DAY + dt.timedelta(microseconds=7)),
    (F("moment") - dt.datetime(2026, 3, 28, tzinfo=dt.UTC), MOMENT - dt.datetime(2026, 3, 28, tzinfo=dt.UTC)),
    (Value(dt.datetime(1969, 12, 31, tzinfo=dt.UTC)) - F("moment"), dt.datetime(1969, 12, 31, tzinfo=dt.UTC) - MOMENT),
    (F("date") + DAY, dt.datetime(2026, 3, 30, tzinfo=dt.UTC)),
    (F("date") - HOUR, dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC)),
    (F("date") - dt.date(2026, 1, 1), dt.timedelta(days=87)),
    (F("moment") - F("date"), dt.timedelta(hours=1, minutes=30, microseconds=5)),
    (F("time") + dt.timedelta(microseconds=1), dt.time(0, 0)),
    (F("time") - HOUR, dt.time(22, 59, 59, 999999)),
    (F("time") - dt.time(23, 0), dt.timedelta(minutes=59, seconds=59, microseconds=999999)),
    (F("duration") + DAY, dt.timedelta(microseconds=7)),
    (F("duration") - HOUR, -DAY - HOUR + dt.timedelta(microseconds=7)),
    (ExpressionWrapper(F("integer") * 0.5 + 1, output_field=models.FloatField()), 1.5),
    (ExpressionWrapper(Q(integer=1), output_field=models.BooleanField()), True),
    (F("slug")[1:], "-b"),
    (F("slug")[0], "a"),
    (F("slug")[1:9], "-b"),
    (F("slug")[7:], ""),
    (RawSQL("%s || 'x%%' || %s", ["a", "'; --"], output_field=models.TextField()), "ax%'; --"),
    (RawSQL("1 + 1"), 2),
    (Case(When(integer__gt=5, then=Value("many")), When(~Q(small=1), then=F("slug")), default=Value("few")), "a-b"),
    (Case(When(maybe=True, then=1), output_field=models.IntegerField()), None),
    (Case(default=Value(3)), 3),
    (Exists(Everything.objects.filter(pk=OuterRef("pk"))), True),
    (~Exists(Everything.objects.all()), False),
    (Subquery(Everything.objects.order_by("pk").values("slug")[:1]), "a-b"),
]


async def test_arithmetic_has_the_results_and_types_of_python(database: Database) -> None:
    await Everything.objects.create()
    wrong = []
    for number, (expression, expected) in enumerate(ARITHMETIC):
        if isinstance(expression, RawSQL) and "||" in expression.sql and database.dialect.name == "mysql":
            continue
        found = await value(expression)
        if found != expected or type(found) is not type(expected):
            wrong.append((number, expression, found, expected))
    assert wrong == []


async def test_computed_moments_are_compared_like_stored_ones(database: Database) -> None:
    await Everything.objects.create()
    rows = Everything.objects.alias(later=F("moment") + HOUR, age=F("moment") - F("date"))
    assert await rows.filter(later=MOMENT + HOUR).count() == 1
    assert await rows.filter(later__gt=F("moment"), age__lt=2 * HOUR, age__gte=HOUR).count() == 1
    assert await rows.filter(later__year=2026).count() == 1
    await Everything.objects.update(moment=F("moment") + DAY, duration=F("duration") * 2, integer=F("small") ** 2)
    changed = await Everything.objects.get()
    assert changed.moment == MOMENT + DAY
    assert changed.integer == 9


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (F("slug") + 1, "Cannot infer type of '\\+' expression involving these types: SlugField, BigIntegerField"),
        (F("moment") + F("moment"), "DateTimeField, DateTimeField"),
        (F("moment") * HOUR, "DateTimeField, DurationField"),
        (F("real").bitand(1), "FloatField, BigIntegerField"),
        (Coalesce("slug", "integer"), "mixed types: SlugField, IntegerField. You must set output_field"),
        (Case(When(slug="", then=F("slug")), default=F("integer")), "mixed types"),
        (F("integer")[0:1], "does not support slicing"),
        (OuterRef("pk"), "only in a subquery"),
    ],
)
async def test_types_that_do_not_go_together_are_refused(sqlite: Database, expression: Any, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        await value(expression)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: F("slug")[-1], ValueError, "Negative indexing"),
        (lambda: F("slug")[::2], ValueError, "Step argument"),
        (lambda: F("slug")[3:2], ValueError, "stop must be greater"),
        (lambda: F("slug")[cast(Any, "a")], TypeError, "int or slice"),
        (lambda: list(cast(Any, F("slug"))), TypeError, "not iterable"),
        (lambda: RawSQL("x = %s"), ValueError, "1 times %s, for 0 values"),
        (lambda: Case(cast(Any, "slug")), TypeError, "When objects"),
        (lambda: When(then=1), ValueError, "needs a condition"),
    ],
)
def test_misuse_is_explained(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


async def test_a_subquery_in_a_subquery_reaches_outwards(books: Database) -> None:
    longest = Book.objects.filter(author=OuterRef("author"), pages__lt=OuterRef(OuterRef("pages")))
    inner = Book.objects.filter(pk=OuterRef("pk")).filter(Exists(longest)).values("title")
    # The inner book's author, the outer book's pages.
    rows = Book.objects.annotate(found=Subquery(inner)).order_by("pk")
    assert await rows.values_list("found", flat=True) == [None, "Second", None]


async def test_a_function_of_ones_own_is_a_class_with_a_name(books: Database) -> None:
    class Twice(models.Func):
        template = "%(function)s(%(expressions)s, %(times)s)"
        function = "REPEAT"
        output_field = models.TextField()
        arity = 1

        @classmethod
        def as_postgresql(cls, operands: Sequence[Any], context: Context) -> Any:
            return cls.as_sql(operands, context, function="pg_catalog.repeat")

    assert await Book.objects.filter(pages=100).values_list(Twice("title", times=2), flat=True) == ["FirstFirst"]
    shout = models.Func("title", function="UPPER", output_field=models.TextField())
    assert await Book.objects.filter(pages=100).values_list(shout, flat=True) == ["FIRST"]


@pytest.mark.parametrize("bad", ["x'); --", "a b", 'a"b', "", "1a", "a.b;c"])
async def test_no_name_of_a_function_or_word_of_a_template_can_break_out(sqlite: Database, bad: str) -> None:
    await Everything.objects.create()
    with pytest.raises((ValueError, TypeError), match=r"identifier|no function"):
        await value(models.Func("slug", function=bad, output_field=models.TextField()))
    if not bad.replace(" ", "").isalnum():
        with pytest.raises((ValueError, TypeError), match=r"plain words|no function|nothing is given"):
            await value(
                models.Func("slug", function="f", template="%(function)s(%(expressions)s %(word)s)", word=bad + "'")
            )


async def test_expressions_say_what_they_are() -> None:
    rows = Book.objects.all()
    for expression, text in [
        (F("pages") * 2, "(F('pages') * Value(2))"),
        (F("title")[1:3], "F('title')[slice(1, 3, None)]"),
        (F("pages").desc(nulls_last=True), "OrderBy(F('pages'), descending=True, nulls_last=True)"),
        (Case(When(pages=1, then=2), default="title"), "Case(When(Q(pages=1), then=Value(2)), default=F('title'))"),
        (Coalesce("pages", 0), "Coalesce(F('pages'), Value(0))"),
        (models.Count("*"), "Count('*')"),
        (RawSQL("x + %s", [1]), "RawSQL('x + %s', [Value(1)])"),
        (Subquery(rows), "Subquery(of Book)"),
        (Exists(rows), "Exists(of Book)"),
        (OuterRef("pk"), "OuterRef('pk')"),
        (models.Window(models.Sum("pages"), frame=models.RowRange(-1, 0)), "Window(Sum(F('pages')))"),
        (models.RowRange(-1, 0), "<RowRange: ROWS BETWEEN 1 PRECEDING AND CURRENT ROW>"),
    ]:
        assert repr(expression) == text
