"""Typed rows: `fetch_all(query, into=Book)`.

`row_types` finds out what a type wants of a row and how it is made, `converters` how one value becomes what its field
says, `_decoder_cy` does it for every row. A decoder is made once for each type and list of columns.
"""

from __future__ import annotations

from vivace.databases.typed._decoder_cy import RowDecoder
from vivace.databases.typed.row_types import decoder_of

__all__ = ["RowDecoder", "decoder_of"]
