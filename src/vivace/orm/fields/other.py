"""UUIDs, JSON documents and bytes."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from typing import Any, Literal, TypeVar, Unpack, overload

import sqlalchemy
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.ext.compiler import compiles

from vivace.orm.fields.base import Field, FieldOptions, plain
from vivace.utils.exceptions import ValidationError
from vivace.utils.validators import MaxLengthValidator, Validator

T = TypeVar("T")


class UUIDField(Field[T]):
    """A UUID; SQLite stores 32 hexadecimal digits."""

    kind = "uuid"
    python_type = uuid.UUID
    default_error_messages = {"invalid": "“%(value)s” is not a valid UUID."}

    @overload
    def __init__(
        self: UUIDField[uuid.UUID],
        verbose_name: str | None = None,
        *,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[uuid.UUID]],
    ) -> None: ...
    @overload
    def __init__(
        self: UUIDField[uuid.UUID | None],
        verbose_name: str | None = None,
        *,
        null: Literal[True],
        **options: Unpack[FieldOptions[uuid.UUID | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def to_python(self, value: Any) -> Any:
        if value is None or isinstance(value, uuid.UUID):
            return value
        try:
            return uuid.UUID(int=value) if isinstance(value, int) else uuid.UUID(value)
        except (AttributeError, TypeError, ValueError) as error:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value}) from error

    def get_prep_value(self, value: Any) -> Any:
        if value is None or isinstance(value, uuid.UUID):
            return value
        try:
            return self.to_python(value)
        except ValidationError as error:
            raise ValueError(f"Field “{self.name}” expected a UUID but got {value!r}.") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.Uuid().with_variant(MySQLUuid(), "mysql")

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        return prepare if dialect == "postgresql" else lambda value: prepare(value).hex

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return None if dialect == "postgresql" else uuid.UUID


class MySQLUuid(sqlalchemy.types.UserDefinedType[uuid.UUID]):
    """MariaDB's own type, or 32 hexadecimal digits, which its own type takes, too."""

    def literal_processor(self, dialect: sqlalchemy.Dialect) -> Callable[[Any], str]:
        """The value as SQL, for defaults and updates in migrations."""
        return lambda value: f"'{uuid.UUID(str(value)).hex}'"

    cache_ok = True


@compiles(MySQLUuid, "mysql")
def _write_uuid(element: MySQLUuid, compiler: Any, **kw: Any) -> str:
    dialect = compiler.dialect
    return "UUID" if dialect.is_mariadb and (dialect.server_version_info or ()) >= (10, 7) else "CHAR(32)"


class JSONField(Field[Any]):
    """Anything JSON can say: dicts, lists, texts, numbers, booleans, None. `encoder` is a `json.JSONEncoder` class.

    A Python None is SQL NULL, never JSON's null.
    """

    kind = "json"
    python_type = object
    default_error_messages = {"invalid": "Value must be valid JSON."}

    def __init__(
        self,
        verbose_name: str | None = None,
        *,
        encoder: type[json.JSONEncoder] | None = None,
        decoder: type[json.JSONDecoder] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(verbose_name, **options)
        self.encoder, self.decoder = encoder, decoder

    def validate(self, value: Any, instance: Any) -> None:
        super().validate(value, instance)
        try:
            self.dumps(value)
        except (TypeError, ValueError) as error:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value}) from error

    def value_to_string(self, instance: Any) -> str:
        return self.dumps(getattr(instance, self.attname))

    def dumps(self, value: Any) -> str:
        """The JSON text. Raises TypeError or ValueError for what JSON cannot say, NaN included."""
        return json.dumps(value, cls=self.encoder, allow_nan=False)

    def loads(self, value: Any) -> Any:
        """The value of a JSON text."""
        # A column of SQLite that is declared as JSON turns the text of a number into the number.
        if isinstance(value, int | float):
            return value
        return json.loads(value, cls=self.decoder)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        kind = sqlalchemy.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
        # A column of SQLite that is declared as JSON would take the text of a number for the number, and round it.
        return kind.with_variant(sqlalchemy.Text(), "sqlite")

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        return self.dumps

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return self.loads


class BinaryField(Field[T]):
    """Bytes; not editable unless said otherwise."""

    kind = "binary"
    python_type = bytes

    @overload
    def __init__(
        self: BinaryField[bytes],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        null: Literal[False] = False,
        **options: Unpack[FieldOptions[bytes]],
    ) -> None: ...
    @overload
    def __init__(
        self: BinaryField[bytes | None],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        null: Literal[True],
        **options: Unpack[FieldOptions[bytes | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, *, max_length: int | None = None, **options: Any) -> None:
        options.setdefault("editable", False)
        super().__init__(verbose_name, max_length=max_length, **options)

    @property
    def validators(self) -> list[Validator]:
        given = super().validators
        return [*given, MaxLengthValidator(self.max_length)] if self.max_length is not None else given

    def get_default(self) -> Any:
        default = super().get_default()
        return b"" if default is None and not self.null and not self.has_default() else default

    def to_python(self, value: Any) -> Any:
        value = plain(value)
        if isinstance(value, str):
            # As a serialized row has it.
            return base64.b64decode(value.encode("ascii"))
        return bytes(value) if isinstance(value, bytearray | memoryview) else value

    def value_to_string(self, instance: Any) -> str:
        return base64.b64encode(getattr(instance, self.attname)).decode("ascii")

    def get_prep_value(self, value: Any) -> Any:
        if value is None or value.__class__ is bytes:
            return value
        if not isinstance(value, bytes | bytearray | memoryview):
            raise TypeError(f"Field “{self.name}” expected bytes but got {value!r}.")
        return bytes(value)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return sqlalchemy.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql")
