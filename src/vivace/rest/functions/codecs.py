"""From JSON and from texts to the types that functions ask for; msgspec does it, pydantic where its models are used."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vivace.rest.functions import _explaining
from vivace.rest.functions.shapes import is_pydantic, without_none

_MORE_BOOLEANS = {"on": True, "yes": True, "y": True, "t": True, "off": False, "no": False, "n": False, "f": False}


class Refused(Exception):
    """A value is not of its type; `details` say why: a list of texts, or a mapping by names and positions."""

    def __init__(self, details: Any) -> None:
        super().__init__(details)
        self.details = details


class Codec:
    """Reads values of one type; made once per type."""

    def __init__(self, type: Any) -> None:
        self.type = type

    def decode(self, body: bytes) -> Any:
        """The value of a JSON text. Raises Refused, and msgspec.DecodeError for what is no JSON."""
        raise NotImplementedError

    def convert(self, value: Any) -> Any:
        """The value that a decoded JSON value stands for. Raises Refused."""
        raise NotImplementedError

    def read(self, text: Any) -> Any:
        """The value that a text, a list of texts or a mapping of such stands for. Raises Refused."""
        raise NotImplementedError

    def take(self, value: Any) -> Any:
        """The value as this type, from objects with such attributes too: what a function answers. Raises Refused."""
        raise NotImplementedError


class MsgspecCodec(Codec):
    """What msgspec knows, with pydantic models anywhere inside."""

    def __init__(self, type: Any) -> None:
        super().__init__(type)
        self._decode = msgspec.json.Decoder(type, dec_hook=_convert_custom).decode
        self._is_boolean = without_none(type) is bool

    def decode(self, body: bytes) -> Any:
        try:
            return self._decode(body)
        except msgspec.ValidationError as error:
            raise Refused(self._explain(msgspec.json.decode(body), error, strict=True)) from error

    def convert(self, value: Any) -> Any:
        try:
            return msgspec.convert(value, self.type, dec_hook=_convert_custom)
        except msgspec.ValidationError as error:
            raise Refused(self._explain(value, error, strict=True)) from error

    def read(self, text: Any) -> Any:
        if self._is_boolean and isinstance(text, str):
            text = _MORE_BOOLEANS.get(text.lower(), text)
        try:
            return msgspec.convert(text, self.type, strict=False, dec_hook=_convert_custom)
        except msgspec.ValidationError as error:
            raise Refused(self._explain(text, error, strict=False)) from error

    def take(self, value: Any) -> Any:
        try:
            return msgspec.convert(value, self.type, from_attributes=True, dec_hook=_take_custom)
        except msgspec.ValidationError as error:
            raise Refused([str(error)]) from error

    def _explain(self, value: Any, error: msgspec.ValidationError, *, strict: bool) -> Any:
        def details_of(type: Any, part: Any) -> Any:
            try:
                if is_pydantic(type):
                    codec_of(type).convert(part)
                else:
                    msgspec.convert(part, type, strict=strict, dec_hook=_convert_custom)
            except msgspec.ValidationError as refused:
                return _explaining.at_place(str(refused))
            except Refused as refused:
                return refused.details
            return None

        return _explaining.explain(self.type, value, error, details_of)


class PydanticCodec(Codec):
    """A pydantic model, or a type with pydantic's constraints."""

    def __init__(self, type: Any) -> None:
        from pydantic import TypeAdapter, ValidationError

        super().__init__(type)
        self.adapter = TypeAdapter(type)
        self._error = ValidationError

    def decode(self, body: bytes) -> Any:
        return self._ask(self.adapter.validate_json, body)

    def convert(self, value: Any) -> Any:
        return self._ask(self.adapter.validate_python, value)

    def read(self, text: Any) -> Any:
        return self._ask(self.adapter.validate_python, text)

    def take(self, value: Any) -> Any:
        return self._ask(functools.partial(self.adapter.validate_python, from_attributes=True), value)

    def _ask(self, validate: Callable[[Any], Any], value: Any) -> Any:
        try:
            return validate(value)
        except self._error as error:
            errors = error.errors(include_url=False, include_context=False, include_input=False)
            if errors[0]["type"] == "json_invalid":
                raise msgspec.DecodeError(errors[0]["msg"]) from error
            raise Refused(_explaining.of_pydantic(errors)) from error


def codec_of(type: Any) -> Codec:
    """The codec of a type. Raises TypeError for one that neither msgspec nor pydantic can read."""
    try:
        return _known_codec(type)
    except TypeError:
        if hasattr(type, "__hash__") and _is_hashable(type):
            raise
        return _make_codec(type)  # metadata that cannot be hashed


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _make_codec(type: Any) -> Codec:
    if is_pydantic(type):
        return PydanticCodec(type)
    for unknown in _unknown_classes(msgspec.inspect.type_info(type)):
        raise TypeError(
            f"{getattr(unknown, '__qualname__', unknown)} cannot be read from a request: use a msgspec Struct, a "
            "dataclass, a TypedDict, a pydantic model or a type of the standard library."
        )
    return MsgspecCodec(type)


_known_codec = functools.lru_cache(maxsize=4096)(_make_codec)


def _unknown_classes(info: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """The classes inside a type that msgspec leaves to a hook and ours does not know."""
    seen = set() if seen is None else seen
    if id(info) in seen:
        return
    seen.add(id(info))
    if isinstance(info, msgspec.inspect.CustomType):
        if not is_pydantic(info.cls):
            yield info.cls
        return
    for name in info.__struct_fields__:
        below = getattr(info, name)
        for one in below if isinstance(below, tuple) else (below,):
            part = one.type if isinstance(one, msgspec.inspect.Field) else one
            if isinstance(part, msgspec.inspect.Type):
                yield from _unknown_classes(part, seen)


def _convert_custom(type: Any, value: Any) -> Any:
    return _ask_custom(codec_of(type).convert, value)


def _take_custom(type: Any, value: Any) -> Any:
    return _ask_custom(codec_of(type).take, value)


def _ask_custom(convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return convert(value)
    except Refused as refused:
        raise ValueError(_explaining.first_text(refused.details)) from refused
