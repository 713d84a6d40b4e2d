"""Aggregates that only PostgreSQL has. https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/aggregates/"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.aggregates import Aggregate, BitAnd, BitOr, BitXor, StringAgg
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, BooleanField, FloatField
from vivace.orm.fields.other import JSONField
from vivace.orm.postgresql.arrays import ArrayField, item_of

__all__ = [
    "ArrayAgg",
    "BitAnd",
    "BitOr",
    "BitXor",
    "BoolAnd",
    "BoolOr",
    "Corr",
    "CovarPop",
    "JSONBAgg",
    "RegrAvgX",
    "RegrAvgY",
    "RegrCount",
    "RegrIntercept",
    "RegrR2",
    "RegrSXX",
    "RegrSXY",
    "RegrSYY",
    "RegrSlope",
    "StringAgg",
]


class PostgreSQLAggregate(Aggregate):
    """Base of these aggregates. On another database NotSupportedError is raised."""

    @classmethod
    def aggregated(cls, operands: Sequence[Operand], context: Context, **options: Any) -> ColumnElement[Any]:
        if context.dialect != "postgresql":
            raise NotSupportedError(f"{cls.__name__} is PostgreSQL's: this database has no such aggregate")
        return super().aggregated(operands, context, **options)


class ArrayAgg(PostgreSQLAggregate):
    """The values as a list, nulls too; None when there are no rows."""

    function = "ARRAY_AGG"
    arity = 1
    allow_distinct = allow_order_by = True

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        return ArrayField(item_of(operands[0].field), null=True)


class JSONBAgg(PostgreSQLAggregate):
    """The values as a JSON array."""

    function = "JSONB_AGG"
    arity = 1
    allow_distinct = allow_order_by = True
    output_field = JSONField(null=True)


class BoolAnd(PostgreSQLAggregate):
    """Whether all values are true; None when there are none."""

    function = "BOOL_AND"
    arity = 1
    output_field = BooleanField(null=True)


class BoolOr(PostgreSQLAggregate):
    """Whether any value is true; None when there are none."""

    function = "BOOL_OR"
    arity = 1
    output_field = BooleanField(null=True)


class StatAggregate(PostgreSQLAggregate):
    """An aggregate of pairs of numbers: `Corr(y="price", x="pages")`."""

    output_field: Field[Any] = FloatField(null=True)

    def __init__(self, y: Any, x: Any, **options: Any) -> None:
        if not y or not x:
            raise ValueError("Both y and x must be provided.")
        super().__init__(y, x, **options)

    @classmethod
    def plain(cls, operands: Sequence[Operand], context: Context, **options: Any) -> ColumnElement[Any]:
        doubles = [
            Operand(sqlalchemy.cast(each.element, sqlalchemy.Double()), each.field, each.nullable) for each in operands
        ]
        return super().plain(doubles, context, **options)


class Corr(StatAggregate):
    """The correlation coefficient."""

    function = "CORR"


class CovarPop(StatAggregate):
    """The covariance of a population, or with `sample` of a sample."""

    def __init__(self, y: Any, x: Any, sample: bool = False, **options: Any) -> None:
        super().__init__(y, x, **options)
        self.extra = {**self.extra, "function": "COVAR_SAMP" if sample else "COVAR_POP"}


class RegrAvgX(StatAggregate):
    """The mean of x."""

    function = "REGR_AVGX"


class RegrAvgY(StatAggregate):
    """The mean of y."""

    function = "REGR_AVGY"


class RegrCount(StatAggregate):
    """How many pairs have no null in them."""

    function = "REGR_COUNT"
    output_field = BigIntegerField()
    empty_result_set_value = 0


class RegrIntercept(StatAggregate):
    """Where the line of least squares crosses the y axis."""

    function = "REGR_INTERCEPT"


class RegrR2(StatAggregate):
    """The square of the correlation coefficient."""

    function = "REGR_R2"


class RegrSlope(StatAggregate):
    """The slope of the line of least squares."""

    function = "REGR_SLOPE"


class RegrSXX(StatAggregate):
    """The sum of squares of x."""

    function = "REGR_SXX"


class RegrSXY(StatAggregate):
    """The sum of products of x and y."""

    function = "REGR_SXY"


class RegrSYY(StatAggregate):
    """The sum of squares of y."""

    function = "REGR_SYY"
