"""What `{name:int}` in a path means: how a parameter looks in a URL, read and written (Starlette's names)."""

from __future__ import annotations

import math
import re
import uuid
from typing import Any, ClassVar, Generic, TypeVar

T = TypeVar("T")


class InvalidParameterError(ValueError, AssertionError):
    """A value that cannot stand in a URL. Also an AssertionError, which is what Starlette raises here."""


class Convertor(Generic[T]):
    """Reads and writes one kind of path parameter; register your own with `register_url_convertor`.

    `regex` says which texts it accepts (no groups that capture by name). `convert` may still refuse one by raising
    ValueError: the route then does not match, so a wrong parameter is a 404 and never a 500.
    """

    regex: ClassVar[str] = ""

    def convert(self, value: str) -> T:
        """The Python value of this text from a URL; ValueError when it has none."""
        raise NotImplementedError

    def to_string(self, value: T) -> str:
        """The text for a URL; ValueError when the value cannot be written so that `convert` reads it back."""
        raise NotImplementedError


class StringConvertor(Convertor[str]):
    """One path segment. A NUL fits nowhere: no file, no column of a database takes one, so it is a 404 here."""

    regex = r"[^/\x00]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        text = str(value)
        if not text:
            raise InvalidParameterError("A str parameter of a path must not be empty.")
        if "/" in text:
            raise InvalidParameterError(f'A str parameter is one path segment, got {text!r}; use "path" to allow "/".')
        return text


class PathConvertor(Convertor[str]):
    """The rest of the path, slashes included."""

    regex = r"[^\x00]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return str(value)


class IntegerConvertor(Convertor[int]):
    """A whole number from zero."""

    regex = "[0-9]+"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        number = int(value)
        if number < 0:
            raise InvalidParameterError(f"An int parameter of a path is zero or more, got {number}.")
        return str(number)


class FloatConvertor(Convertor[float]):
    """A decimal number from zero, without an exponent."""

    regex = r"[0-9]+(?:\.[0-9]+)?"

    def convert(self, value: str) -> float:
        return float(value)

    def to_string(self, value: float) -> str:
        number = float(value)
        if not math.isfinite(number) or number < 0:
            raise InvalidParameterError(f"A float parameter of a path is a finite number from zero, got {number}.")
        return f"{number:.20f}".rstrip("0").rstrip(".")


class UUIDConvertor(Convertor[uuid.UUID]):
    """A UUID, with or without its hyphens."""

    regex = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"

    def convert(self, value: str) -> uuid.UUID:
        return uuid.UUID(value)

    def to_string(self, value: uuid.UUID) -> str:
        return str(value)


class SlugConvertor(Convertor[str]):
    """ASCII letters, digits, hyphens and underscores, as a title is written in a URL."""

    regex = "[-a-zA-Z0-9_]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        text = str(value)
        if re.fullmatch(self.regex, text) is None:
            raise InvalidParameterError(f"A slug parameter has letters, digits, hyphens and underscores, got {text!r}.")
        return text


CONVERTOR_TYPES: dict[str, Convertor[Any]] = {
    "str": StringConvertor(),
    "path": PathConvertor(),
    "int": IntegerConvertor(),
    "float": FloatConvertor(),
    "uuid": UUIDConvertor(),
    "slug": SlugConvertor(),
}


def register_url_convertor(key: str, convertor: Convertor[Any]) -> None:
    """Makes `{name:key}` usable in the paths of routes that are made from now on."""
    CONVERTOR_TYPES[key] = convertor
