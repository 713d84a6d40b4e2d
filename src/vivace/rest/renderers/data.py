"""Data for programs: JSON, JSON lines, MessagePack."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from enum import Enum
from typing import Any

import msgspec

from vivace.rest.renderers.base import ROWS_IN_A_PIECE, BaseRenderer


def _as_json(value: Any) -> Any:
    # msgspec writes exact types; error details are texts with a code.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


encode_json = msgspec.json.Encoder(enc_hook=_as_json).encode


class JSONRenderer(BaseRenderer):
    """Compact UTF-8 JSON; dates as ISO 8601, UUIDs and Decimals as text, NaN and infinity as null."""

    media_type = "application/json"
    format = "json"
    charset = None  # RFC 8259 11: JSON has no charset parameter
    _encode = staticmethod(encode_json)

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        body = self._encode(data)
        indent = _indent(accepted_media_type)
        return msgspec.json.format(body, indent=indent) if indent else body


def _indent(media_type: str | None) -> int:
    """The spaces asked for by `Accept: application/json; indent=4`, 8 at most."""
    if media_type is None or "indent" not in media_type:
        return 0
    found = re.search(r";\s*indent\s*=\s*(\d{1,4})\s*(?:;|$)", media_type, re.ASCII)
    return 0 if found is None else min(int(found[1]), 8)


class JSONLinesRenderer(BaseRenderer):
    """A line of JSON for each row of a list; one line for anything else. A list of any length is streamed."""

    media_type = "application/jsonl"
    format = "jsonl"
    charset = None
    streams = True

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"".join(encode_json(row) + b"\n" for row in (data if isinstance(data, list) else [data]))

    async def stream(
        self, rows: AsyncIterable[Any], renderer_context: Mapping[str, Any] | None = None
    ) -> AsyncIterator[bytes]:
        pieces: list[bytes] = []
        async for row in rows:
            pieces.append(encode_json(row))
            if len(pieces) == ROWS_IN_A_PIECE:
                yield b"\n".join(pieces) + b"\n"
                pieces.clear()
        if pieces:
            yield b"\n".join(pieces) + b"\n"


class MessagePackRenderer(BaseRenderer):
    """MessagePack; what JSON has as text (dates, UUIDs, Decimals) is text here, too."""

    media_type = "application/msgpack"
    format = "msgpack"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return msgspec.msgpack.encode(data, enc_hook=_as_json)
