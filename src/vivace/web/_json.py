"""JSON in and out, at msgspec's speed and with the standard library's manners.

`encode` refuses NaN and infinity instead of writing null; `decode` says in which line and column a text is wrong.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import msgspec

from vivace.web.exceptions import HTTPException


class MalformedJSON(HTTPException, json.JSONDecodeError):
    """The text is not JSON: `msg` says why, `pos`, `lineno` and `colno` say where.

    Left alone it becomes a 400 response; code that catches `json.JSONDecodeError` or `ValueError` sees it too.
    """

    def __init__(self, msg: str, doc: str, pos: int) -> None:
        json.JSONDecodeError.__init__(self, msg, doc, pos)
        self.status_code = 400
        self.detail = f"Malformed JSON: {msg} (line {self.lineno}, column {self.colno})"
        self.headers = None

    def __str__(self) -> str:
        return f"{self.msg}: line {self.lineno} column {self.colno} (char {self.pos})"

    def __reduce__(self) -> tuple[type[MalformedJSON], tuple[str, str, int]]:
        return type(self), (self.msg, self.doc, self.pos)


def _encode_subclass(value: Any) -> Any:
    # msgspec writes exact types; json.dumps also takes what inherits from them.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("Out of range float values are not JSON compliant")
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encoder = msgspec.json.Encoder(enc_hook=_encode_subclass)
_binary_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_subclass)
# In MessagePack a double is 0xcb and its eight bytes; an exponent of all ones is NaN or infinity.
_MAYBE_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")


def encode(content: Any) -> bytes:
    """Compact UTF-8 JSON. Beyond what `json.dumps` takes: dates, UUID, Decimal (as text), dataclasses, Structs.

    Raises ValueError for NaN and infinity, TypeError for objects that JSON has no form for.
    """
    try:
        encoded = _encoder.encode(content)
        # msgspec writes NaN as null. MessagePack keeps it apart, so a second, equally quick pass finds it.
        if encoded.find(b"null") < 0 or not _MAYBE_NOT_FINITE.search(_binary_encoder.encode(content)):
            return encoded
    except (TypeError, OverflowError):
        # Keys such as None, which json.dumps takes, or integers too large for MessagePack.
        pass
    return _encode_slowly(content)


def _encode_slowly(content: Any) -> bytes:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_encode_other)
    return text.encode()


def _encode_other(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value, enc_hook=_encode_subclass)
    except TypeError:
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable") from None


_decode = msgspec.json.Decoder().decode


def decode(body: bytes) -> Any:
    """The value of a JSON text (RFC 8259). Raises `MalformedJSON`, and nothing else, for whatever is none.

    Unlike `json.loads` it refuses NaN and Infinity, numbers that no float can hold, and lone surrogates.
    """
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _decode_or_explain(body, error)


def _decode_or_explain(body: bytes, error: Exception) -> Any:
    encoding = json.detect_encoding(body)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as undecodable:
        valid = body[: undecodable.start].decode(undecodable.encoding, "replace")
        raise MalformedJSON("Invalid UTF-8", body.decode(errors="replace"), len(valid)) from undecodable
    if encoding != "utf-8":
        # A byte order mark or UTF-16, which json.loads reads too.
        try:
            return _decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as second:
            error = second
    raise _explain(text, error) from error


def _explain(text: str, error: Exception) -> MalformedJSON:
    if isinstance(error, RecursionError):
        return MalformedJSON("Nested too deeply", text, 0)
    try:
        json.loads(text)
    except json.JSONDecodeError as known:
        return MalformedJSON(known.msg, text, known.pos)
    except (ValueError, RecursionError):
        pass
    number = _too_large_number(text)
    if number is not None:
        return MalformedJSON("Number out of range", text, number)
    # json.loads takes the rest (NaN, Infinity, lone surrogates), so msgspec's own words must do.
    message, _, byte = str(error).removeprefix("JSON is malformed: ").rstrip(")").partition(" (byte ")
    position = len(text.encode()[: int(byte)].decode(errors="replace")) if byte else len(text)
    return MalformedJSON(message.capitalize(), text, position)


_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')


def _too_large_number(text: str) -> int | None:
    for token in _STRING_OR_NUMBER.finditer(text):
        if token[0][0] != '"' and math.isinf(float(token[0])):
            return token.start()
    return None
