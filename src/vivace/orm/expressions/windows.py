"""`Window`: an aggregate or a window function over the rows around each row.

https://docs.djangoproject.com/en/5.2/ref/models/expressions/#window-functions
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from enum import Enum
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, literal_column
from sqlalchemy.ext.compiler import compiles

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.aggregates import direction, ordering
from vivace.orm.expressions.base import Expression, as_field_or_expression
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.expressions.output_fields import field_of
from vivace.orm.expressions.templates import Templated, compile_template, templated
from vivace.orm.fields.base import Field


class WindowFrameExclusion(Enum):
    """Which rows a frame leaves out."""

    CURRENT_ROW = "CURRENT ROW"
    GROUP = "GROUP"
    TIES = "TIES"
    NO_OTHERS = "NO OTHERS"


class WindowFrame:
    """Which rows of a partition count, from `start` to `end`; None is the partition's first or last row.

    0 is the current row, a negative number is so many before it, a positive one so many after it.
    """

    frame_type: ClassVar[str]

    def __init__(
        self, start: int | None = None, end: int | None = None, exclusion: WindowFrameExclusion | None = None
    ) -> None:
        for name, value in (("start", start), ("end", end)):
            if value is not None and value.__class__ is not int:
                raise ValueError(f"{name} argument must be an integer, zero, or None, but got {value!r}.")
        if start is not None and end is not None and start > end:
            raise ValueError("start cannot be greater than end.")
        if exclusion is not None and not isinstance(exclusion, WindowFrameExclusion):
            raise TypeError(f"{type(self).__name__}.exclusion must be a WindowFrameExclusion instance.")
        self.start, self.end, self.exclusion = start, end, exclusion

    @property
    def sql(self) -> str:
        """The frame's text: numbers and words only."""
        start = "UNBOUNDED PRECEDING" if self.start is None else _bound(self.start)
        end = "UNBOUNDED FOLLOWING" if self.end is None else _bound(self.end)
        exclusion = "" if self.exclusion is None else f" EXCLUDE {self.exclusion.value}"
        return f"{self.frame_type} BETWEEN {start} AND {end}{exclusion}"

    def check(self, dialect: str) -> None:
        """Raises NotSupportedError for what the database has not."""
        if self.exclusion is not None and dialect == "mysql":
            raise NotSupportedError("This backend does not support window frame exclusions.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.sql}>"


def _bound(place: int) -> str:
    if place == 0:
        return "CURRENT ROW"
    return f"{abs(place)} {'PRECEDING' if place < 0 else 'FOLLOWING'}"


class RowRange(WindowFrame):
    """A frame counted in rows."""

    frame_type = "ROWS"


class ValueRange(WindowFrame):
    """A frame by the values that are ordered by."""

    frame_type = "RANGE"

    def __init__(
        self, start: int | None = None, end: int | None = None, exclusion: WindowFrameExclusion | None = None
    ) -> None:
        super().__init__(start, end, exclusion)
        if start is not None and start > 0:
            raise ValueError(f"start argument must be a negative integer, zero, or None, but got '{start}'.")
        if end is not None and end < 0:
            raise ValueError(f"end argument must be a positive integer, zero, or None, but got '{end}'.")

    def check(self, dialect: str) -> None:
        super().check(dialect)
        if dialect == "postgresql" and (self.start or self.end):
            raise NotSupportedError("PostgreSQL only supports UNBOUNDED together with PRECEDING and FOLLOWING.")


class Over(Templated):
    """`function OVER (…)`."""

    inherit_cache = False


compiles(Over)(compile_template)


class Window(Expression):
    """`Window(Rank(), partition_by="author", order_by="-pages")`; `frame` is a RowRange or a ValueRange."""

    contains_aggregate = False

    def __init__(
        self,
        expression: Any,
        partition_by: Any = None,
        order_by: Any = None,
        frame: WindowFrame | None = None,
        output_field: Field[Any] | None = None,
    ) -> None:
        if not getattr(expression, "window_compatible", False):
            raise ValueError(f"Expression '{type(expression).__name__}' isn't compatible with OVER clauses.")
        if frame is not None and not isinstance(frame, WindowFrame):
            raise TypeError(f"frame is a RowRange or a ValueRange, got {frame!r}")
        self.expression, self.frame = expression, frame
        self.partition_by = [as_field_or_expression(each) for each in _listed(partition_by)]
        self.order_by = [ordering(each) for each in _listed(order_by)]
        if output_field is not None:
            self.output_field = output_field

    def get_source_expressions(self) -> Sequence[Any]:
        return [self.expression, *self.partition_by, *self.order_by]

    def static_options(self) -> Hashable:
        frame = self.frame
        described = None if frame is None else (type(frame), frame.start, frame.end, frame.exclusion)
        return (len(self.partition_by), described)

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        count, described = static
        function, *rest = children
        partition = [context.build(shape) for shape in rest[:count]]
        order = [direction(shape, context) for shape in rest[count:]]
        frame = None if described is None else described[0](*described[1:])
        if frame is not None:
            frame.check(context.dialect)
        window = _window([each.element for each in partition], [each.clause for each in order], frame)
        _, function_class, options, parts, output = function
        inner = Context(context.select, field_of(output) or context.output_field)
        inner.over = lambda element: _over(element, window)
        operand: Operand = function_class.build_node(options, parts, inner)
        context.select.has_windows = True
        return context.operand(
            operand.element,
            operand.field,
            nullable=operand.nullable,
            aggregate=any(each.aggregate for each in partition),
            window=True,
            convert=operand.convert,
        )

    def __repr__(self) -> str:
        return f"Window({self.expression!r})"


def _listed(items: Any) -> Sequence[Any]:
    if items is None:
        return ()
    return items if isinstance(items, list | tuple) else (items,)


def _window(partition: list[Any], order: list[Any], frame: WindowFrame | None) -> list[ColumnElement[Any]]:
    """What stands in the parentheses behind OVER, in parts."""
    parts: list[ColumnElement[Any]] = []
    for words, elements in (("PARTITION BY", partition), ("ORDER BY", order)):
        if elements:
            parts.append(templated(f"{words} %(expressions)s", elements, elements[0].type))
    if frame is not None:
        parts.append(literal_column(frame.sql))
    return parts


def _over(element: ColumnElement[Any], window: list[ColumnElement[Any]]) -> ColumnElement[Any]:
    inside = templated("(%(expressions)s)", window, element.type, separator=" ")
    return Over(("", ""), " OVER ", [element, inside], element.type)
