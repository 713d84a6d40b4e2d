"""Texts: plain, long, and those with a form (slug, URL, email)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Unpack, overload

import sqlalchemy
from sqlalchemy.dialects import mysql

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field, TextOptions, plain
from vivace.utils.fieldspec import Kind
from vivace.utils.validators import (
    MaxLengthValidator,
    Validator,
    validate_comma_separated_integer_list,
    validate_email,
    validate_slug,
    validate_unicode_slug,
    validate_url,
)

T = TypeVar("T")
# It stands in the definition of a table as it is.
_COLLATION = re.compile(r"[A-Za-z0-9_.@-]+")


class _Text(Field[T]):
    empty_strings_allowed = True

    def __init__(self, verbose_name: str | None = None, *, db_collation: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)
        if db_collation is not None and not _COLLATION.fullmatch(db_collation):
            raise ModelDefinitionError(
                f"db_collation is the name of a collation, such as utf8mb4_bin or de-x-icu, got {db_collation!r}"
            )
        self.db_collation = db_collation

    def to_python(self, value: Any) -> Any:
        value = plain(value)
        return value if value is None or value.__class__ is str else str(value)

    def get_prep_value(self, value: Any) -> Any:
        return value if value.__class__ is str else self.to_python(value)


class CharField(_Text[T]):
    """A text of at most `max_length` characters (without it, of any length)."""

    kind: ClassVar[Kind] = "string"
    default_max_length: ClassVar[int | None] = None

    @overload
    def __init__(
        self: CharField[str],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        null: Literal[False] = False,
        **options: Unpack[TextOptions[str]],
    ) -> None: ...
    @overload
    def __init__(
        self: CharField[str | None],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        null: Literal[True],
        **options: Unpack[TextOptions[str | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, *, max_length: int | None = None, **options: Any) -> None:
        if max_length is not None and (max_length.__class__ is not int or max_length < 1):
            raise ModelDefinitionError(f"max_length is a number of characters, at least 1, got {max_length!r}")
        length = max_length if max_length is not None else self.default_max_length
        super().__init__(verbose_name, max_length=length, **options)

    @property
    def validators(self) -> list[Validator]:
        given = super().validators
        return [*given, MaxLengthValidator(self.max_length)] if self.max_length is not None else given

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        text = sqlalchemy.String(self.max_length, collation=self.db_collation)
        # MySQL's VARCHAR cannot do without a length.
        return (
            text
            if self.max_length is not None
            else text.with_variant(mysql.LONGTEXT(collation=self.db_collation), "mysql")
        )


class SlugField(CharField[T]):
    """Letters, digits, underscores and hyphens; indexed, at most 50 characters unless said otherwise."""

    kind = "slug"
    default_max_length = 50
    allow_unicode = False

    @overload
    def __init__(
        self: SlugField[str],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        allow_unicode: bool = False,
        null: Literal[False] = False,
        **options: Unpack[TextOptions[str]],
    ) -> None: ...
    @overload
    def __init__(
        self: SlugField[str | None],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        allow_unicode: bool = False,
        null: Literal[True],
        **options: Unpack[TextOptions[str | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, *, allow_unicode: bool = False, **options: Any) -> None:
        options.setdefault("db_index", True)
        super().__init__(verbose_name, **options)  # type: ignore[misc]  # the overloads are for callers
        self.allow_unicode = allow_unicode

    @property
    def validators(self) -> list[Validator]:
        return [validate_unicode_slug if self.allow_unicode else validate_slug, *super().validators]


class URLField(CharField[T]):
    """An absolute URL, at most 200 characters unless said otherwise."""

    kind = "url"
    default_max_length = 200
    default_validators: ClassVar[Sequence[Validator]] = (validate_url,)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: URLField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: URLField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...


class EmailField(CharField[T]):
    """An email address, at most 254 characters unless said otherwise."""

    kind = "email"
    default_max_length = 254
    default_validators: ClassVar[Sequence[Validator]] = (validate_email,)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: EmailField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: EmailField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...


class CommaSeparatedIntegerField(CharField[T]):
    """Integers joined by commas, kept as the text."""

    default_validators: ClassVar[Sequence[Validator]] = (validate_comma_separated_integer_list,)

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: CommaSeparatedIntegerField[str],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[False] = False,
            **options: Unpack[TextOptions[str]],
        ) -> None: ...
        @overload
        def __init__(
            self: CommaSeparatedIntegerField[str | None],
            verbose_name: str | None = None,
            *,
            max_length: int | None = None,
            null: Literal[True],
            **options: Unpack[TextOptions[str | None]],
        ) -> None: ...
        def __init__(self, verbose_name: str | None = None, **options: Any) -> None: ...


class TextField(_Text[T]):
    """A text of any length."""

    kind = "text"

    @overload
    def __init__(
        self: TextField[str],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        null: Literal[False] = False,
        **options: Unpack[TextOptions[str]],
    ) -> None: ...
    @overload
    def __init__(
        self: TextField[str | None],
        verbose_name: str | None = None,
        *,
        max_length: int | None = None,
        null: Literal[True],
        **options: Unpack[TextOptions[str | None]],
    ) -> None: ...
    def __init__(self, verbose_name: str | None = None, **options: Any) -> None:
        super().__init__(verbose_name, **options)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return _long_text(self.db_collation)


def _long_text(collation: str | None) -> sqlalchemy.types.TypeEngine[Any]:
    """A text of any length: MySQL's TEXT ends at 64 KB."""
    return sqlalchemy.Text(collation=collation).with_variant(mysql.LONGTEXT(collation=collation), "mysql")
