"""Expressions on real databases: what users make themselves, arithmetic, conditions as values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import pytest
from tests.orm.library import Author, Book

from vivace.databases import Database
from vivace.orm import F, Q, models
from vivace.orm.query.expressions import Bare, Expression
from vivace.orm.query.operand import Operand
from vivace.orm.query.operands import Context

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
