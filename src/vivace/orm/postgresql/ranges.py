"""Range fields: an interval of numbers, dates or moments in one column, and its lookups."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import sqlalchemy
from sqlalchemy.dialects import postgresql

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.func import Transform
from vivace.orm.expressions.kinds import LooseDecimal
from vivace.orm.expressions.lookups.base import Right, after
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.base import Field
from vivace.orm.fields.numbers import BigIntegerField, BooleanField, DecimalField, IntegerField
from vivace.orm.fields.times import DateField, DateTimeField
from vivace.orm.postgresql.arrays import items_as_text
from vivace.orm.postgresql.only import OperatorLookup, PostgreSQLField
from vivace.utils.exceptions import ValidationError
from vivace.utils.fieldspec import Kind

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range(Generic[T]):
    """An interval. A bound that is None is infinite; `bounds` says which ends are part of it, "[)" unless given."""

    lower: T | None = None
    upper: T | None = None
    bounds: str = "[)"
    empty: bool = False

    def __post_init__(self) -> None:
        if self.bounds not in ("[)", "(]", "()", "[]"):
            raise ValueError(f"bounds is one of '[)', '(]', '()', '[]', got {self.bounds!r}")
        if self.empty:
            object.__setattr__(self, "lower", None)
            object.__setattr__(self, "upper", None)
        # An end that is not there is no part of it, so that equal ranges are equal.
        first = "(" if self.lower is None else self.bounds[0]
        last = ")" if self.upper is None else self.bounds[1]
        object.__setattr__(self, "bounds", first + last)

    @property
    def isempty(self) -> bool:
        """Whether nothing is in it."""
        return self.empty

    @property
    def lower_inc(self) -> bool:
        """Whether the lower end is part of it."""
        return self.lower is not None and self.bounds[0] == "["

    @property
    def upper_inc(self) -> bool:
        """Whether the upper end is part of it."""
        return self.upper is not None and self.bounds[1] == "]"

    @property
    def lower_inf(self) -> bool:
        """Whether it has no lower end."""
        return not self.empty and self.lower is None

    @property
    def upper_inf(self) -> bool:
        """Whether it has no upper end."""
        return not self.empty and self.upper is None

    def __contains__(self, value: Any) -> bool:
        if self.empty or value is None:
            return False
        above = self.lower is None or (value >= self.lower if self.lower_inc else value > self.lower)
        return above and (self.upper is None or (value <= self.upper if self.upper_inc else value < self.upper))

    def __bool__(self) -> bool:
        return not self.empty

    def __str__(self) -> str:
        if self.empty:
            return "empty"
        lower, upper = ("" if each is None else str(each) for each in (self.lower, self.upper))
        return f"{self.bounds[0]}{lower}, {upper}{self.bounds[1]}"


class RangeField(PostgreSQLField[Range[T]]):
    """Base of range fields. Takes a `Range`, or a pair `(lower, upper)`, whose bounds are `default_bounds`.

    https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/fields/#range-fields
    """

    kind: ClassVar[Kind] = "range"
    python_type = Range
    base_class: ClassVar[type[Field[Any]]]
    range_type: ClassVar[type[sqlalchemy.types.TypeEngine[Any]]]
    default_bounds = "[)"
    default_error_messages = {
        "invalid": "“%(value)s” is not a range: give Range(lower, upper) or a pair.",
        "bound_ordering": "The start of the range must not exceed the end of the range.",
    }

    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        if "default_bounds" in options:
            raise ModelDefinitionError(f"{type(self).__name__} has whole numbers or days, whose bounds are always [)")
        super().__init__(verbose_name, **options)
        self.base_field = self._base_field()
        self.base_field.attname = self.base_field.name  # of which an end is the attribute, when it becomes text

    def _base_field(self) -> Field[Any]:
        return self.base_class(null=True)

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        found = self._of_text(value) if isinstance(value, str) else self._range(value)
        if found is None:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value})
        convert = self.base_field.to_python
        made = Range(convert(found.lower), convert(found.upper), found.bounds, found.empty)
        if made.lower is not None and made.upper is not None and made.lower > made.upper:
            raise ValidationError(self.error_messages["bound_ordering"], "bound_ordering")
        return made

    def _of_text(self, text: str) -> Range[Any] | None:
        """The range that a serialized row has."""
        try:
            return Range(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def _range(self, value: Any) -> Range[Any] | None:
        if isinstance(value, Range):
            return value
        if isinstance(value, list | tuple) and len(value) == 2:
            return Range(value[0], value[1], self.default_bounds)
        return None

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        found = self._range(value)
        if found is None:
            raise TypeError(f"Field “{self.name}” expected a Range or a pair but got {value!r}.")
        prepare = self.base_field.get_prep_value
        return Range(prepare(found.lower), prepare(found.upper), found.bounds, found.empty)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return self.range_type()

    def postgresql_bind(self) -> Callable[[Any], Any]:
        from asyncpg import Range as DriverRange

        convert, prepare = self.base_field.bind_converter("postgresql"), self.get_prep_value

        def bind(value: Any) -> Any:
            given = prepare(value)
            if given.empty:
                return DriverRange(empty=True)
            lower, upper = (None if each is None else convert(each) for each in (given.lower, given.upper))
            return DriverRange(lower, upper, lower_inc=given.bounds[0] == "[", upper_inc=given.bounds[1] == "]")

        return bind

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        convert = self.base_field.row_converter(dialect) or (lambda value: value)

        def of_row(value: Any) -> Range[Any]:
            if value.isempty:
                return Range(empty=True)
            lower, upper = (None if each is None else convert(each) for each in (value.lower, value.upper))
            return Range(lower, upper, f"{'[' if value.lower_inc else '('}{']' if value.upper_inc else ')'}")

        return of_row

    def value_to_string(self, instance: Any) -> str:
        value = getattr(instance, self.attname)
        if value.empty:
            return json.dumps({"empty": True})
        lower, upper = items_as_text(self.base_field, (value.lower, value.upper))
        return json.dumps({"bounds": value.bounds, "lower": lower, "upper": upper})


class IntegerRangeField(RangeField[int]):
    """A range of 32-bit integers."""

    base_class, range_type = IntegerField, postgresql.INT4RANGE


class BigIntegerRangeField(RangeField[int]):
    """A range of 64-bit integers."""

    base_class, range_type = BigIntegerField, postgresql.INT8RANGE


class DateRangeField(RangeField[dt.date]):
    """A range of days."""

    base_class, range_type = DateField, postgresql.DATERANGE


class ContinuousRangeField(RangeField[T]):
    """A range of values between any two of which there are others; `default_bounds` is for pairs."""

    def __init__(self, verbose_name: str | None = None, *, default_bounds: str = "[)", **options: Any) -> None:
        if default_bounds not in ("[)", "(]", "()", "[]"):
            raise ModelDefinitionError("default_bounds must be one of '[)', '(]', '()', or '[]'.")
        super().__init__(verbose_name, **options)
        self.default_bounds = default_bounds


class DecimalRangeField(ContinuousRangeField[decimal.Decimal]):
    """A range of decimals."""

    base_class, range_type = DecimalField, postgresql.NUMRANGE

    def _base_field(self) -> Field[Any]:
        return LooseDecimal()


class DateTimeRangeField(ContinuousRangeField[dt.datetime]):
    """A range of moments."""

    base_class, range_type = DateTimeField, postgresql.TSTZRANGE


class RangeOperators:
    """PostgreSQL's operators, for `ExclusionConstraint`."""

    EQUAL = "="
    NOT_EQUAL = "<>"
    CONTAINS = "@>"
    CONTAINED_BY = "<@"
    OVERLAPS = "&&"
    FULLY_LT = "<<"
    FULLY_GT = ">>"
    NOT_LT = "&>"
    NOT_GT = "&<"
    ADJACENT_TO = "-|-"


class _RangeOrElement(OperatorLookup):
    """Takes a range or a single value; which one is told by the value, so it decides on the SQL."""

    @classmethod
    def parameter(cls, lhs: Operand, right: Right, context: Context) -> Any:
        field = lhs.field
        if not isinstance(field, RangeField):
            return super().parameter(lhs, right, context)
        convert = after(right.key, context.binds.converter(field))

        def as_range(value: Any) -> Any:
            if field._range(value) is None:
                # A range of one value is in another exactly when the value is.
                value = Range(value, value, "[]")
            return convert(value)

        return context.binds.add(right.payload, as_range, field.parameter_type())


@RangeField.register_lookup
class RangeContains(_RangeOrElement):
    """Has this value, or all of this range, in it."""

    lookup_name, operator = "contains", "@>"


@RangeField.register_lookup
class RangeContainedBy(OperatorLookup):
    """Lies within this range."""

    lookup_name, operator = "contained_by", "<@"


@RangeField.register_lookup
class RangeOverlap(OperatorLookup):
    """Has values in common with this range."""

    lookup_name, operator = "overlap", "&&"


@RangeField.register_lookup
class FullyLessThan(OperatorLookup):
    """Ends before this range begins."""

    lookup_name, operator = "fully_lt", "<<"


@RangeField.register_lookup
class FullyGreaterThan(OperatorLookup):
    """Begins after this range ends."""

    lookup_name, operator = "fully_gt", ">>"


@RangeField.register_lookup
class NotLessThan(OperatorLookup):
    """Does not begin before this range."""

    lookup_name, operator = "not_lt", "&>"


@RangeField.register_lookup
class NotGreaterThan(OperatorLookup):
    """Does not end after this range."""

    lookup_name, operator = "not_gt", "&<"


@RangeField.register_lookup
class AdjacentTo(OperatorLookup):
    """Touches this range."""

    lookup_name, operator = "adjacent_to", "-|-"


class _Bound(Transform):
    @classmethod
    def resolve_output_field(cls, operands: Sequence[Operand], context: Context) -> Field[Any]:
        field = operands[0].field
        return field.base_field if isinstance(field, RangeField) else field


@RangeField.register_lookup
class RangeStartsWith(_Bound):
    """The lower end."""

    lookup_name, function = "startswith", "lower"


@RangeField.register_lookup
class RangeEndsWith(_Bound):
    """The upper end."""

    lookup_name, function = "endswith", "upper"


class _Question(Transform):
    output_field = BooleanField(null=True)


@RangeField.register_lookup
class IsEmpty(_Question):
    """Whether nothing is in it."""

    lookup_name, function = "isempty", "isempty"


@RangeField.register_lookup
class LowerInclusive(_Question):
    """Whether the lower end is part of it."""

    lookup_name, function = "lower_inc", "lower_inc"


@RangeField.register_lookup
class LowerInfinite(_Question):
    """Whether it has no lower end."""

    lookup_name, function = "lower_inf", "lower_inf"


@RangeField.register_lookup
class UpperInclusive(_Question):
    """Whether the upper end is part of it."""

    lookup_name, function = "upper_inc", "upper_inc"


@RangeField.register_lookup
class UpperInfinite(_Question):
    """Whether it has no upper end."""

    lookup_name, function = "upper_inf", "upper_inf"
