"""Numbers, booleans and automatic keys."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Unpack, overload

import sqlalchemy

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field, FieldOptions, plain
from vivace.utils.exceptions import ValidationError
from vivace.utils.fieldspec import Kind
from vivace.utils.validators import EMPTY_VALUES, DecimalValidator, MaxValueValidator, MinValueValidator, Validator

T = TypeVar("T")
INT64 = 2**63 - 1


class IntegerField(Field[T]):
    """A 32-bit integer."""

    kind: ClassVar[Kind] = "integer"
    python_type = int
    limits: ClassVar[tuple[int, int]] = (-(2**31), 2**31 - 1)
    default_error_messages = {"invalid": "“%(value)s” value must be an integer."}

    @overload
    def __init__(
        self: IntegerField[int],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[int]],
    ) -> None: ...
    @overload
    def __init__(
        self: IntegerField[int | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions[int | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    @property
    def validators(self) -> list[Validator]:
        low, high = self.limits
        given = super().validators
        if not any(isinstance(validator, MinValueValidator) for validator in given):
            given.append(MinValueValidator(low))
        if not any(isinstance(validator, MaxValueValidator) for validator in given):
            given.append(MaxValueValidator(high))
        return given

    def to_python(self, value: Any) -> Any:
        value = plain(value)
        if value is None:
            return None
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value}) from error

    def get_prep_value(self, value: Any) -> Any:
        if value.__class__ is int:
            return value
        value = plain(value)
        if value is None:
            return None
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise type(error)(f"Field “{self.name}” expected a number but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Integer()

    def _spec_extra(self) -> dict[str, Any]:
        limits = [validator for validator in self.validators if isinstance(validator, MinValueValidator)]
        tops = [validator for validator in self.validators if isinstance(validator, MaxValueValidator)]
        return {
            "min_value": max(int(validator.limit_value) for validator in limits),
            "max_value": min(int(validator.limit_value) for validator in tops),
        }


class BigIntegerField(IntegerField[T]):
    """A 64-bit integer."""

    kind: ClassVar[Kind] = "bigint"
    limits = (-INT64 - 1, INT64)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: BigIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: BigIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.BigInteger()


class SmallIntegerField(IntegerField[T]):
    """A 16-bit integer."""

    kind: ClassVar[Kind] = "smallint"
    limits = (-(2**15), 2**15 - 1)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: SmallIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: SmallIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.SmallInteger()


class PositiveIntegerField(IntegerField[T]):
    """A 32-bit integer of zero or more; the database checks it too."""

    limits = (0, 2**31 - 1)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...


class PositiveBigIntegerField(BigIntegerField[T]):
    """A 64-bit integer of zero or more; the database checks it too."""

    limits = (0, INT64)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveBigIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveBigIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...


class PositiveSmallIntegerField(SmallIntegerField[T]):
    """A 16-bit integer of zero or more; the database checks it too."""

    limits = (0, 2**15 - 1)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: PositiveSmallIntegerField[int],
            verbose_name: str | None = None,
            *,
            null: Literal[False] = False,
            **options: Unpack[FieldOptions[int]],
        ) -> None: ...
        @overload
        def __init__(
            self: PositiveSmallIntegerField[int | None],
            verbose_name: str | None = None,
            *,
            null: Literal[True],
            **options: Unpack[FieldOptions[int | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...


class _AutoMixin:
    counts_up = True


class AutoField(_AutoMixin, IntegerField[int]):
    """A 32-bit key that the database counts up."""

    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        if not options.get("primary_key"):
            raise ModelDefinitionError(f"{type(self).__name__} is for primary keys: give primary_key=True")
        options.setdefault("blank", True)
        super().__init__(verbose_name, **options)

    def validate(self, value: Any, instance: Any) -> None:
        """An automatic key may be missing."""


class BigAutoField(AutoField):
    """A 64-bit key that the database counts up; the default primary key."""

    kind: ClassVar[Kind] = "bigint"
    limits = (-INT64 - 1, INT64)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        # SQLite counts up only a column declared exactly INTEGER PRIMARY KEY.
        return sqlalchemy.BigInteger().with_variant(sqlalchemy.Integer(), "sqlite")


class SmallAutoField(AutoField):
    """A 16-bit key that the database counts up."""

    kind: ClassVar[Kind] = "smallint"
    limits = (-(2**15), 2**15 - 1)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.SmallInteger().with_variant(sqlalchemy.Integer(), "sqlite")


class BooleanField(Field[T]):
    """True or false (or None with `null=True`)."""

    kind = "boolean"
    python_type = bool
    default_error_messages = {"invalid": "“%(value)s” value must be either True or False."}

    @overload
    def __init__(
        self: BooleanField[bool],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[bool]],
    ) -> None: ...
    @overload
    def __init__(
        self: BooleanField[bool | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions[bool | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def to_python(self, value: Any) -> Any:
        if self.null and value in EMPTY_VALUES:
            return None
        if value in (True, False):
            return bool(value)
        if value in ("t", "True", "true", "1"):
            return True
        if value in ("f", "False", "false", "0"):
            return False
        raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value})

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is bool:
            return value
        try:
            return self.to_python(value)
        except (ValidationError, TypeError) as error:
            raise ValueError(f"Field “{self.name}” expected True or False but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Boolean()

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        if dialect == "postgresql":
            return self.get_prep_value
        prepare = self.get_prep_value
        return lambda value: 1 if prepare(value) else 0

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return None if dialect == "postgresql" else bool

    def row_expression(self, dialect: str) -> str | None:
        return None if dialect == "postgresql" else "{v} != 0"


class FloatField(Field[T]):
    """A double-precision number."""

    kind = "float"
    python_type = float
    default_error_messages = {"invalid": "“%(value)s” value must be a float."}

    @overload
    def __init__(
        self: FloatField[float],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[float]],
    ) -> None: ...
    @overload
    def __init__(
        self: FloatField[float | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions[float | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def to_python(self, value: Any) -> Any:
        value = plain(value)
        if value is None:
            return None
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value}) from error

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is float:
            return value
        try:
            return float(plain(value))
        except (TypeError, ValueError, OverflowError) as error:
            raise type(error)(f"Field “{self.name}” expected a number but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Double()


class DecimalField(Field[T]):
    """A decimal number of `max_digits` digits, `decimal_places` of them behind the point."""

    kind = "decimal"
    python_type = decimal.Decimal
    default_error_messages = {"invalid": "“%(value)s” value must be a decimal number."}

    @overload
    def __init__(
        self: DecimalField[decimal.Decimal],
        verbose_name: str | None = None,
        *,
        max_digits: int,
        decimal_places: int,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[decimal.Decimal]],
    ) -> None: ...
    @overload
    def __init__(
        self: DecimalField[decimal.Decimal | None],
        verbose_name: str | None = None,
        *,
        max_digits: int,
        decimal_places: int,
        null: Literal[True],
        **options: Unpack[FieldOptions[decimal.Decimal | None]],
    ) -> None: ...
    def __init__(
        self, verbose_name: str | None = None, *, max_digits: int, decimal_places: int, **options: Any
    ) -> None:
        super().__init__(verbose_name, **options)
        if max_digits < 1 or not 0 <= decimal_places <= max_digits:
            raise ModelDefinitionError(
                f"DecimalField needs max_digits >= 1 and 0 <= decimal_places <= max_digits, "
                f"got max_digits={max_digits}, decimal_places={decimal_places}"
            )
        self.max_digits, self.decimal_places = max_digits, decimal_places
        self._step = decimal.Decimal(1).scaleb(-decimal_places)
        self._context = decimal.Context(prec=max(max_digits, 28))

    @property
    def validators(self) -> list[Validator]:
        return [*super().validators, DecimalValidator(self.max_digits, self.decimal_places)]

    def to_python(self, value: Any) -> Any:
        value = plain(value)
        if value is None or value.__class__ is decimal.Decimal:
            return value
        try:
            result = decimal.Decimal(repr(value)) if isinstance(value, float) else decimal.Decimal(value)
        except (decimal.InvalidOperation, TypeError, ValueError) as error:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value}) from error
        if not result.is_finite():
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value})
        return result

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is decimal.Decimal:
            return value
        try:
            return self.to_python(value)
        except ValidationError as error:
            raise ValueError(f"Field “{self.name}” expected a decimal number but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Numeric(self.max_digits, self.decimal_places)

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        if dialect != "sqlite":
            return prepare
        return lambda value: str(prepare(value))

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        if dialect != "sqlite":
            return None
        step, context = self._step, self._context

        # SQLite holds decimals as 64-bit integers or floats; repr is the shortest text that gives the float again.
        def convert(value: Any) -> decimal.Decimal:
            return decimal.Decimal(value if value.__class__ is str else repr(value)).quantize(step, context=context)

        return convert

    def _spec_extra(self) -> dict[str, Any]:
        return {
            "max_digits": self.max_digits,
            "decimal_places": self.decimal_places,
            "min_value": _limit(self.validators, MinValueValidator),
            "max_value": _limit(self.validators, MaxValueValidator),
        }


def _limit(validators: Sequence[Validator], kind: type[MinValueValidator | MaxValueValidator]) -> Any:
    for validator in validators:
        if isinstance(validator, kind):
            return validator.limit_value
    return None
