"""`ArrayField`: a list of values in one column, and its lookups."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

import sqlalchemy
from sqlalchemy import func
from sqlalchemy.dialects import postgresql

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.func import Transform
from vivace.orm.expressions.lookups.base import Clause, Right, after
from vivace.orm.expressions.lookups.comparisons import In
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.transforms import TransformNode
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import IntegerField
from vivace.orm.postgresql.only import OperatorLookup, PostgreSQLField
from vivace.utils.exceptions import ValidationError
from vivace.utils.fieldspec import NO_DEFAULT, Kind
from vivace.utils.validators import MaxLengthValidator, Validator

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.expressions.operands import Context

T = TypeVar("T")


def items_as_text(base_field: Field[Any], values: Sequence[Any]) -> list[str | None]:
    """Each item as `base_field` says it in a serialized row."""
    name = base_field.attname
    # What value_to_string() is asked of has the value as an attribute.
    return [
        None if value is None else base_field.value_to_string(cast("Model", SimpleNamespace(**{name: value})))
        for value in values
    ]


class ArrayField(PostgreSQLField[list[T]], Generic[T]):
    """A list whose items are values of `base_field`, at most `size` of them; arrays of arrays are of equal lengths.

    https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/fields/#arrayfield
    """

    kind: ClassVar[Kind] = "array"
    python_type = list
    default_error_messages = {
        "item_invalid": "Item %(nth)s in the array did not validate:",
        "nested_array_mismatch": "Nested arrays must have the same length.",
        "invalid": "“%(value)s” is not a list.",
    }

    def __init__(
        self, base_field: Field[T], size: int | None = None, verbose_name: str | None = None, **options: Any
    ) -> None:
        if not isinstance(base_field, Field):
            raise ModelDefinitionError(f"ArrayField takes a field for its items, got {base_field!r}")
        if base_field.is_relation:
            raise ModelDefinitionError("Base field for array cannot be a related field.")
        if base_field.has_default() or base_field.primary_key or base_field.unique:
            raise ModelDefinitionError("The items of an ArrayField have no default and no uniqueness of their own")
        if size is not None and size < 1:
            raise ModelDefinitionError(f"ArrayField(size={size!r}): at least one item, or None for any number")
        super().__init__(verbose_name, **options)
        base_field.attname = base_field.name  # of which its value is the attribute, when it becomes text
        self.base_field, self.size = base_field, size

    def bind(self, model: type[Model], name: str) -> None:
        super().bind(model, name)
        self.base_field.name = self.base_field.attname = self.name

    @property
    def validators(self) -> list[Validator]:
        given = super().validators
        return given if self.size is None else [*given, MaxLengthValidator(self.size)]

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str):
            # As a serialized row has it.
            try:
                value = json.loads(value)
            except ValueError:
                raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value}) from None
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value})
        return self._each(value, self.base_field.to_python)

    def _each(self, values: Any, function: Callable[[Any], Any]) -> list[Any]:
        errors: list[ValidationError] = []
        done = []
        for number, item in enumerate(values):
            try:
                done.append(function(item))
            except ValidationError as error:
                for each in error.error_list:
                    prefix = self.error_messages["item_invalid"] % {"nth": number + 1}
                    errors.append(
                        ValidationError(
                            f"{prefix} {each.message}", each.code, {**(each.params or {}), "nth": number + 1}
                        )
                    )
        if errors:
            raise ValidationError(errors)
        return done

    def validate(self, value: Any, instance: Model | None) -> None:
        super().validate(value, instance)
        self._each(value or (), lambda item: self.base_field.validate(item, instance))
        if isinstance(self.base_field, ArrayField) and len({len(item) for item in value or ()}) > 1:
            raise ValidationError(self.error_messages["nested_array_mismatch"], "nested_array_mismatch")

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        self._each(value or (), self.base_field.run_validators)

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise TypeError(f"Field “{self.name}” expected a list but got {value!r}.")
        prepare = self.base_field.get_prep_value
        return [prepare(item) for item in value]

    def value_to_string(self, instance: Model) -> str:
        return json.dumps(items_as_text(self.base_field, getattr(instance, self.attname)))

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return _array(self, lambda field: field.sql_type())

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        # An array of texts is no array of short texts to PostgreSQL: it converts none to the other by itself.
        return self.sql_type()

    def postgresql_bind(self) -> Callable[[Any], Any]:
        convert, prepare = self.base_field.bind_converter("postgresql"), self.get_prep_value
        return lambda values: [None if item is None else convert(item) for item in prepare(values)]

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        convert = self.base_field.row_converter(dialect)
        if convert is None:
            # A list of its own: the row must go on saying what was loaded when the attribute is appended to.
            return list
        return lambda values: [None if item is None else convert(item) for item in values]

    def get_transform(self, lookup_name: str) -> Any:
        """Beside what is registered: `tags__0` for an item, `tags__0_2` for a slice."""
        found = super().get_transform(lookup_name)
        if found is not None:
            return found
        first, _, last = lookup_name.partition("_")
        if first.isdecimal() and not last and "_" not in lookup_name:
            return _ItemFactory(int(first) + 1, self.base_field)
        if first.isdecimal() and last.isdecimal():
            return _SliceFactory(int(first) + 1, int(last), self)
        return None


def _array(field: ArrayField[Any], type_of: Callable[[Field[Any]], Any]) -> sqlalchemy.types.TypeEngine[Any]:
    depth, inner = 1, field.base_field
    while isinstance(inner, ArrayField):
        depth, inner = depth + 1, inner.base_field
    return postgresql.ARRAY(type_of(inner), dimensions=depth)


def item_of(field: Field[Any]) -> Field[Any]:
    """A field of the same values that stands for itself: no key, not unique, without a default."""
    target = getattr(field, "target_field", None)
    if target is not None:
        return item_of(target)
    item = copy.copy(field)
    item.primary_key = item.unique = False
    item.default = NO_DEFAULT
    item.null = True
    return item


class _ItemFactory:
    """Makes the transform of one index."""

    def __init__(self, index: int, base_field: Field[Any]) -> None:
        self.index, self.base_field = index, base_field

    def __call__(self, expression: Any) -> ArrayItem:
        return ArrayItem(expression, self.index, self.base_field)


class _SliceFactory:
    """Makes the transform of one slice."""

    def __init__(self, first: int, last: int, field: ArrayField[Any]) -> None:
        self.first, self.last, self.field = first, last, field

    def __call__(self, expression: Any) -> ArraySlice:
        return ArraySlice(expression, self.first, self.last, self.field)


class ArrayItem(TransformNode):
    """One item, counted from 1 as PostgreSQL does."""

    def __init__(self, expression: Any, index: int, base_field: Field[Any]) -> None:
        self.expression, self.index, self.output_field = expression, index, base_field

    def get_source_expressions(self) -> Sequence[Any]:
        return [self.expression]

    def static_options(self) -> int:
        return self.index

    @classmethod
    def build(cls, static: int, operands: Sequence[Any], context: Context) -> Operand:
        (array,) = operands
        assert context.output_field is not None
        # Of an array of arrays, `a[1][2]` is an item and `(a[1])[2]` null, so nothing may come between.
        indexed = _as_array(array.element, postgresql.ARRAY(sqlalchemy.types.NULLTYPE))[static]
        return context.operand(indexed, context.output_field, operands, nullable=True)


class ArraySlice(TransformNode):
    """The items from one place to another, both included and counted from 1."""

    def __init__(self, expression: Any, first: int, last: int, field: ArrayField[Any]) -> None:
        self.expression, self.first, self.last, self.output_field = expression, first, last, field

    def get_source_expressions(self) -> Sequence[Any]:
        return [self.expression]

    def static_options(self) -> tuple[int, int]:
        return (self.first, self.last)

    @classmethod
    def build(cls, static: tuple[int, int], operands: Sequence[Any], context: Context) -> Operand:
        (array,) = operands
        assert context.output_field is not None
        first, last = static
        part = _as_array(array.element, context.output_field.sql_type())[first:last]
        return context.operand(part, context.output_field, operands)


def _as_array(element: Any, array_type: Any) -> Any:
    return element if isinstance(element.type, postgresql.ARRAY) else sqlalchemy.type_coerce(element, array_type)


class _ArrayOperator(OperatorLookup):
    @classmethod
    def right_side(cls, lhs: Operand, rhs: Operand) -> Any:
        return sqlalchemy.cast(rhs.element, lhs.field.sql_type())


@ArrayField.register_lookup
class ArrayContains(_ArrayOperator):
    """Has all of these items."""

    lookup_name, operator = "contains", "@>"


@ArrayField.register_lookup
class ArrayContainedBy(_ArrayOperator):
    """Has no others than these items."""

    lookup_name, operator = "contained_by", "<@"


@ArrayField.register_lookup
class ArrayOverlap(_ArrayOperator):
    """Has at least one of these items."""

    lookup_name, operator = "overlap", "&&"


@ArrayField.register_lookup
class ArrayExact(_ArrayOperator):
    """The same items in the same order."""

    lookup_name, operator = "exact", "="

    @classmethod
    def of_none(cls, lhs: Operand, context: Context) -> Clause:
        return lhs.element.is_(None)


@ArrayField.register_lookup
class ArrayIn(In):
    """One of these lists."""

    @classmethod
    def of_values(cls, lhs: Operand, right: Right, context: Context) -> Clause:
        # An array of arrays would have to be rectangular; their texts need not be.
        convert = after(right.key, context.binds.converter(lhs.field))
        texts = context.binds.add(
            right.payload,
            lambda values: [array_text(convert(value)) for value in values if value is not None],
            postgresql.ARRAY(sqlalchemy.Text()),
        )
        items = func.unnest(texts).column_valued("wanted")
        return lhs.element.in_(sqlalchemy.select(sqlalchemy.cast(items, lhs.field.sql_type())))


def array_text(value: Any) -> str:
    """A list as PostgreSQL writes arrays: `{"a","b",NULL}`."""
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return "{" + ",".join(array_text(item) for item in value) + "}"
    if isinstance(value, bytes):
        value = "\\x" + value.hex()
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


@ArrayField.register_lookup
class ArrayLength(Transform):
    """How many items; 0 for an empty list."""

    lookup_name = "len"
    output_field = IntegerField(null=True)

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Any:
        (array,) = operands
        zero: Any = sqlalchemy.literal_column("0")
        one: Any = sqlalchemy.literal_column("1")
        return sqlalchemy.case(
            (array.element.is_(None), sqlalchemy.null()),
            else_=func.coalesce(func.array_length(array.element, one), zero),
        )
