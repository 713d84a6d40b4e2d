"""Aggregates: one value of many rows. `filter` says which rows, `default` what there is for none.

https://docs.djangoproject.com/en/5.2/ref/models/querysets/#aggregation-functions
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import sqlalchemy
from sqlalchemy import ColumnElement, func

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.base import Bare, F, OrderBy, Value, as_field_or_expression
from vivace.orm.expressions.conditions import Combinable
from vivace.orm.expressions.directions import Direction
from vivace.orm.expressions.func import Func
from vivace.orm.expressions.kinds import INTEGER_KINDS, LooseDecimal, as_text, conversion_of, kind_of
from vivace.orm.expressions.operand import Operand, columns_of
from vivace.orm.expressions.operands import Context
from vivace.orm.expressions.templates import templated
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, FloatField
from vivace.orm.fields.text import TextField
from vivace.orm.fields.times import DurationField

Element = ColumnElement[Any]


class Aggregate(Func):
    """A value computed from many rows. Subclass it as `Func`; `allow_distinct` and `allow_order_by` say what it takes.

    The arguments are expressions, or names of fields. `filter` is a condition, `default` a value or an expression for
    when there are no rows, `order_by` a name, an expression or several of them.
    """

    template = "%(function)s(%(distinct)s%(expressions)s)"
    contains_aggregate = True
    window_compatible = True
    name: ClassVar[str | None] = None
    allow_distinct: ClassVar[bool] = False
    allow_order_by: ClassVar[bool] = False
    takes_star: ClassVar[bool] = False
    empty_result_set_value: ClassVar[Any] = None
    """What it is for no rows."""

    def __init__(
        self,
        *expressions: Any,
        distinct: bool = False,
        filter: Combinable | None = None,
        default: Any = None,
        order_by: Any = None,
        output_field: Field[Any] | None = None,
        **extra: Any,
    ) -> None:
        name = type(self).__name__
        self.is_star = expressions == ("*",)
        if self.is_star and not self.takes_star:
            raise FieldError(f'{name}("*") has no meaning: name a field')
        if distinct and not self.allow_distinct:
            raise TypeError(f"{name} does not allow distinct.")
        if order_by and not self.allow_order_by:
            raise TypeError(f"{name} does not allow order_by.")
        if default is not None and self.empty_result_set_value is not None:
            raise TypeError(f"{name} does not allow default.")
        if self.is_star:
            self.arity: int | None = 0  # type: ignore[misc]  # this instance has no arguments
        super().__init__(*(() if self.is_star else expressions), output_field=output_field, **extra)
        self.distinct, self.filter = distinct, filter
        self.default = default if default is None or hasattr(default, "freeze") else Bare(default)
        self.order_by = _orderings(order_by)

    @property
    def default_alias(self) -> str:
        if len(self.expressions) == 1 and isinstance(self.expressions[0], F):
            return f"{self.expressions[0]._path}__{(self.name or type(self).__name__).lower()}"
        raise TypeError(f"{type(self).__name__} of an expression needs a name here: annotate(name=…)")

    def get_source_expressions(self) -> Sequence[Any]:
        condition = None if self.filter is None else self.filter._as_q()
        return [condition, self.default, *self.order_by, *self.expressions]

    def static_options(self) -> Hashable:
        return (self.distinct, len(self.order_by), super().static_options())

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        distinct, orderings, options = static
        condition, default, *rest = children
        operands = [cls._of_one_column(context.build(shape), distinct) for shape in rest[orderings:]]
        for operand in operands:
            if operand.aggregate or operand.window:
                what = "an aggregate" if operand.aggregate else "a window function"
                raise FieldError(f"Cannot compute {cls.__name__} of {what}: annotate in a subquery instead")
        given = context.output_field
        context.options = dict(options)
        context.output_field = given or cls.resolve_output_field(operands, context)
        where = None if condition is None else context.build(condition).element
        order = [direction(shape, context) for shape in rest[:orderings]]
        element = cls.aggregated(operands, context, distinct=distinct, where=where, order_by=order)
        nullable = cls.empty_result_set_value is None
        if default is not None:
            element, nullable = func.coalesce(element, context.bind(default, context.output_field)), False
        convert = conversion_of(context.output_field)
        if convert is None and given is None and operands and context.output_field is operands[0].field:
            convert = operands[0].convert
        return context.operand(
            element, context.output_field, nullable=nullable, aggregate=True, window=False, convert=convert
        )

    @classmethod
    def _of_one_column(cls, operand: Operand, distinct: bool) -> Operand:
        """The operand; of a composite key, which counts as one value, a column of it."""
        if not isinstance(operand.element, sqlalchemy.Tuple):
            return operand
        if cls.function != "COUNT" or distinct:
            raise FieldError(f"{cls.__name__} of a primary key with several columns has no meaning: name one of them")
        return replace(operand, element=columns_of(operand.element)[0])

    @classmethod
    def aggregated(
        cls,
        operands: Sequence[Operand],
        context: Context,
        *,
        distinct: bool,
        where: ColumnElement[bool] | None,
        order_by: Sequence[Direction],
    ) -> Element:
        """The aggregate's SQL, with its filter."""
        if where is not None and context.dialect == "mysql":
            # It has no FILTER; nulls are left out by every aggregate.
            first = operands[0].element if operands else sqlalchemy.literal_column("1")
            chosen = Operand(sqlalchemy.case((where, first)), operands[0].field if operands else BigIntegerField())
            operands, where = [chosen, *operands[1:]], None
        element = cls.plain(operands, context, distinct="DISTINCT " if distinct else "", order_by=order_by)
        return completed(element, where, context)

    @classmethod
    def plain(
        cls, operands: Sequence[Operand], context: Context, *, distinct: str, order_by: Sequence[Direction]
    ) -> Element:
        """The aggregate without its filter, by the template or the hook of the database."""
        make = getattr(cls, f"as_{context.dialect}", cls.as_sql)
        elements = [operand.element for operand in operands] or [sqlalchemy.literal_column("*")]
        if order_by:
            elements[-1] = in_order(elements[-1], order_by)
        made: Element = make(operands, context, elements=elements, distinct=distinct)
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.expressions)) or repr('*')})"


def _orderings(order_by: Any) -> list[OrderBy]:
    if order_by is None:
        return []
    items = order_by if isinstance(order_by, list | tuple) else [order_by]
    return [ordering(item) for item in items]


def ordering(item: Any) -> OrderBy:
    """A name such as "-pages", or an expression, as an ordering."""
    if isinstance(item, OrderBy):
        return item
    if isinstance(item, str) and item.startswith("-"):
        return OrderBy(F(item[1:]), descending=True)
    return OrderBy(as_field_or_expression(item))


def direction(shape: Any, context: Context) -> Direction:
    """A numbered ordering, its expression made SQL."""
    _, inner, descending, nulls = shape
    return Direction(context.build(inner).element, descending, nulls)


def in_order(element: Element, order_by: Sequence[Direction]) -> Element:
    """`element ORDER BY …`, as the last argument of an aggregate."""
    order = templated("%(expressions)s", [each.clause for each in order_by], element.type)
    return templated("%(expressions)s", [element, order], element.type, separator=" ORDER BY ")


def completed(element: Any, where: ColumnElement[bool] | None, context: Context) -> Element:
    """The aggregate of the rows that `where` is true for, over a window if there is one."""
    made: Element = element if where is None else element.filter(where)
    return made if context.over is None else context.over(made)


class Count(Aggregate):
    """How many values are not null; `Count("*")` counts rows."""

    function = "COUNT"
    takes_star = allow_distinct = True
    empty_result_set_value = 0
    arity = 1
    output_field = BigIntegerField()


class _Number(Aggregate):
    """An aggregate of numbers and spans of time."""

    arity = 1
    of_integers: ClassVar[type[Field[Any]]] = FloatField

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        kind = kind_of(operands[0].field)
        if kind == "decimal":
            return LooseDecimal()
        if kind == "duration":
            return DurationField(null=True)
        if kind == "float":
            return FloatField(null=True)
        if kind in INTEGER_KINDS or kind == "boolean":
            return cls.of_integers(null=True)
        raise FieldError(f"{cls.__name__} of a {kind} has no meaning")


class Sum(_Number):
    """The sum; None when there are no values."""

    function = "SUM"
    allow_distinct = True
    of_integers = BigIntegerField


class Avg(_Number):
    """The mean; None when there are no values."""

    function = "AVG"
    allow_distinct = True

    @classmethod
    def aggregated(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        element = super().aggregated(operands, context, **options)
        if context.dialect == "postgresql" and isinstance(context.output_field, FloatField):
            return sqlalchemy.cast(element, sqlalchemy.Double())
        return element


class Min(Aggregate):
    """The least; None when there are no values."""

    function = "MIN"
    arity = 1


class Max(Aggregate):
    """The greatest; None when there are no values."""

    function = "MAX"
    arity = 1


class _Spread(_Number):
    """A measure of how far values are from their mean: of all there are, or with `sample` of a sample of them."""

    functions: ClassVar[tuple[str, str]]

    def __init__(self, expression: Any, sample: bool = False, **options: Any) -> None:
        super().__init__(expression, **options)
        self.extra = {**self.extra, "function": self.functions[bool(sample)]}


class StdDev(_Spread):
    """The standard deviation."""

    functions = ("STDDEV_POP", "STDDEV_SAMP")


class Variance(_Spread):
    """The variance."""

    functions = ("VAR_POP", "VAR_SAMP")


class AnyValue(Aggregate):
    """One of the values that are not null."""

    arity = 1

    @classmethod
    def aggregated(
        cls,
        operands: Sequence[Operand],
        context: Context,
        *,
        distinct: bool,
        where: ColumnElement[bool] | None,
        order_by: Sequence[Direction],
    ) -> Element:
        (operand,) = operands
        if context.dialect != "postgresql":
            # The least is as good as any.
            return super().aggregated(operands, context, distinct=distinct, where=where, order_by=order_by)
        # PostgreSQL has ANY_VALUE from 16 on, and MIN not for all types.
        present = operand.element.isnot(None)
        where = present if where is None else sqlalchemy.and_(present, where)
        values = completed(func.array_agg(operand.element), where, context)
        sql_type = operand.field.sql_type()
        return templated("(%(expressions)s)[1]", [values], sql_type)

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        return super().as_sql(operands, context, function="MIN", **options)


class _Bits(Aggregate):
    arity = 1

    @classmethod
    def _of_one_column(cls, operand: Operand, distinct: bool) -> Operand:
        """The operand; of a composite key, which counts as one value, a column of it."""
        if not isinstance(operand.element, sqlalchemy.Tuple):
            return operand
        if cls.function != "COUNT" or distinct:
            raise FieldError(f"{cls.__name__} of a primary key with several columns has no meaning: name one of them")
        return replace(operand, element=columns_of(operand.element)[0])

    @classmethod
    def aggregated(
        cls, operands: Sequence[Operand], context: Context, *, where: ColumnElement[bool] | None, **options: Any
    ) -> Element:
        element = super().aggregated(operands, context, where=where, **options)
        if context.dialect != "mysql":
            return element
        # MySQL's results are unsigned, and not null for no rows.
        some = completed(func.count(operands[0].element), where, context) > sqlalchemy.literal_column("0")
        return sqlalchemy.case((some, sqlalchemy.cast(element, sqlalchemy.BigInteger())))


class BitAnd(_Bits):
    """The bits that all values have; None when there are none."""

    function = "BIT_AND"


class BitOr(_Bits):
    """The bits that any value has; None when there are none."""

    function = "BIT_OR"


class BitXor(_Bits):
    """The bits that an odd number of values has; None when there are none."""

    function = "BIT_XOR"


class StringAgg(Aggregate):
    """The texts joined, with a delimiter between them; None when there are none."""

    allow_distinct = allow_order_by = True
    output_field = TextField(null=True)
    function = "STRING_AGG"
    arity = 2

    def __init__(self, expression: Any, delimiter: Any, **options: Any) -> None:
        super().__init__(expression, Value(delimiter) if isinstance(delimiter, str) else delimiter, **options)

    @classmethod
    def plain(
        cls, operands: Sequence[Operand], context: Context, *, distinct: str, order_by: Sequence[Direction]
    ) -> Element:
        text, delimiter = (as_text(operand) for operand in operands)
        if context.dialect == "postgresql":
            operands = [replace(operands[0], element=text), operands[1]]
            return super().plain(operands, context, distinct=distinct, order_by=order_by)
        if context.dialect == "mysql":
            return _group_concat(text, delimiter, distinct, order_by)
        if not distinct and not order_by:
            return func.group_concat(text, delimiter, type_=sqlalchemy.Text())
        # SQLite has DISTINCT only without a delimiter, and ORDER BY only from 3.44 on.
        ways = "".join(f"{'d' if each.descending else 'a'}{(each.nulls or '-')[0]}" for each in order_by)
        settings: Element = sqlalchemy.literal_column(f"'{'u' if distinct else 'n'}{ways}'")
        keys = [each.element for each in order_by]
        return func.vivace_string_agg(settings, delimiter, text, *keys, type_=sqlalchemy.Text())


def _group_concat(text: Element, delimiter: Element, distinct: str, order_by: Sequence[Direction]) -> Element:
    # MySQL's SEPARATOR cannot be a parameter: each text brings its delimiter along, and the first one is cut off.
    element: Element = func.concat(delimiter, text)
    if order_by:
        element = in_order(element, order_by)
    joined = templated(
        "GROUP_CONCAT(%(distinct)s%(expressions)s SEPARATOR '')",
        [element],
        sqlalchemy.Text(),
        words={"distinct": distinct},
    )
    start = func.char_length(delimiter).op("+", precedence=7)(sqlalchemy.literal_column("1"))
    return func.substring(joined, start, type_=sqlalchemy.Text())
