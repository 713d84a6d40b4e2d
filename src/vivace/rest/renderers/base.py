"""What a renderer is."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any

# Rows that are sent together: a piece a row would cost more than the row.
ROWS_IN_A_PIECE = 100


class BaseRenderer:
    """Writes one media type; `format` is its name in `?format=`."""

    media_type: str = ""
    format: str = ""
    charset: str | None = "utf-8"
    streams = False  # whether `stream()` writes a list row by row

    def stream(
        self, rows: AsyncIterable[Any], renderer_context: Mapping[str, Any] | None = None
    ) -> AsyncIterator[bytes]:
        """The body for rows that come one after the other, in pieces; of a renderer that `streams`."""
        raise NotImplementedError(f"{type(self).__name__} does not stream")

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """The body for `data`."""
        raise NotImplementedError(f"{type(self).__name__}.render() is needed")
