"""Window functions, for `Window`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.base import Bare
from vivace.orm.expressions.func import Func
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, FloatField
from vivace.orm.functions.pieces import Element, constant


class _WindowFunction(Func):
    window_compatible = True

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        if context.over is None:
            raise TypeError(f"{cls.__name__} has a meaning only in a Window")
        return super().build(static, operands, context)


class RowNumber(_WindowFunction):
    """The number of the row, from 1."""

    function = "ROW_NUMBER"
    arity = 0
    output_field = BigIntegerField()


class Rank(_WindowFunction):
    """The number of the row, equal ones having the same, with gaps after them."""

    function = "RANK"
    arity = 0
    output_field = BigIntegerField()


class DenseRank(_WindowFunction):
    """The number of the row, equal ones having the same, without gaps."""

    function = "DENSE_RANK"
    arity = 0
    output_field = BigIntegerField()


class PercentRank(_WindowFunction):
    """The rank from 0 to 1."""

    function = "PERCENT_RANK"
    arity = 0
    output_field = FloatField()


class CumeDist(_WindowFunction):
    """The part of all rows that stand before or beside this one."""

    function = "CUME_DIST"
    arity = 0
    output_field = FloatField()


class Ntile(_WindowFunction):
    """The number of the bucket when rows are spread over so many."""

    function = "NTILE"
    output_field = BigIntegerField()

    def __init__(self, num_buckets: int = 1, **extra: Any) -> None:
        if num_buckets.__class__ is not int or num_buckets <= 0:
            raise ValueError("num_buckets must be greater than 0.")
        super().__init__(**extra)
        self.number = num_buckets

    def static_options(self) -> Hashable:
        return (("number", self.number),)

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        return super().as_sql(operands, context, elements=[constant(str(context.options["number"]))])


class FirstValue(_WindowFunction):
    """The value of the frame's first row."""

    function = "FIRST_VALUE"
    arity = 1


class LastValue(_WindowFunction):
    """The value of the frame's last row."""

    function = "LAST_VALUE"
    arity = 1


class _Numbered(_WindowFunction):
    """A function with a number as its second argument, which is no value but part of the SQL."""

    number_name: ClassVar[str]

    def __init__(self, expression: Any, number: int, *parts: Any, **extra: Any) -> None:
        name = type(self).__name__
        if expression is None:
            raise ValueError(f"{name} requires a non-null source expression.")
        if number.__class__ is not int or number <= 0:
            raise ValueError(f"{name} requires a positive integer for the {self.number_name}.")
        super().__init__(expression, *parts, **extra)
        self.number = number

    def static_options(self) -> Hashable:
        return (("number", self.number),)

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        return operands[0].field

    @classmethod
    def operand(cls, element: Element, operands: Sequence[Any], context: Context) -> Operand:
        assert context.output_field is not None
        return context.operand(element, context.output_field, operands, nullable=True)

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        first, *rest = (operand.element for operand in operands)
        return super().as_sql(operands, context, elements=[first, constant(str(context.options["number"])), *rest])


class NthValue(_Numbered):
    """The value of the frame's n-th row; null when it has fewer."""

    function = "NTH_VALUE"
    number_name = "nth as for Nth value"

    def __init__(self, expression: Any, nth: int = 1, **extra: Any) -> None:
        super().__init__(expression, nth, **extra)


class _Shifted(_Numbered):
    number_name = "offset"

    def __init__(self, expression: Any, offset: int = 1, default: Any = None, **extra: Any) -> None:
        fallback = default if default is None or hasattr(default, "freeze") else Bare(default)
        super().__init__(expression, offset, *([] if fallback is None else [fallback]), **extra)

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        first = context.build(children[0])
        if len(children) == 1:
            return cls.build(static, [first], context)
        if context.binds.is_mariadb:
            raise NotSupportedError(f"MariaDB's {cls.function} has no default: use Coalesce() around the Window")
        default = Operand(context.bind(children[1], first.field), first.field)
        return cls.build(static, [first, default], context)


class Lag(_Shifted):
    """The value of the row so many before this one, or `default`."""

    function = "LAG"


class Lead(_Shifted):
    """The value of the row so many after this one, or `default`."""

    function = "LEAD"
