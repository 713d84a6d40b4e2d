"""The steps that read a request's body: one JSON value, several by name, bytes as they are, a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from vivace.rest.exceptions import ErrorDetail, ParseError, UnsupportedMediaType
from vivace.rest.functions._explaining import REQUIRED
from vivace.rest.functions._steps_cy import FAILED, Exchange, FormStep, Step
from vivace.rest.functions.codecs import Codec, Refused
from vivace.rest.functions.shapes import fields_of
from vivace.web._json import MalformedJSON, decode
from vivace.web.datastructures import UploadFile
from vivace.web.formparsers import parse_media_type

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw])


def content_type(exchange: Exchange) -> str:
    """The media type of the body, in lower case; empty when the request does not say."""
    for name, value in exchange.scope["headers"]:
        if name == b"content-type":
            if value == b"application/json":
                return "application/json"
            media_type, _ = parse_media_type(value.decode("latin-1"))
            return media_type.lower()
    return ""


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON's: application/json, or one such as application/merge-patch+json."""
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


class JSONBody(Step):
    """The whole body as one value. Raises ParseError, and UnsupportedMediaType for a body of another type."""

    waits = True

    def __init__(self, slot: int, codec: Codec, make_default: Callable[[], Any] | None, *, is_strict: bool) -> None:
        super().__init__(slot)
        self.codec = codec
        self.make_default = make_default
        self.is_strict = is_strict
        self._has_fields = fields_of(codec.type) is not None

    async def run(self, exchange: Exchange) -> Any:
        body = await exchange.read_body()
        if not body:
            return self._without_body(exchange)
        media_type = content_type(exchange)
        if not is_json(media_type) and (media_type or self.is_strict):
            raise UnsupportedMediaType(media_type)
        try:
            return self.codec.decode(body)
        except Refused as refused:
            return exchange.fail(refused.details, None)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            return self._decode_otherwise(exchange, body, error)

    def _without_body(self, exchange: Exchange) -> Any:
        if self.make_default is not None:
            return self.make_default()
        if self._has_fields:
            try:
                return self.codec.convert({})  # so that each field that is missing is named
            except Refused as refused:
                return exchange.fail(refused.details, None)
        return exchange.fail([ErrorDetail(REQUIRED, "required")], None)

    def _decode_otherwise(self, exchange: Exchange, body: bytes, error: Exception) -> Any:
        """A byte order mark or UTF-16, which JSON's own reader knows; else what is wrong with the text."""
        try:
            return self.codec.convert(decode_json(body))
        except Refused as refused:
            return exchange.fail(refused.details, None)
        except RecursionError:
            raise ParseError("JSON parse error - Nested too deeply") from error


def decode_json(body: bytes) -> Any:
    """The value of a JSON text. Raises ParseError with the line and column."""
    try:
        return decode(body)
    except MalformedJSON as error:
        raise ParseError(f"JSON parse error - {error}") from error


class NamedBodies(JSONBody):
    """A JSON object, of which each name is one argument: a mapping of their JSON texts."""

    def __init__(self, slot: int, *, is_strict: bool) -> None:
        super().__init__(slot, _RawObject(), dict, is_strict=is_strict)


class _RawObject(Codec):
    def __init__(self) -> None:
        super().__init__(dict)

    def decode(self, body: bytes) -> Any:
        try:
            return _by_name.decode(body)
        except msgspec.ValidationError as error:
            raise Refused([ErrorDetail(str(error), "invalid")]) from error

    def convert(self, value: Any) -> Any:
        if not isinstance(value, dict):
            raise Refused([ErrorDetail("Expected `object`", "invalid")])
        return {name: msgspec.json.encode(one) for name, one in value.items()}


class NamedBody(Step):
    """One name of what a `NamedBodies` step, whose slot is `of`, has found."""

    def __init__(self, slot: int, of: int, name: str, codec: Codec, make_default: Callable[[], Any] | None) -> None:
        super().__init__(slot)
        self.of = of
        self.name = name
        self.codec = codec
        self.make_default = make_default

    def read(self, exchange: Exchange) -> Any:
        bodies = exchange.values[self.of]
        if bodies is FAILED:
            return FAILED
        raw = bodies.get(self.name)
        if raw is None:
            if self.make_default is not None:
                return self.make_default()
            return exchange.fail([ErrorDetail(REQUIRED, "required")], self.name)
        try:
            return self.codec.decode(bytes(raw))
        except Refused as refused:
            return exchange.fail(refused.details, self.name)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ParseError(f"JSON parse error - {error}") from error


class RawBody(Step):
    """The body as bytes, or as text for `str`, where the function names its media type."""

    waits = True

    def __init__(self, slot: int, media_type: str, *, is_text: bool, make_default: Callable[[], Any] | None) -> None:
        super().__init__(slot)
        self.media_type = media_type
        self.is_text = is_text
        self.make_default = make_default

    async def run(self, exchange: Exchange) -> Any:
        body = await exchange.read_body()
        if not body and self.make_default is not None:
            return self.make_default()
        media_type = content_type(exchange)
        if body and media_type != self.media_type.partition(";")[0].strip().lower():
            raise UnsupportedMediaType(media_type)
        if not self.is_text:
            return body
        try:
            return body.decode()
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8: {error.reason} at byte {error.start}") from error


class ReadForm(Step):
    """Parses the form, within `limits` (those of `Request.form`); its fields are read by other steps."""

    waits = True

    def __init__(self, slot: int, limits: Mapping[str, Any]) -> None:
        super().__init__(slot)
        self.limits = limits

    async def run(self, exchange: Exchange) -> Any:
        media_type = content_type(exchange)
        if media_type and media_type not in FORMS:
            raise UnsupportedMediaType(media_type)
        exchange.form = await exchange.connect().form(**self.limits)
        return exchange.form


class FileStep(FormStep):
    """A file of the form: an `UploadFile`, or its bytes, which are read with `run`."""

    def __init__(
        self, slot: int, name: str, make_default: Callable[[], Any] | None, *, is_many: bool, as_bytes: bool
    ) -> None:
        super().__init__(slot, name, None, make_default, is_many=is_many)
        self.waits = as_bytes

    def find(self, exchange: Exchange) -> Any:
        found = [one for one in exchange.form.getlist(self.name) if one != ""]
        if not found:
            return None
        return found if self.is_many else found[-1]

    def read(self, exchange: Exchange) -> Any:
        found = super().read(exchange)
        if found is FAILED or found is None:
            return found
        if any(isinstance(one, str) for one in (found if self.is_many else [found])):
            text = "The submitted data was not a file. Check the encoding type on the form."
            return exchange.fail([ErrorDetail(text, "invalid")], self.name)
        return found

    async def run(self, exchange: Exchange) -> Any:
        found = self.read(exchange)
        if isinstance(found, UploadFile):
            return await found.read()
        if self.is_many and isinstance(found, list):
            return [await one.read() if isinstance(one, UploadFile) else one for one in found]
        return found
