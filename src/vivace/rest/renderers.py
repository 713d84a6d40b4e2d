"""Writing a response's data in a media type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import msgspec


class BaseRenderer:
    """Writes one media type; `format` is its name in `?format=`."""

    media_type: str = ""
    format: str = ""
    charset: str | None = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """The body for `data`."""
        raise NotImplementedError(f"{type(self).__name__}.render() is needed")


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


class JSONRenderer(BaseRenderer):
    """Compact UTF-8 JSON; dates as ISO 8601, UUIDs and Decimals as text, NaN and infinity as null."""

    media_type = "application/json"
    format = "json"
    charset = None  # RFC 8259 11: JSON has no charset parameter
    _encode = staticmethod(msgspec.json.Encoder(enc_hook=_as_json).encode)

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return self._encode(data)
