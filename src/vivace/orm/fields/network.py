"""Internet addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any, Literal, TypeVar, Unpack, overload

import sqlalchemy
from sqlalchemy.dialects import postgresql

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field, FieldOptions, plain
from vivace.utils.exceptions import ValidationError
from vivace.utils.validators import Validator, ip_address_validators

T = TypeVar("T")
Protocol = Literal["both", "ipv4", "ipv6", "IPv4", "IPv6"]
LONGEST = 39
"""Characters of the longest IPv6 address."""


class GenericIPAddressField(Field[T]):
    """An IPv4 or IPv6 address as a text: `inet` on PostgreSQL, characters elsewhere.

    IPv6 addresses are stored in their shortest form; `unpack_ipv4` turns `::ffff:10.0.0.1` into `10.0.0.1`.
    """

    kind = "ip_address"
    empty_strings_allowed = False
    default_error_messages = {"invalid": "Enter a valid %(protocol)s address."}

    @overload
    def __init__(
        self: GenericIPAddressField[str],
        verbose_name: str | None = None,
        *,
        protocol: Protocol = "both",
        unpack_ipv4: bool = False,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[str]],
    ) -> None: ...
    @overload
    def __init__(
        self: GenericIPAddressField[str | None],
        verbose_name: str | None = None,
        *,
        protocol: Protocol = "both",
        unpack_ipv4: bool = False,
        null: Literal[True],
        **options: Unpack[FieldOptions[str | None]],
    ) -> None: ...
    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        protocol: Protocol = "both",
        unpack_ipv4: bool = False,
        **options: Any,
    ) -> None:
        try:
            self._protocol_validators = ip_address_validators(protocol, unpack_ipv4)
        except ValueError as error:
            raise ModelDefinitionError(str(error)) from error
        if options.get("blank") and not options.get("null"):
            raise ModelDefinitionError(
                "A GenericIPAddressField cannot have blank=True without null=True: a blank value is stored as null"
            )
        super().__init__(verbose_name, **{"max_length": LONGEST, **options})
        self.protocol, self.unpack_ipv4 = protocol, unpack_ipv4

    @property
    def validators(self) -> list[Validator]:
        return [*self._protocol_validators, *super().validators]

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        text = str(plain(value)).strip()
        return self._shortest(text) if ":" in text else text

    def _shortest(self, text: str) -> str:
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError as error:
            words = {"both": "IPv4 or IPv6", "ipv4": "IPv4", "ipv6": "IPv6"}[self.protocol.lower()]
            raise ValidationError(self.error_messages["invalid"], "invalid", {"protocol": words}) from error
        mapped = address.ipv4_mapped
        if mapped is None:
            return str(address)
        return str(mapped) if self.unpack_ipv4 else f"::ffff:{mapped}"

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        text = str(plain(value)).strip()
        try:
            return self._shortest(text) if ":" in text else text
        except ValidationError:
            # What is looked for need not be an address.
            return text

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.String(LONGEST).with_variant(postgresql.INET(), "postgresql")

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Text().with_variant(postgresql.INET(), "postgresql")

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        # A blank value of a form is no address; SQL has NULL for that.
        return lambda value: prepare(value) or None

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return str if dialect == "postgresql" else None
