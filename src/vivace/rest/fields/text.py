"""Fields that hold text."""

from __future__ import annotations

import ipaddress
import re
import uuid
from typing import Any, ClassVar

from vivace.rest.fields.base import Field, empty
from vivace.rest.validators import ProhibitSurrogateCharactersValidator
from vivace.utils.validators import (
    EmailValidator,
    MaxLengthValidator,
    MinLengthValidator,
    ProhibitNullCharactersValidator,
    RegexValidator,
    URLValidator,
    validate_ipv4_address,
    validate_ipv6_address,
    validate_ipv46_address,
)


def filled(message: str, **params: Any) -> str:
    """A field's message with its placeholders filled, as a validator takes it (which treats % as special)."""
    return message.format(**params).replace("%", "%%")


class CharField(Field):
    """A text. Numbers are taken as their text; booleans, lists and objects are refused."""

    default_error_messages: ClassVar = {
        "invalid": "Not a valid string.",
        "blank": "This field may not be blank.",
        "max_length": "Ensure this field has no more than {max_length} characters.",
        "min_length": "Ensure this field has at least {min_length} characters.",
    }
    initial = ""

    def __init__(
        self,
        *,
        allow_blank: bool = False,
        trim_whitespace: bool = True,
        max_length: int | None = None,
        min_length: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.allow_blank, self.trim_whitespace = allow_blank, trim_whitespace
        self.max_length, self.min_length = max_length, min_length
        if max_length is not None:
            message = filled(self.error_messages["max_length"], max_length=max_length)
            self.validators.append(MaxLengthValidator(max_length, message))
        if min_length is not None:
            message = filled(self.error_messages["min_length"], min_length=min_length)
            self.validators.append(MinLengthValidator(min_length, message))
        self.validators.append(ProhibitNullCharactersValidator())
        self.validators.append(ProhibitSurrogateCharactersValidator())

    def run_validation(self, data: Any = empty) -> Any:
        if data == "" or (self.trim_whitespace and isinstance(data, str) and not data.strip()):
            if not self.allow_blank:
                self.fail("blank")
            return ""
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            self.fail("invalid")
        text = str(data)
        return text.strip() if self.trim_whitespace else text

    def to_representation(self, value: Any) -> Any:
        return str(value)


class EmailField(CharField):
    """An e-mail address."""

    default_error_messages: ClassVar = {"invalid": "Enter a valid email address."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(EmailValidator(message=filled(self.error_messages["invalid"])))


class RegexField(CharField):
    """A text in which the pattern is found; anchor it yourself."""

    default_error_messages: ClassVar = {"invalid": "This value does not match the required pattern."}

    def __init__(self, regex: str | re.Pattern[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.regex = regex
        self.validators.append(RegexValidator(regex, message=filled(self.error_messages["invalid"])))


class SlugField(CharField):
    """Letters, digits, underscores and hyphens; letters beyond ASCII with `allow_unicode`."""

    default_error_messages: ClassVar = {
        "invalid": 'Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.',
        "invalid_unicode": 'Enter a valid "slug" consisting of Unicode letters, numbers, underscores, or hyphens.',
    }

    def __init__(self, *, allow_unicode: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_unicode = allow_unicode
        pattern = r"^[-\w]+\Z" if allow_unicode else r"^[-a-zA-Z0-9_]+\Z"
        message = self.error_messages["invalid_unicode" if allow_unicode else "invalid"]
        self.validators.append(RegexValidator(pattern, message=filled(message)))


class URLField(CharField):
    """An absolute http(s) or ftp(s) URL."""

    default_error_messages: ClassVar = {"invalid": "Enter a valid URL."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(URLValidator(message=filled(self.error_messages["invalid"])))


class UUIDField(Field):
    """A UUID; shown as `format` says: hex_verbose (with hyphens), hex, int or urn."""

    default_error_messages: ClassVar = {"invalid": "Must be a valid UUID."}
    valid_formats = ("hex_verbose", "hex", "int", "urn")

    def __init__(self, *, format: str = "hex_verbose", **kwargs: Any) -> None:
        if format not in self.valid_formats:
            raise ValueError(f"UUIDField(format={format!r}): choose one of {', '.join(self.valid_formats)}")
        super().__init__(**kwargs)
        self.uuid_format = format

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, uuid.UUID):
            return data
        try:
            if isinstance(data, int) and not isinstance(data, bool):
                return uuid.UUID(int=data)
            if isinstance(data, str):
                return uuid.UUID(hex=data)
        except ValueError:
            pass
        return self.fail("invalid")

    def to_representation(self, value: Any) -> Any:
        return str(value) if self.uuid_format == "hex_verbose" else getattr(value, self.uuid_format)


class IPAddressField(CharField):
    """An IPv4 or IPv6 address, or only one of them by `protocol`; IPv6 in its shortest form.

    With the protocol "both", an IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) is taken out of them.
    """

    default_error_messages: ClassVar = {"invalid": "Enter a valid IPv4 or IPv6 address."}
    validators_by_protocol: ClassVar = {
        "both": validate_ipv46_address,
        "ipv4": validate_ipv4_address,
        "ipv6": validate_ipv6_address,
    }

    def __init__(self, protocol: str = "both", **kwargs: Any) -> None:
        if protocol.lower() not in self.validators_by_protocol:
            raise ValueError(f"IPAddressField(protocol={protocol!r}): choose both, ipv4 or ipv6")
        super().__init__(**kwargs)
        self.protocol = protocol.lower()
        self.unpack_ipv4 = self.protocol == "both"
        self.validators.append(self.validators_by_protocol[self.protocol])

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        if ":" in data and self.protocol != "ipv4":
            return self._shortest(data)
        return super().to_internal_value(data)

    def _shortest(self, text: str) -> str:
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError:
            self.fail("invalid")
        if (mapped := address.ipv4_mapped) is not None:
            return str(mapped) if self.unpack_ipv4 else f"::ffff:{mapped}"
        return str(ipaddress.IPv6Address(int(address)))  # without the scope, which names an interface of the sender
