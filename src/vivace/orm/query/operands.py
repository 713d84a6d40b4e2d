"""Expressions into SQL: what `F("pages") * 2`, `Count("tags")` or `Case(...)` become, and of which type they are."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement, func

from vivace.orm.exceptions import FieldError
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, BooleanField, DecimalField, FloatField
from vivace.orm.fields.other import BinaryField, JSONField, UUIDField
from vivace.orm.fields.text import TextField
from vivace.orm.fields.times import DateField, DateTimeField, DurationField, TimeField
from vivace.orm.query.conditions import Shape
from vivace.orm.query.lookups import TEXT_KINDS
from vivace.orm.query.operand import Operand
from vivace.orm.query.output_fields import field_of

if TYPE_CHECKING:
    from vivace.orm.query.binds import Binds
    from vivace.orm.query.select import Select

INTEGER_KINDS = frozenset({"integer", "bigint", "smallint"})


class LooseDecimal(DecimalField[Any]):
    """A computed decimal, of as many digits as there are."""

    def __init__(self) -> None:
        super().__init__(max_digits=1000, decimal_places=500, null=True)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Numeric()

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return None if dialect == "postgresql" else _decimal_of_number


def _decimal_of_number(value: Any) -> decimal.Decimal:
    # A float's digits past the fifteenth are noise of the addition.
    return (
        decimal.Context(prec=15).create_decimal_from_float(value)
        if isinstance(value, float)
        else decimal.Decimal(value)
    )


_KINDS: dict[str, Callable[[], Field[Any]]] = {
    "boolean": lambda: BooleanField(null=True),
    "bigint": lambda: BigIntegerField(null=True),
    "float": lambda: FloatField(null=True),
    "text": lambda: TextField(null=True),
    "binary": lambda: BinaryField(null=True),
    "decimal": LooseDecimal,
    "datetime": lambda: DateTimeField(null=True),
    "date": lambda: DateField(null=True),
    "time": lambda: TimeField(null=True),
    "duration": lambda: DurationField(null=True),
    "uuid": lambda: UUIDField(null=True),
    "json": lambda: JSONField(null=True),
}


class Context:
    """What an expression's `build` may use."""

    __slots__ = ("output_field", "select")

    def __init__(self, select: Select, output_field: Field[Any] | None = None) -> None:
        self.select, self.output_field = select, output_field
        """`output_field` is the one that the expression was given, which the result has in any case."""

    @property
    def binds(self) -> Binds:
        """The parameters of the statement."""
        return self.select.binds

    @property
    def dialect(self) -> str:
        """ "sqlite", "postgresql" or "mysql" (which MariaDB is, too)."""
        return self.select.binds.dialect

    def build(self, shape: Shape) -> Operand:
        """The SQL of a part, which may be a condition."""
        return build(shape, self.select)

    def bind(self, shape: Shape, field: Field[Any]) -> ColumnElement[Any]:
        """The parameter of a part that is a `Bare` or a plain `Value`, as a value of `field`; else the part's SQL."""
        if shape[0] in ("bare", "value"):
            return self.select.binds.of_field(shape[-1], field)
        return self.build(shape).element

    def operand(
        self, element: ColumnElement[Any], field: Field[Any], parts: Sequence[Operand | None] = (), **known: Any
    ) -> Operand:
        """An operand that is nullable, an aggregate or a window when one of its parts is; `known` overrides that."""
        given = [part for part in parts if part is not None]
        return Operand(
            element,
            self.output_field or field,
            known.get("nullable", any(part.nullable for part in given)),
            known.get("aggregate", any(part.aggregate for part in given)),
            known.get("convert"),
            known.get("window", any(part.window for part in given)),
        )


def build(expression: Shape, select: Select) -> Operand:
    """The SQL of a numbered expression in `select`. Raises FieldError for what cannot be computed."""
    return _BUILDERS[expression[0]](expression, select)


def _node(expression: Shape, select: Select) -> Operand:
    _, cls, static, children, output = expression
    context = Context(select, field_of(output))
    operand: Operand = cls.build_node(static, children, context)
    if context.output_field is None or operand.field is context.output_field:
        return operand
    return replace(operand, field=context.output_field, convert=None)


def _bare(expression: Shape, select: Select) -> Operand:
    raise FieldError("A value without a type stands where an expression is wanted: use Value(…)")


def _condition(expression: Shape, select: Select) -> Operand:
    clause, aggregate = select.condition(expression)
    return Operand(clause, BooleanField(null=True), aggregate=aggregate)


def _f(expression: Shape, select: Select) -> Operand:
    return select.operand_of(expression[1])


def _outer(expression: Shape, select: Select) -> Operand:
    if select.outer is None:
        raise FieldError(f"OuterRef({expression[1]!r}) has a meaning only in a subquery")
    return select.outer.operand_of(expression[1])


def _value(expression: Shape, select: Select) -> Operand:
    _, kind, output, slot = expression
    field = field_of(output) or _KINDS[kind]()
    return Operand(select.binds.of_field(slot, field), field, nullable=False)


def _none(expression: Shape, select: Select) -> Operand:
    return Operand(sqlalchemy.null(), field_of(expression[1]) or TextField(null=True))


def _typed(expression: Shape, select: Select) -> Operand:
    operand = build(expression[1], select)
    field = field_of(expression[2]) or operand.field
    return Operand(operand.element, field, operand.nullable, operand.aggregate)


def _combined(expression: Shape, select: Select) -> Operand:
    _, operator, left_shape, right_shape = expression
    left, right = build(left_shape, select), build(right_shape, select)
    field = _combined_field(left, operator, right, select.binds.dialect)
    operate = _OPERATORS[operator]
    nullable, aggregate = left.nullable or right.nullable, left.aggregate or right.aggregate
    return Operand(operate(left.element, right.element), field, nullable, aggregate)


_OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[Any]]] = {
    "+": lambda left, right: left.op("+", precedence=7)(right),
    "-": lambda left, right: left.op("-", precedence=7)(right),
    "*": lambda left, right: left.op("*", precedence=8)(right),
    "/": lambda left, right: left.op("/", precedence=8)(right),
    "%": lambda left, right: left % right,
}


def _combined_field(left: Operand, operator: str, right: Operand, dialect: str) -> Field[Any]:
    kinds = (kind_of(left.field), kind_of(right.field))
    if all(kind in INTEGER_KINDS for kind in kinds):
        return BigIntegerField(null=True)
    numbers = INTEGER_KINDS | {"float", "decimal"}
    if all(kind in numbers for kind in kinds):
        return FloatField(null=True) if "float" in kinds else LooseDecimal()
    if dialect == "postgresql" and operator in "+-":
        moments = {"datetime", "date", "time"}
        if kinds[0] in moments and kinds[1] == "duration":
            return DateTimeField(null=True) if kinds[0] != "time" else TimeField(null=True)
        if kinds == ("datetime", "datetime") and operator == "-":
            return DurationField(null=True)
    if kinds == ("duration", "duration") and operator in "+-":
        return DurationField(null=True)
    raise FieldError(
        f"{kinds[0]} {operator} {kinds[1]} cannot be computed by this database; for a type that you know, use "
        "ExpressionWrapper(…, output_field=…)"
    )


def kind_of(field: Field[Any]) -> str:
    """The kind of a field's value; a foreign key's is its target's."""
    target = getattr(field, "target_field", None)
    return field.kind if target is None else kind_of(target)


def _function(expression: Shape, select: Select) -> Operand:
    _, name, shapes, output = expression
    arguments = [build(shape, select) for shape in shapes]
    element, field = FUNCTIONS[name](arguments, field_of(output), select.binds.dialect)
    nullable = any(argument.nullable for argument in arguments) if name != "coalesce" else arguments[-1].nullable
    return Operand(element, field_of(output) or field, nullable, any(argument.aggregate for argument in arguments))


Built = tuple[ColumnElement[Any], Field[Any]]


def _text_function(name: str) -> Callable[[list[Operand], Field[Any] | None, str], Built]:
    def make(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
        return getattr(func, name)(*(argument.element for argument in arguments)), TextField(null=True)

    return make


def _length(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
    return func.length(arguments[0].element), BigIntegerField(null=True)


def _abs(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
    return func.abs(arguments[0].element), arguments[0].field


def _coalesce(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
    return func.coalesce(*(argument.element for argument in arguments)), arguments[0].field


def _concat(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
    parts = [
        argument.element
        if kind_of(argument.field) in TEXT_KINDS
        else sqlalchemy.cast(argument.element, sqlalchemy.Text())
        for argument in arguments
    ]
    element: Any = func.coalesce(parts[0], sqlalchemy.literal_column("''"))
    for part in parts[1:]:
        element = element.op("||", precedence=7)(func.coalesce(part, sqlalchemy.literal_column("''")))
    return element, TextField(null=True)


def _extreme(postgresql: str, sqlite: str) -> Callable[[list[Operand], Field[Any] | None, str], Built]:
    def make(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
        function = getattr(func, postgresql if dialect == "postgresql" else sqlite)
        return function(*(argument.element for argument in arguments)), arguments[0].field

    return make


def _nullif(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
    return func.nullif(arguments[0].element, arguments[1].element), arguments[0].field


def _now(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
    if dialect == "postgresql":
        return func.statement_timestamp(), DateTimeField()
    form: Any = sqlalchemy.literal_column("'%Y-%m-%d %H:%M:%f'")
    # Padded to microseconds, as stored datetimes are; they compare as texts.
    moment = func.strftime(form, sqlalchemy.literal_column("'now'")).op("||")(sqlalchemy.literal_column("'000'"))
    return moment, DateTimeField()


def _cast(arguments: list[Operand], output: Field[Any] | None, dialect: str) -> Built:
    if output is None:
        raise FieldError("Cast() needs an output_field")
    return sqlalchemy.cast(arguments[0].element, output.sql_type()), output


FUNCTIONS: dict[str, Callable[[list[Operand], Field[Any] | None, str], Built]] = {
    "abs": _abs,
    "cast": _cast,
    "coalesce": _coalesce,
    "concat": _concat,
    "greatest": _extreme("greatest", "max"),
    "least": _extreme("least", "min"),
    "length": _length,
    "lower": _text_function("lower"),
    "now": _now,
    "nullif": _nullif,
    "replace": _text_function("replace"),
    "substr": _text_function("substr"),
    "trim": _text_function("trim"),
    "upper": _text_function("upper"),
}


def _case(expression: Shape, select: Select) -> Operand:
    _, branches, default_shape, output = expression
    built = []
    aggregate = False
    for condition, then in branches:
        clause, has_aggregate = select.condition(condition)
        operand = build(then, select)
        built.append((clause, operand))
        aggregate = aggregate or has_aggregate or operand.aggregate
    default = build(default_shape, select)
    field = field_of(output) or next(
        (operand.field for _, operand in built if not isinstance(operand.element, sqlalchemy.Null)), default.field
    )
    element = sqlalchemy.case(*((clause, operand.element) for clause, operand in built), else_=default.element)
    return Operand(element, field, nullable=True, aggregate=aggregate or default.aggregate)


def _aggregate(expression: Shape, select: Select) -> Operand:
    _, name, distinct, argument_shape, condition, default_shape, output = expression
    argument = None if argument_shape is None else build(argument_shape, select)
    if argument is not None and argument.aggregate:
        raise FieldError(f"{name} cannot be computed of another aggregate; annotate in a subquery instead")
    element: Any
    if argument is None:
        element = func.count()
    else:
        element = getattr(func, name)(argument.element.distinct() if distinct else argument.element)
    if condition is not None:
        element = element.filter(select.condition(condition)[0])
    field, convert = _aggregate_type(name, argument, select.binds.dialect)
    if name == "avg" and select.binds.dialect == "postgresql" and isinstance(field, FloatField):
        element = sqlalchemy.cast(element, sqlalchemy.Double())
    nullable = name != "count"
    if default_shape is not None:
        default = build(default_shape, select)
        element, nullable = func.coalesce(element, default.element), default.nullable
    return Operand(element, field_of(output) or field, nullable, aggregate=True, convert=convert)


def _aggregate_type(
    name: str, argument: Operand | None, dialect: str
) -> tuple[Field[Any], Callable[[Any], Any] | None]:
    if name == "count" or argument is None:
        return BigIntegerField(), None
    kind = kind_of(argument.field)
    if name in ("min", "max"):
        return argument.field, argument.convert
    if kind == "decimal":
        return LooseDecimal(), None
    if kind == "duration":
        return DurationField(null=True), None
    if kind in INTEGER_KINDS or kind == "boolean":
        # PostgreSQL sums 64-bit integers as numeric, which arrives as Decimal.
        return (FloatField(null=True), None) if name == "avg" else (BigIntegerField(null=True), int)
    if kind == "float":
        return FloatField(null=True), None
    raise FieldError(f"{name} of a {kind} has no meaning")


def _scalar(expression: Shape, select: Select) -> Operand:
    statement, operand = select.subselect(expression[1])
    return Operand(statement.scalar_subquery(), field_of(expression[2]) or operand.field, nullable=True)


def _queryset(expression: Shape, select: Select) -> Operand:
    statement, operand = select.subselect(expression)
    return Operand(statement.scalar_subquery(), operand.field, nullable=True)


def _exists(expression: Shape, select: Select) -> Operand:
    return Operand(select.subselect_exists(expression[1]), BooleanField(), nullable=False)


_BUILDERS: dict[str, Callable[[Shape, Select], Operand]] = {
    "F": _f,
    "aggregate": _aggregate,
    "bare": _bare,
    "case": _case,
    "combined": _combined,
    "exists": _exists,
    "function": _function,
    "node": _node,
    "none": _none,
    "outer": _outer,
    "q": _condition,
    "queryset": _queryset,
    "scalar": _scalar,
    "typed": _typed,
    "value": _value,
}
