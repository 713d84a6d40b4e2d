"""Functions of numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import sqlalchemy

from vivace.orm.expressions.func import Func, Transform
from vivace.orm.expressions.kinds import LooseDecimal, common_field, is_null, kind_of
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import FloatField
from vivace.orm.functions.pieces import Element, call, constant, small


def _number_field(operands: Sequence[Operand]) -> Field[Any]:
    kinds = {kind_of(operand.field) for operand in operands if not is_null(operand)}
    return LooseDecimal() if "decimal" in kinds else FloatField(null=True)


def _in_decimals(operands: Sequence[Operand]) -> list[Element]:
    """PostgreSQL's LOG and MOD are of decimals, not of floats."""
    return [
        sqlalchemy.cast(each.element, sqlalchemy.Numeric()) if kind_of(each.field) == "float" else each.element
        for each in operands
    ]


class _Real(Func):
    """A function whose result is a decimal when an argument is one, else a float; null where it is not defined."""

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        return _number_field(operands)

    @classmethod
    def operand(cls, element: Element, operands: Sequence[Any], context: Context) -> Operand:
        assert context.output_field is not None
        return context.operand(element, context.output_field, operands, nullable=True)


class _RealTransform(_Real, Transform):
    pass


class Abs(Transform):
    """The number without its sign."""

    function = "ABS"
    lookup_name = "abs"


class Ceil(Transform):
    """The least whole number that is not smaller."""

    function = "CEILING"
    lookup_name = "ceil"


class Floor(Transform):
    """The greatest whole number that is not greater."""

    function = "FLOOR"
    lookup_name = "floor"


class Sign(Transform):
    """-1, 0 or 1."""

    function = "SIGN"
    lookup_name = "sign"


class ACos(_RealTransform):
    """The arccosine, in radians."""

    function = "ACOS"
    lookup_name = "acos"


class ASin(_RealTransform):
    """The arcsine, in radians."""

    function = "ASIN"
    lookup_name = "asin"


class ATan(_RealTransform):
    """The arctangent, in radians."""

    function = "ATAN"
    lookup_name = "atan"


class ATan2(_Real):
    """The arctangent of the first argument divided by the second, in radians."""

    function = "ATAN2"
    arity = 2


class Cos(_RealTransform):
    """The cosine of an angle in radians."""

    function = "COS"
    lookup_name = "cos"


class Cot(_RealTransform):
    """The cotangent of an angle in radians."""

    function = "COT"
    lookup_name = "cot"

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SQLite has no cotangent."""
        return constant("1.0").op("/", precedence=8)(call("tan", operands[0].element))


class Degrees(_RealTransform):
    """Radians as degrees."""

    function = "DEGREES"
    lookup_name = "degrees"


class Exp(_RealTransform):
    """e to the power of the argument."""

    function = "EXP"
    lookup_name = "exp"


class Ln(_RealTransform):
    """The natural logarithm."""

    function = "LN"
    lookup_name = "ln"


class Log(_Real):
    """The logarithm to the base of the first argument of the second one."""

    function = "LOG"
    arity = 2

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """In decimals."""
        return cls.as_sql(operands, context, elements=_in_decimals(operands))


class Mod(_Real):
    """The remainder of a division."""

    function = "MOD"
    arity = 2

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """In decimals."""
        return cls.as_sql(operands, context, elements=_in_decimals(operands))


class Pi(_Real):
    """The number pi."""

    function = "PI"
    arity = 0


class Power(_Real):
    """The first argument to the power of the second."""

    function = "POWER"
    arity = 2


class Radians(_RealTransform):
    """Degrees as radians."""

    function = "RADIANS"
    lookup_name = "radians"


class Random(_Real):
    """A random number from 0 to 1, another one for each row."""

    function = "RANDOM"
    arity = 0

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SQLite's RANDOM gives whole numbers."""
        return cls.as_sql(operands, context, function="RAND")

    @classmethod
    def as_mysql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """MySQL's name."""
        return cls.as_sql(operands, context, function="RAND")


class Round(Transform):
    """The number rounded to so many places behind the point."""

    function = "ROUND"
    lookup_name = "round"
    arity = None

    def __init__(self, expression: Any, precision: Any = 0, **extra: Any) -> None:
        # Without places it is a function of one argument, which may stand in a lookup.
        super().__init__(expression, *([] if precision == 0 else [precision]), **extra)

        self.is_negative = isinstance(precision, int) and precision < 0

    def static_options(self) -> Hashable:
        return (("negative", True),) if self.is_negative else ()

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        return common_field(operands[:1])

    @classmethod
    def as_sqlite(cls, operands: Sequence[Operand], context: Context) -> Element:
        """SQLite takes fewer places than none for none."""
        if "negative" in context.options:
            raise ValueError("SQLite does not support negative precision.")
        return cls.as_sql(operands, context)

    @classmethod
    def as_postgresql(cls, operands: Sequence[Operand], context: Context) -> Element:
        """ROUND to places is of decimals only."""
        number, places = operands[0], [small(each, context) for each in operands[1:]]
        rounded = call("ROUND", sqlalchemy.cast(number.element, sqlalchemy.Numeric()), *places)
        return sqlalchemy.cast(rounded, sqlalchemy.Double()) if kind_of(number.field) == "float" else rounded


class Sin(_RealTransform):
    """The sine of an angle in radians."""

    function = "SIN"
    lookup_name = "sin"


class Sqrt(_RealTransform):
    """The square root."""

    function = "SQRT"
    lookup_name = "sqrt"


class Tan(_RealTransform):
    """The tangent of an angle in radians."""

    function = "TAN"
    lookup_name = "tan"
