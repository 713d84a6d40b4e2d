"""From what a function returns to a response: checked against its type, encoded, sent whole or as a stream."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import msgspec

from vivace.rest.functions import rows
from vivace.rest.functions.codecs import Codec, PydanticCodec, Refused, codec_of
from vivace.rest.functions.shapes import bare, fields_of, is_pydantic_model, is_typed_dict, members
from vivace.rest.operations import NO_DEFAULT
from vivace.web._json import encode
from vivace.web.responses import EventSourceResponse, JSONLinesResponse, JSONResponse, Response, ServerSentEvent

_SCALARS = (str, int, float, bool, type(None), uuid.UUID, decimal.Decimal, dt.datetime, dt.date)
_PLAIN = frozenset((*_SCALARS, dict))
STREAMS = ("AsyncIterable", "AsyncIterator", "AsyncGenerator", "Iterable", "Iterator", "Generator")


class ResponseValidationError(TypeError):
    """A function returned what is not of the type that it says: a fault of ours, answered with 500."""


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """What a route says about its response; names without `response_model_`."""

    status_code: int | None = None
    response_class: type[Response] | None = None
    include: Collection[str] | None = None
    exclude: Collection[str] = ()
    by_alias: bool = True
    exclude_unset: bool = False
    exclude_defaults: bool = False
    exclude_none: bool = False

    @property
    def is_picky(self) -> bool:
        """Whether fields are left out."""
        picks = self.exclude_unset or self.exclude_defaults or self.exclude_none
        return picks or self.include is not None or bool(self.exclude)


class Answer:
    """Makes the responses of one route. `type` is NO_DEFAULT where a function does not say what it returns."""

    def __init__(self, type: Any, options: AnswerOptions, name: str) -> None:
        self.type = type
        self.options = options
        self.name = name
        self.status_code = options.status_code or 200
        self.response_class: Any = options.response_class or JSONResponse
        self.is_typed = type is not NO_DEFAULT and not is_free(type)
        self.codec: Codec | None = codec_of(type) if self.is_typed else None
        self.fits: Callable[[Any], bool] = fitting(type) if self.is_typed else _anything
        self.is_empty = self.status_code in (204, 304) or self.status_code < 200
        # The response that most routes give: made without an object for it.
        self.is_plain_json = self.response_class is JSONResponse and not self.is_empty
        self._is_special = isinstance(self.codec, PydanticCodec) or options.is_picky

    async def body(self, value: Any) -> bytes:
        """The JSON of a value. Raises ResponseValidationError for one of another type."""
        if not self.fits(value):
            value = await self._as_type(value)
        if self._is_special:
            return self._encode(value)
        return encode_any(value)

    async def response(self, value: Any) -> Response:
        """The response of a value."""
        cls = self.response_class
        if self.is_empty:
            return Response(status_code=self.status_code)
        if issubclass(cls, EventSourceResponse | JSONLinesResponse):
            return self.stream(value)
        if issubclass(cls, JSONResponse):
            body = await self.body(value)
            if cls.render is JSONResponse.render:
                return Response(body, self.status_code, media_type=cls.media_type)
            value = msgspec.json.decode(body)
        response: Response = cls(value, status_code=self.status_code)
        return response

    async def _as_type(self, value: Any) -> Any:
        if not self.is_typed:
            row = value[0] if isinstance(value, list | tuple) else value
            model = type(row) if rows.is_row(row) else row.model
            raise ResponseValidationError(
                f"{self.name}() returned {model.__name__} of the database and does not say what to show of it: "
                "annotate what it returns, with a type made by vivace.orm.schemas for instance."
            )
        try:
            if rows.is_queryset(value) or rows.is_row(value) or _has_rows(value):
                return await rows.shown(self.type, value)
            return self._take(value)
        except Refused as refused:
            raise ResponseValidationError(
                f"{self.name}() returned {type(value).__name__}, which is not {_shown(self.type)}: {refused.details}"
            ) from refused

    def _take(self, value: Any) -> Any:
        return value if self.codec is None else self.codec.take(value)

    def _encode(self, value: Any) -> bytes:
        options = self.options
        if isinstance(self.codec, PydanticCodec):
            encoded: bytes = self.codec.adapter.dump_json(
                value,
                include=None if options.include is None else _per_item(value, options.include),
                exclude=_per_item(value, options.exclude) if options.exclude else None,
                by_alias=options.by_alias,
                exclude_unset=options.exclude_unset,
                exclude_defaults=options.exclude_defaults,
                exclude_none=options.exclude_none,
            )
            return encoded
        return encode_any(self._picked(value))

    def _picked(self, value: Any) -> Any:
        if isinstance(value, list | tuple | set):
            return [self._picked(item) for item in value]
        options = self.options
        found = msgspec.to_builtins(value, enc_hook=_encode_model)
        if not isinstance(found, dict):
            return found
        if options.exclude_defaults or options.exclude_unset:
            for field in fields_of(type(value)) or ():
                if field.default is not NO_DEFAULT and getattr(value, field.name) == field.default:
                    found.pop(field.alias, None)
        names = {
            name: item
            for name, item in found.items()
            if name not in options.exclude and (options.include is None or name in options.include)
        }
        return _without_none(names) if options.exclude_none else names

    # Streams

    def stream(self, items: Any) -> Response:
        """The response that sends the items as they come."""
        cls = self.response_class if issubclass(self.response_class, EventSourceResponse) else JSONLinesResponse
        if issubclass(self.response_class, JSONLinesResponse):
            cls = self.response_class
        if self.is_typed:
            items = self._typed_items(items) if isinstance(items, AsyncIterable) else self._typed_now(items)
        return cls(items, status_code=self.status_code)

    async def _typed_items(self, items: AsyncIterable[Any]) -> AsyncIterator[Any]:
        try:
            async for item in items:
                yield self._item(item)
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

    def _typed_now(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            yield self._item(item)

    def _item(self, item: Any) -> Any:
        if isinstance(item, ServerSentEvent):
            return item
        if not self.fits(item):
            try:
                item = self._take(item)
            except Refused as refused:
                raise ResponseValidationError(f"{self.name}() yielded {item!r}: {refused.details}") from refused
        if isinstance(self.codec, PydanticCodec):
            return self.codec.adapter.dump_python(item, mode="json", by_alias=self.options.by_alias)
        return item


def is_free(annotation: Any) -> bool:
    """Whether a return annotation says nothing about the JSON: Any, object, a Response."""
    plain = bare(annotation)
    if plain in (Any, object) or plain is None:
        return True
    return any(isinstance(one, type) and issubclass(one, Response) for one in members(plain))


def item_type_of(annotation: Any) -> Any:
    """The type of what a generator yields, from its return annotation; NO_DEFAULT when it does not say."""
    origin = get_origin(annotation)
    if getattr(origin, "__name__", "") in STREAMS and get_args(annotation):
        item = get_args(annotation)[0]
        is_event = isinstance(item, type) and issubclass(item, ServerSentEvent)
        return NO_DEFAULT if is_event else item
    return NO_DEFAULT


def fitting(annotation: Any) -> Callable[[Any], bool]:
    """A test whether a value is certainly of a type as it is, without anything that the type does not show."""
    plain = bare(annotation)
    choices = members(plain)
    if len(choices) == 1 and choices[0] is not plain:
        inner = fitting(choices[0])
        return lambda value: value is None or inner(value)
    if get_origin(plain) is list and get_args(plain):
        inner = fitting(get_args(plain)[0])
        return lambda value: type(value) is list and all(inner(item) for item in value)
    if get_origin(plain) is dict and get_args(plain):
        shown = fitting(get_args(plain)[1])
        return lambda value: type(value) is dict and all(shown(item) for item in value.values())
    if plain in (Any, object):
        return _anything
    is_class = isinstance(plain, type) and not is_typed_dict(plain)
    if is_class and (plain in _SCALARS or fields_of(plain) is not None or plain is dict):
        return lambda value: type(value) is plain
    return lambda value: False


def encode_any(value: Any) -> bytes:
    """The JSON of a value, models of pydantic inside of it included. Raises TypeError and ValueError as `encode`."""
    try:
        return encode(value)
    except TypeError:
        return encode(msgspec.to_builtins(value, enc_hook=_encode_model))


def _encode_model(value: Any) -> Any:
    if is_pydantic_model(type(value)):
        return value.model_dump(mode="json", by_alias=True)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _anything(value: Any) -> bool:
    return type(value) in _PLAIN or not (rows.is_queryset(value) or rows.is_row(value) or _has_rows(value))


def _has_rows(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and rows.is_row(value[0])


def _per_item(value: Any, names: Collection[str]) -> Any:
    return {"__all__": set(names)} if isinstance(value, list | tuple | set) else set(names)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)
