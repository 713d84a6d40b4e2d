"""Fields that hold truth values and numbers."""

from __future__ import annotations

import decimal
import math
import re
from decimal import Decimal
from typing import Any, ClassVar

from vivace.rest.fields.base import Field
from vivace.rest.fields.text import filled
from vivace.utils.validators import MaxValueValidator, MinValueValidator

# A number sent as text may not be longer: converting it costs quadratic time.
MAX_STRING_LENGTH = 1000


class BooleanField(Field):
    """True or false; takes "true", "yes", "on", 1 and their like, in any case."""

    default_error_messages: ClassVar = {"invalid": "Must be a valid boolean."}
    default_empty_html: Any = False
    initial: Any = False
    TRUE_VALUES: ClassVar[set[Any]] = {"t", "y", "yes", "true", "on", "1", 1}
    FALSE_VALUES: ClassVar[set[Any]] = {"f", "n", "no", "false", "off", "0", 0}
    NULL_VALUES: ClassVar[set[Any]] = {"null", "", None}

    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("allow_null", False):
            self.default_empty_html = self.initial = None
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        folded = data.lower() if isinstance(data, str) else data
        if _is_hashable(folded):
            if folded in self.TRUE_VALUES:
                return True
            if folded in self.FALSE_VALUES:
                return False
            if folded in self.NULL_VALUES and self.allow_null:
                return None
        return self.fail("invalid")

    def to_representation(self, value: Any) -> Any:
        folded = value.lower() if isinstance(value, str) else value
        if not _is_hashable(folded) or folded in self.TRUE_VALUES:
            return bool(value)
        if folded in self.FALSE_VALUES:
            return False
        if folded in self.NULL_VALUES and self.allow_null:
            return None
        return bool(value)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:  # a list, also one in a tuple
        return False
    return True


class _Limited(Field):
    """A field with `max_value` and `min_value`."""

    default_error_messages: ClassVar = {
        "max_value": "Ensure this value is less than or equal to {max_value}.",
        "min_value": "Ensure this value is greater than or equal to {min_value}.",
        "max_string_length": "String value too large.",
    }

    def __init__(self, *, max_value: Any = None, min_value: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_value, self.min_value = max_value, min_value
        if max_value is not None:
            message = filled(self.error_messages["max_value"], max_value=max_value)
            self.validators.append(MaxValueValidator(max_value, message))
        if min_value is not None:
            message = filled(self.error_messages["min_value"], min_value=min_value)
            self.validators.append(MinValueValidator(min_value, message))

    def check_length(self, data: Any) -> None:
        """Raises for a text too long to be a number anybody meant."""
        if isinstance(data, str) and len(data) > MAX_STRING_LENGTH:
            self.fail("max_string_length")


class IntegerField(_Limited):
    """A whole number; "3", 3.0 and "3.00" are taken, 3.5 is not."""

    default_error_messages: ClassVar = {"invalid": "A valid integer is required."}
    zero_fraction = re.compile(r"\.0*\s*\Z")

    def to_internal_value(self, data: Any) -> Any:
        self.check_length(data)
        if type(data) is int:
            return data
        try:
            return int(self.zero_fraction.sub("", str(data)))
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: Any) -> Any:
        return int(value)


class BigIntegerField(IntegerField):
    """A whole number that, with `coerce_to_string`, is shown as text: JavaScript's numbers end at 2**53."""

    default_error_messages: ClassVar = {"invalid": "A valid biginteger is required."}

    def __init__(self, *, coerce_to_string: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.coerce_to_string = coerce_to_string

    def to_representation(self, value: Any) -> Any:
        return str(value) if self.coerce_to_string else int(value)


class FloatField(_Limited):
    """A finite number."""

    default_error_messages: ClassVar = {
        "invalid": "A valid number is required.",
        "overflow": "Integer value too large to convert to float",
    }

    def to_internal_value(self, data: Any) -> Any:
        self.check_length(data)
        try:
            value = float(data)
        except (TypeError, ValueError):
            self.fail("invalid")
        except OverflowError:
            self.fail("overflow")
        if not math.isfinite(value):
            self.fail("invalid")
        return value

    def to_representation(self, value: Any) -> Any:
        return float(value)


class DecimalField(_Limited):
    """A decimal number of at most `max_digits`, `decimal_places` of them after the point; shown as text.

    With `coerce_to_string=False` the representation is a Decimal, which JSON shows as a number.
    """

    default_error_messages: ClassVar = {
        "invalid": "A valid number is required.",
        "max_digits": "Ensure that there are no more than {max_digits} digits in total.",
        "max_decimal_places": "Ensure that there are no more than {max_decimal_places} decimal places.",
        "max_whole_digits": "Ensure that there are no more than {max_whole_digits} digits before the decimal point.",
    }

    def __init__(
        self,
        max_digits: int | None,
        decimal_places: int | None,
        *,
        coerce_to_string: bool = True,
        rounding: str | None = None,
        normalize_output: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_digits, self.decimal_places = max_digits, decimal_places
        self.coerce_to_string, self.rounding, self.normalize_output = coerce_to_string, rounding, normalize_output
        self.max_whole_digits = None
        if max_digits is not None and decimal_places is not None:
            self.max_whole_digits = max_digits - decimal_places
        # Room for any number that check_length lets in, so that quantizing never overflows.
        self.digits_context = decimal.Context(prec=4 * MAX_STRING_LENGTH, rounding=rounding)
        self.quantum = None if decimal_places is None else Decimal(1).scaleb(-decimal_places)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if self.allow_null and not self.read_only and isinstance(data, str) and not data.strip():
            return True, None
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        text = str(data).strip()
        self.check_length(text)
        try:
            value = Decimal(text)
        except decimal.DecimalException:
            self.fail("invalid")
        if not value.is_finite():
            self.fail("invalid")
        if abs(value.adjusted()) > MAX_STRING_LENGTH:  # "1e999999999" is short, and a gigabyte when written out
            self.fail("max_string_length")
        return self.quantize(self.validate_precision(value))

    def validate_precision(self, value: Decimal) -> Decimal:
        """`value`, when it has no more digits than allowed. Override to allow more."""
        _, digit_tuple, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            self.fail("invalid")
        decimals = max(0, -exponent)
        total = max(len(digit_tuple) + max(0, exponent), decimals)
        whole = total - decimals
        if self.max_digits is not None and total > self.max_digits:
            self.fail("max_digits", max_digits=self.max_digits)
        if self.decimal_places is not None and decimals > self.decimal_places:
            self.fail("max_decimal_places", max_decimal_places=self.decimal_places)
        if self.max_whole_digits is not None and whole > self.max_whole_digits:
            self.fail("max_whole_digits", max_whole_digits=self.max_whole_digits)
        return value

    def quantize(self, value: Decimal) -> Decimal:
        """`value` with exactly `decimal_places` places."""
        if self.quantum is None:
            return value
        return value.quantize(self.quantum, rounding=self.rounding, context=self.digits_context)

    def to_representation(self, value: Any) -> Any:
        value = value if isinstance(value, Decimal) else Decimal(str(value).strip())
        if value.is_finite():
            value = self.quantize(value)
        if self.normalize_output:
            value = value.normalize()
        return f"{value:f}" if self.coerce_to_string else value
