"""Converters as Django writes them, for `<year:number>`; they are the convertors of all routes."""

from __future__ import annotations

from typing import Any, Protocol

from vivace.web.convertors import Convertor, PathConvertor, register_url_convertor


class Converter(Protocol):
    """What `register_converter` takes: a class with a pattern and the two ways. Both may raise ValueError."""

    regex: str

    def to_python(self, value: str) -> Any: ...
    def to_url(self, value: Any) -> str: ...


class _NonEmptyPath(PathConvertor):
    """Django's `path`, which unlike Starlette's is at least one character."""

    regex = r"[^\x00]+"

    def to_string(self, value: str) -> str:
        text = str(value)
        if not text:
            raise ValueError("A path parameter must not be empty.")
        return text


# The name is private: in `{name:path}` it is Starlette's.
NON_EMPTY_PATH = "_non_empty_path"
register_url_convertor(NON_EMPTY_PATH, _NonEmptyPath())


def register_converter(converter: type[Converter], type_name: str) -> None:
    """Makes `<type_name:parameter>` usable in `path()`, and `{parameter:type_name}` in `Route`.

    A `to_python` that raises ValueError does not match; a `to_url` that does is a NoReverseMatch.
    """
    one = converter()

    class Adapted(Convertor[Any]):
        regex = one.regex

        def convert(self, value: str) -> Any:
            return one.to_python(value)

        def to_string(self, value: Any) -> str:
            return one.to_url(value)

    register_url_convertor(type_name, Adapted())
