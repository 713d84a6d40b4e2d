"""Checks of a single value that raise `ValidationError`, as in `django.core.validators`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from vivace.utils.exceptions import ValidationError

EMPTY_VALUES: tuple[Any, ...] = (None, "", [], (), {})
"""Values that a required field refuses and that validators other than "required" are not asked about."""

Validator = Callable[[Any], None]


class LimitValidator:
    """Base of the validators that hold a value against a limit (Django's `BaseValidator`)."""

    message = "Ensure this value is %(limit_value)s (it is %(show_value)s)."
    code = "limit_value"

    def __init__(self, limit_value: Any, message: str | None = None) -> None:
        self.limit_value = limit_value
        if message is not None:
            self.message = message

    def __call__(self, value: Any) -> None:
        """Raises ValidationError when `value` is beyond the limit; a callable limit is called each time."""
        limit = self.limit_value() if callable(self.limit_value) else self.limit_value
        cleaned = self.clean(value)
        if self.is_beyond(cleaned, limit):
            params = {"limit_value": limit, "show_value": cleaned, "value": value}
            raise ValidationError(self.message, self.code, params)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.message))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.limit_value!r})"

    def is_beyond(self, value: Any, limit: Any) -> bool:
        """Whether the cleaned value is refused."""
        return bool(value is not limit)

    def clean(self, value: Any) -> Any:
        """What of the value is compared."""
        return value


class MaxValueValidator(LimitValidator):
    """Refuses values above the limit."""

    message = "Ensure this value is less than or equal to %(limit_value)s."
    code = "max_value"

    def is_beyond(self, value: Any, limit: Any) -> bool:
        return bool(value > limit)


class MinValueValidator(LimitValidator):
    """Refuses values below the limit."""

    message = "Ensure this value is greater than or equal to %(limit_value)s."
    code = "min_value"

    def is_beyond(self, value: Any, limit: Any) -> bool:
        return bool(value < limit)


class MinLengthValidator(LimitValidator):
    """Refuses values shorter than the limit."""

    message = "Ensure this value has at least %(limit_value)d characters (it has %(show_value)d)."
    code = "min_length"

    def is_beyond(self, value: Any, limit: Any) -> bool:
        return bool(value < limit)

    def clean(self, value: Any) -> Any:
        return len(value)


class MaxLengthValidator(LimitValidator):
    """Refuses values longer than the limit."""

    message = "Ensure this value has at most %(limit_value)d characters (it has %(show_value)d)."
    code = "max_length"

    def is_beyond(self, value: Any, limit: Any) -> bool:
        return bool(value > limit)

    def clean(self, value: Any) -> Any:
        return len(value)


class RegexValidator:
    """Refuses texts in which the pattern is not found (or is found, with `inverse_match`)."""

    def __init__(
        self,
        regex: str | re.Pattern[str] = "",
        message: str = "Enter a valid value.",
        code: str = "invalid",
        inverse_match: bool = False,
        flags: int = 0,
    ) -> None:
        if flags and isinstance(regex, re.Pattern):
            raise TypeError("RegexValidator: flags are for a pattern given as text; this one is compiled already")
        self.regex = re.compile(regex, flags) if isinstance(regex, str) else regex
        self.message, self.code, self.inverse_match = message, code, inverse_match

    def __call__(self, value: Any) -> None:
        """Raises ValidationError when the text of `value` does not match."""
        if bool(self.regex.search(str(value))) is self.inverse_match:
            raise ValidationError(self.message, self.code, {"value": value})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.regex, self.message, self.code))


class EmailValidator:
    """Refuses what is not `local@domain` with a dotted domain, an IP literal or an allowed host.

    The local part is RFC 5322's dot-atom or quoted-string; comments and folding are refused, as browsers do.
    """

    message = "Enter a valid email address."
    code = "invalid"
    max_length = 320
    local = re.compile(
        r"[-!#$%&'*+/=?^_`{}|~0-9A-Z]+(\.[-!#$%&'*+/=?^_`{}|~0-9A-Z]+)*\Z"
        r'|"([\001-\010\013\014\016-\037!#-\[\]-\177]|\\[\001-\011\013\014\016-\177])*"\Z',
        re.IGNORECASE | re.ASCII,
    )

    def __init__(
        self, message: str | None = None, code: str | None = None, allowlist: Iterable[str] = ("localhost",)
    ) -> None:
        self.message = message if message is not None else self.message
        self.code = code if code is not None else self.code
        self.allowlist = tuple(allowlist)

    def __call__(self, value: Any) -> None:
        """Raises ValidationError when `value` is not an address."""
        if not isinstance(value, str) or len(value) > self.max_length or "@" not in value:
            raise ValidationError(self.message, self.code, {"value": value})
        local, domain = value.rsplit("@", 1)
        if not self.local.match(local) or not self._is_domain(domain):
            raise ValidationError(self.message, self.code, {"value": value})

    def _is_domain(self, domain: str) -> bool:
        if domain in self.allowlist:
            return True
        if domain.startswith("[") and domain.endswith("]"):
            return _is_ip(domain[1:-1])
        return "." in domain and is_hostname(domain)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.message, self.code))


class URLValidator:
    """Refuses what is not an absolute URL with an allowed scheme and a host."""

    message = "Enter a valid URL."
    code = "invalid"
    max_length = 2048
    forbidden = frozenset("\t\r\n ")

    def __init__(self, schemes: Iterable[str] = ("http", "https", "ftp", "ftps"), message: str | None = None) -> None:
        self.schemes = tuple(scheme.lower() for scheme in schemes)
        if message is not None:
            self.message = message

    def __call__(self, value: Any) -> None:
        """Raises ValidationError when `value` is not a URL."""
        if not isinstance(value, str) or len(value) > self.max_length or not self.forbidden.isdisjoint(value):
            raise ValidationError(self.message, self.code, {"value": value})
        try:
            parts = urlsplit(value)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ValidationError(self.message, self.code, {"value": value}) from error
        known = parts.scheme.lower() in self.schemes and port != 0
        named = host == "localhost" or _is_ip(host) or ("." in host and is_hostname(host))
        if not known or not named or len(host) > 253:
            raise ValidationError(self.message, self.code, {"value": value})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.schemes, self.message))


class DecimalValidator:
    """Refuses decimals with more digits than the column holds, and NaN and infinities."""

    def __init__(self, max_digits: int | None, decimal_places: int | None) -> None:
        self.max_digits, self.decimal_places = max_digits, decimal_places

    def __call__(self, value: Decimal) -> None:
        """Raises ValidationError with code invalid, max_digits, max_decimal_places or max_whole_digits."""
        _, digit_tuple, exponent = value.as_tuple()
        if isinstance(exponent, str):  # "F", "n", "N": infinity and the two kinds of NaN
            raise ValidationError("Enter a number.", "invalid", {"value": value})
        if exponent >= 0:
            digits, decimals = (len(digit_tuple) + exponent if digit_tuple != (0,) else 1), 0
        else:
            decimals = -exponent
            digits = max(len(digit_tuple), decimals)
        whole = digits - decimals
        if self.max_digits is not None and digits > self.max_digits:
            message = "Ensure that there are no more than %(max)s digits in total."
            raise ValidationError(message, "max_digits", {"max": self.max_digits, "value": value})
        if self.decimal_places is not None and decimals > self.decimal_places:
            message = "Ensure that there are no more than %(max)s decimal places."
            raise ValidationError(message, "max_decimal_places", {"max": self.decimal_places, "value": value})
        if self.max_digits is not None and self.decimal_places is not None:
            most = self.max_digits - self.decimal_places
            if whole > most:
                message = "Ensure that there are no more than %(max)s digits before the decimal point."
                raise ValidationError(message, "max_whole_digits", {"max": most, "value": value})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.max_digits, self.decimal_places))


class ProhibitNullCharactersValidator:
    """Refuses texts with a NUL character, which PostgreSQL cannot store."""

    def __call__(self, value: Any) -> None:
        """Raises ValidationError when the text of `value` has a NUL."""
        if "\x00" in str(value):
            raise ValidationError("Null characters are not allowed.", "null_characters_not_allowed", {"value": value})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


_LABEL = re.compile(r"(?!-)[a-z0-9\u00a1-\uffff\U00010000-\U0010ffff-]{1,63}(?<!-)\Z", re.IGNORECASE)


def is_hostname(host: str) -> bool:
    """Whether every label of `host` could be a DNS label (RFC 1034 3.1; letters beyond ASCII are allowed, for IDNA)."""
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(_LABEL.match(label) for label in labels) and not labels[-1].isdigit()


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def validate_ipv4_address(value: Any) -> None:
    """Raises ValidationError unless `value` is an IPv4 address."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError as error:
        raise ValidationError("Enter a valid IPv4 address.", "invalid", {"value": value}) from error


def validate_ipv6_address(value: Any) -> None:
    """Raises ValidationError unless `value` is an IPv6 address."""
    try:
        ipaddress.IPv6Address(value)
    except ValueError as error:
        raise ValidationError("Enter a valid IPv6 address.", "invalid", {"value": value}) from error


def validate_ipv46_address(value: Any) -> None:
    """Raises ValidationError unless `value` is an IPv4 or IPv6 address."""
    if not isinstance(value, str) or not _is_ip(value):
        raise ValidationError("Enter a valid IPv4 or IPv6 address.", "invalid", {"value": value})


def ip_address_validators(protocol: str, unpack_ipv4: bool) -> list[Validator]:
    """The checks of an address of `protocol` ("both", "ipv4", "ipv6"). Raises ValueError for what does not fit."""
    known: dict[str, Validator] = {
        "both": validate_ipv46_address,
        "ipv4": validate_ipv4_address,
        "ipv6": validate_ipv6_address,
    }
    if protocol.lower() != "both" and unpack_ipv4:
        raise ValueError("You can only use `unpack_ipv4` if `protocol` is set to 'both'")
    if protocol.lower() not in known:
        raise ValueError(f"The protocol '{protocol}' is unknown. Supported: {list(known)}")
    return [known[protocol.lower()]]


def int_list_validator(
    sep: str = ",", message: str | None = None, code: str = "invalid", allow_negative: bool = False
) -> RegexValidator:
    """A check for integers joined by `sep`."""
    number = f"{'-?' if allow_negative else ''}\\d+"
    return RegexValidator(
        f"^{number}(?:{re.escape(sep)}{number})*\\Z", message or "Enter only digits separated by commas.", code
    )


class FileExtensionValidator:
    """Refuses files whose name does not end in an allowed extension. What is in the file is not looked at."""

    message = "File extension “%(extension)s” is not allowed. Allowed extensions are: %(allowed_extensions)s."
    code = "invalid_extension"

    def __init__(
        self, allowed_extensions: Iterable[str] | None = None, message: str | None = None, code: str | None = None
    ) -> None:
        self.allowed_extensions = (
            None if allowed_extensions is None else [extension.lower() for extension in allowed_extensions]
        )
        self.message, self.code = message or self.message, code or self.code

    def __call__(self, value: Any) -> None:
        """Raises ValidationError when the name of `value`, a file, has another extension."""
        extension = PurePosixPath(value.name).suffix[1:].lower()
        if self.allowed_extensions is not None and extension not in self.allowed_extensions:
            params = {
                "extension": extension,
                "allowed_extensions": ", ".join(self.allowed_extensions),
                "value": value,
            }
            raise ValidationError(self.message, self.code, params)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), self.message, self.code))


validate_email = EmailValidator()
validate_comma_separated_integer_list = int_list_validator()
validate_url = URLValidator()
validate_integer = RegexValidator(r"^-?\d+\Z", "Enter a valid integer.", "invalid")
validate_slug = RegexValidator(
    r"^[-a-zA-Z0-9_]+\Z", "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens.", "invalid"
)
validate_unicode_slug = RegexValidator(
    r"^[-\w]+\Z", "Enter a valid “slug” consisting of Unicode letters, numbers, underscores, or hyphens.", "invalid"
)
