"""`Func`: a database function, as Django's is made: `function`, `template`, `arity`, and hooks for single databases."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import ColumnElement

from vivace.orm.expressions.base import Expression, as_field_or_expression
from vivace.orm.expressions.kinds import common_field
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.expressions.templates import checked_name, templated
from vivace.orm.expressions.transforms import TransformNode
from vivace.orm.fields.base import Field

# Options of a call that are the programmer's own SQL, as the attributes of the class are.
_NOT_WORDS = frozenset({"template", "function", "arg_joiner"})


class Func(Expression):
    """A database function. Arguments are expressions; texts name fields, other values are values.

        class Soundex(Func):
            function = "SOUNDEX"
            output_field = CharField()

    `function`, `template`, `arg_joiner` and `arity` are Django's and may also be given to a call. Where databases
    differ, a class method `as_sqlite`, `as_postgresql` or `as_mysql` with the parameters of `as_sql` makes the SQL.
    https://docs.djangoproject.com/en/5.2/ref/models/expressions/#func-expressions
    """

    function: ClassVar[str | None] = None
    template: ClassVar[str] = "%(function)s(%(expressions)s)"
    arg_joiner: ClassVar[str] = ", "
    arity: ClassVar[int | None] = None
    window_compatible: ClassVar[bool] = False
    """Whether it can stand in a `Window`."""

    def __init__(self, *expressions: Any, output_field: Field[Any] | None = None, **extra: Any) -> None:
        if self.arity is not None and len(expressions) != self.arity:
            plural = "argument" if self.arity == 1 else "arguments"
            raise TypeError(f"'{type(self).__name__}' takes exactly {self.arity} {plural} ({len(expressions)} given)")
        self.expressions = [as_field_or_expression(each) for each in expressions]
        if output_field is not None:
            self.output_field = output_field
        self.extra = extra

    def get_source_expressions(self) -> Sequence[Any]:
        return self.expressions

    def static_options(self) -> Hashable:
        return tuple(sorted(self.extra.items())) if self.extra else ()

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        if context.output_field is None:
            context.output_field = cls.resolve_output_field(operands, context)
        context.options = dict(static)
        make: Callable[..., ColumnElement[Any]] = getattr(cls, f"as_{context.dialect}", cls.as_sql)
        element = make(operands, context)
        return cls.operand(element if context.over is None else context.over(element), operands, context)

    @classmethod
    def operand(cls, element: ColumnElement[Any], operands: Sequence[Any], context: Context) -> Operand:
        """What is known about the result."""
        assert context.output_field is not None
        return context.operand(element, context.output_field, operands)

    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        """The type of the result when none was given: the arguments', unless a subclass knows better."""
        return common_field(operands)

    @classmethod
    def as_sql(
        cls,
        operands: Sequence[Operand],
        context: Context,
        *,
        function: str | None = None,
        template: str | None = None,
        arg_joiner: str | None = None,
        elements: Sequence[ColumnElement[Any]] | None = None,
        **words: str,
    ) -> ColumnElement[Any]:
        """The SQL: the template, with the arguments (or `elements` in their place) and `words` filled in."""
        options: Mapping[str, Any] = {**context.options, **words}
        known = {name: word for name, word in options.items() if name not in _NOT_WORDS}
        name = function or options.get("function") or cls.function
        chosen = template or options.get("template") or cls.template
        if name is None and "%(function)s" in chosen:
            raise TypeError(f"{cls.__name__} has no function: set `function` on the class, or give function=…")
        assert context.output_field is not None
        return templated(
            chosen,
            [operand.element for operand in operands] if elements is None else elements,
            context.output_field.sql_type(),
            separator=arg_joiner or options.get("arg_joiner") or cls.arg_joiner,
            words={**known, "function": "" if name is None else checked_name(name)},
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.expressions))})"


class Transform(TransformNode, Func):
    """A function of one argument that can stand in a lookup by its `lookup_name`, once it is registered.

    https://docs.djangoproject.com/en/5.2/ref/models/lookups/#transform-reference
    """

    arity: ClassVar[int | None] = 1
