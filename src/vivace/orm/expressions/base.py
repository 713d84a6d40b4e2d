"""Expressions: `F`, `Value`, arithmetic, `Func`, `Case`, `Subquery`, `Exists`, ordering.

Each splits into a shape and its values (`freeze`), as conditions do. The shape of nearly every one is a node,

    ("node", class, static options, shapes of the parts, output field)

whose class makes the SQL (`build`) out of that of its parts, so that a new expression is a class and nothing else. The
few others (a field's name, a value, a queryset) are the leaves; `vivace.orm.expressions.operands` knows them.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.arithmetic import combine, combined_field, refusal
from vivace.orm.expressions.conditions import Combinable, Q, Shape
from vivace.orm.expressions.kinds import conversion_of, field_of_kind
from vivace.orm.expressions.output_fields import freeze_field
from vivace.orm.expressions.slices import sliced
from vivace.orm.expressions.templates import interleaved

if TYPE_CHECKING:
    from vivace.orm.expressions.operand import Operand
    from vivace.orm.expressions.operands import Context
    from vivace.orm.fields.base import Field


class Expression(Combinable):
    """Something that SQL computes.

    A subclass says its parts (`get_source_expressions`), its options that are part of the SQL (`static_options`), and
    in `build` how the SQL is made of that of its parts.
    """

    output_field: Any = None
    """A field that says the type of the value, or None."""

    contains_aggregate: ClassVar[bool | None] = None
    """Whether it is computed from many rows; None when one of its parts may be."""

    def get_source_expressions(self) -> Sequence[Any]:
        """The parts: expressions, conditions (`Q`), querysets, or None for one that is not there."""
        return ()

    def static_options(self) -> Hashable:
        """What is part of the SQL but no expression; never a value that a user of the program may choose."""
        return ()

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        """The SQL of an expression with these options and parts (an Operand for each, None for one not there)."""
        raise NotImplementedError(f"{cls.__name__} does not say what its SQL is: it needs a build()")

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        """`build` before the parts are SQL, for a class in which one part decides how another is made."""
        return cls.build(static, [None if child is None else context.build(child) for child in children], context)

    def freeze(self, values: list[Any]) -> Shape:
        """The shape; values are appended to `values` in the order in which the shape names them."""
        children = tuple([None if each is None else each.freeze(values) for each in self.get_source_expressions()])
        return ("node", type(self), self.static_options(), children, freeze_field(self.output_field))

    def _as_q(self) -> Q:
        return Q._make([self], "and")

    def _with(self, operator: str, other: Any, *, reverse: bool = False) -> Combined:
        operand = as_expression(other)
        return Combined(operand, operator, self) if reverse else Combined(self, operator, operand)

    def __add__(self, other: Any) -> Combined:
        return self._with("+", other)

    def __sub__(self, other: Any) -> Combined:
        return self._with("-", other)

    def __mul__(self, other: Any) -> Combined:
        return self._with("*", other)

    def __truediv__(self, other: Any) -> Combined:
        return self._with("/", other)

    def __mod__(self, other: Any) -> Combined:
        return self._with("%", other)

    def __radd__(self, other: Any) -> Combined:
        return self._with("+", other, reverse=True)

    def __rsub__(self, other: Any) -> Combined:
        return self._with("-", other, reverse=True)

    def __rmul__(self, other: Any) -> Combined:
        return self._with("*", other, reverse=True)

    def __rtruediv__(self, other: Any) -> Combined:
        return self._with("/", other, reverse=True)

    def __rmod__(self, other: Any) -> Combined:
        return self._with("%", other, reverse=True)

    def __pow__(self, other: Any) -> Combined:
        return self._with("**", other)

    def __rpow__(self, other: Any) -> Combined:
        return self._with("**", other, reverse=True)

    def __neg__(self) -> Combined:
        return self._with("*", -1)

    def bitand(self, other: Any) -> Combined:
        """The bits that both have."""
        return self._with("&", other)

    def bitor(self, other: Any) -> Combined:
        """The bits that either has."""
        return self._with("|", other)

    def bitxor(self, other: Any) -> Combined:
        """The bits that only one of both has."""
        return self._with("#", other)

    def bitleftshift(self, other: Any) -> Combined:
        """The bits moved up by so many places."""
        return self._with("<<", other)

    def bitrightshift(self, other: Any) -> Combined:
        """The bits moved down by so many places."""
        return self._with(">>", other)

    def asc(self, *, nulls_first: bool = False, nulls_last: bool = False) -> OrderBy:
        """In ascending order."""
        return OrderBy(self, nulls_first=nulls_first, nulls_last=nulls_last)

    def desc(self, *, nulls_first: bool = False, nulls_last: bool = False) -> OrderBy:
        """In descending order."""
        return OrderBy(self, descending=True, nulls_first=nulls_first, nulls_last=nulls_last)


class F(Expression):
    """A field, a field of a relation (`author__name`) or an annotation, by name."""

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f'F() takes the name of a field, such as F("title"), got {name!r}')
        self._path = name

    @property
    def name(self) -> Any:
        """The name or path as it was given; of `Book.author` it may be a field of the author, but never `_path`."""
        return self._path

    def freeze(self, values: list[Any]) -> Shape:
        return ("F", self._path)

    def __getitem__(self, key: int | slice) -> Sliced:
        """Characters of a text, or items of an array, counted from 0: `F("title")[:10]`, `F("scores")[0]`."""
        return Sliced(self, key)

    # Having items, it would otherwise be taken for something to loop over, for ever.
    __iter__: ClassVar[None] = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"


class OuterRef(F):
    """In a subquery: a field of the query around it; `OuterRef(OuterRef("x"))` is of the one around that."""

    def __init__(self, name: str | F) -> None:
        self.depth: int = name.depth + 1 if isinstance(name, OuterRef) else 1
        super().__init__(name._path if isinstance(name, F) else name)

    def freeze(self, values: list[Any]) -> Shape:
        return ("outer", self._path, self.depth)


class Sliced(Expression):
    """A part of a text or of an array; see `F.__getitem__`. What there is less of is left out, as in Python."""

    def __init__(self, expression: Expression, key: int | slice) -> None:
        self.expression, self.key = expression, key
        if not isinstance(key, int | slice):
            raise TypeError("Argument to slice must be either int or slice instance.")
        if isinstance(key, slice):
            if key.step is not None:
                raise ValueError("Step argument is not supported.")
            start, stop = key.start or 0, key.stop
        else:
            start, stop = key, key + 1
        for number in (start, stop):
            if number is not None and number.__class__ is not int:
                raise TypeError("Argument to slice must be either int or slice instance.")
        if start < 0 or (stop is not None and stop < 0):
            raise ValueError("Negative indexing is not supported.")
        if stop is not None and stop <= start:
            raise ValueError("Slice stop must be greater than slice start.")
        self.start, self.stop = start, stop

    def get_source_expressions(self) -> Sequence[Any]:
        return [self.expression, *(Value(each) for each in (self.start, self.stop) if each is not None)]

    def static_options(self) -> Hashable:
        return isinstance(self.key, slice)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        return sliced(operands[0], [operand.element for operand in operands[1:]], context, is_slice=static)

    def __repr__(self) -> str:
        return f"{self.expression!r}[{self.key!r}]"


class RawSQL(Expression):
    """SQL of one's own, its values as parameters: `RawSQL("select max(x) from other where y = %s", [3])`.

    Each `%s` stands for a value, `%%` for a percent sign. The text is the programmer's: never put into it what a user
    has sent. https://docs.djangoproject.com/en/5.2/ref/models/expressions/#raw-sql-expressions
    """

    def __init__(self, sql: str, params: Sequence[Any] = (), output_field: Field[Any] | None = None) -> None:
        places = sql.replace("%%", "").count("%s")
        if places != len(params):
            raise ValueError(f"RawSQL has {places} times %s, for {len(params)} values: {sql!r}")
        self.sql, self.params = sql, [as_expression(each) for each in params]
        if output_field is not None:
            self.output_field = output_field

    def get_source_expressions(self) -> Sequence[Any]:
        return self.params

    def static_options(self) -> Hashable:
        return self.sql

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        field = context.output_field or field_of_kind("text")
        element = interleaved(_raw_pieces(static), [operand.element for operand in operands], field.sql_type())
        convert = _as_it_comes if context.output_field is None else conversion_of(field)
        return context.operand(element, field, nullable=True, convert=convert)

    def __repr__(self) -> str:
        return f"RawSQL({self.sql!r}, {self.params!r})"


def _as_it_comes(value: Any) -> Any:
    return value


def _raw_pieces(sql: str) -> list[str]:
    """The text around the parameters."""
    return [piece.replace("\0", "%") for piece in sql.replace("%%", "\0").split("%s")]


_VALUE_KINDS: dict[type[Any], str] = {
    bool: "boolean",
    int: "bigint",
    float: "float",
    str: "text",
    bytes: "binary",
    decimal.Decimal: "decimal",
    dt.datetime: "datetime",
    dt.date: "date",
    dt.time: "time",
    dt.timedelta: "duration",
    uuid.UUID: "uuid",
}


class Value(Expression):
    """A value where an expression is wanted. Its type is told from the value, or by `output_field`."""

    def __init__(self, value: Any, output_field: Field[Any] | None = None) -> None:
        self.value, self.output_field = value, output_field

    def freeze(self, values: list[Any]) -> Shape:
        if self.value is None:
            return ("none", freeze_field(self.output_field))
        kind = None if self.output_field is not None else kind_of_value(self.value)
        values.append(self.value)
        return ("value", kind, freeze_field(self.output_field))

    def __repr__(self) -> str:
        return f"Value({self.value!r})"


class Bare(Expression):
    """A value whose type another part of the same expression says; that one's `build_node` binds it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def freeze(self, values: list[Any]) -> Shape:
        values.append(self.value)
        return ("bare",)

    def __repr__(self) -> str:
        return repr(self.value)


def kind_of_value(value: Any) -> str:
    """The kind of a field for such values. Raises FieldError when there is none."""
    for base in type(value).__mro__:
        if base in _VALUE_KINDS:
            return _VALUE_KINDS[base]
    if isinstance(value, dict | list):
        return "json"
    raise FieldError(f"Value({value!r}): a {type(value).__name__} needs an output_field to be used in a query")


def has_aggregate(shape: Any) -> bool:
    """Whether an expression of this shape is computed from many rows."""
    if shape is None or shape[0] != "node":
        return False
    known: bool | None = shape[1].contains_aggregate
    return any(has_aggregate(child) for child in shape[3]) if known is None else known


def as_expression(value: Any) -> Any:
    """An expression or queryset as it is, anything else as a `Value`."""
    return value if hasattr(value, "freeze") else Value(value)


def as_field_or_expression(value: Any) -> Any:
    """As `as_expression`, but a text names a field: how functions and aggregates take their arguments."""
    if isinstance(value, str):
        return F(value)
    return as_expression(value)


class Combined(Expression):
    """Two expressions and an arithmetic operator."""

    def __init__(self, left: Any, operator: str, right: Any) -> None:
        self.left, self.operator, self.right = left, operator, right

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.left, self.right)

    def static_options(self) -> Hashable:
        return self.operator

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        left, right = operands
        field = context.output_field or combined_field(left, static, right)
        if field is None:
            raise refusal(left, static, right)
        element = combine(left, static, right, context.dialect)
        # Division by zero is NULL but on PostgreSQL.
        nullable = left.nullable or right.nullable or static in "/%"
        return context.operand(element, field, operands, nullable=nullable)

    def __repr__(self) -> str:
        return f"({self.left!r} {self.operator} {self.right!r})"


class ExpressionWrapper(Expression):
    """An expression whose type is said explicitly."""

    def __init__(self, expression: Any, output_field: Field[Any]) -> None:
        self.expression, self.output_field = as_expression(expression), output_field

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.expression,)

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        (inner,) = children
        if inner[0] == "node" and inner[4] is None:
            # What cannot tell its own type is told it here.
            inner = (*inner[:4], freeze_field(context.output_field))
        operand = context.build(inner)
        return context.operand(operand.element, operand.field, [operand])

    def __repr__(self) -> str:
        return f"ExpressionWrapper({self.expression!r})"


class OrderBy(Expression):
    """An ordering by an expression."""

    def __init__(
        self, expression: Any, *, descending: bool = False, nulls_first: bool = False, nulls_last: bool = False
    ) -> None:
        if nulls_first and nulls_last:
            raise ValueError("nulls_first and nulls_last exclude each other")
        self.expression, self.descending = as_field_or_expression(expression), descending
        self.nulls = "first" if nulls_first else "last" if nulls_last else None

    def freeze(self, values: list[Any]) -> Shape:
        return ("order", self.expression.freeze(values), self.descending, self.nulls)

    def __repr__(self) -> str:
        nulls = "" if self.nulls is None else f", nulls_{self.nulls}=True"
        return f"OrderBy({self.expression!r}, descending={self.descending}{nulls})"

    def reversed(self) -> OrderBy:
        """The opposite order."""
        nulls = {"first": "last", "last": "first", None: None}[self.nulls]
        return OrderBy(
            self.expression,
            descending=not self.descending,
            nulls_first=nulls == "first",
            nulls_last=nulls == "last",
        )
