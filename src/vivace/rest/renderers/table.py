"""`CSVRenderer`: a list of objects as rows of a table."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Any

from vivace.rest.renderers.base import ROWS_IN_A_PIECE, BaseRenderer
from vivace.rest.renderers.data import encode_json

# A spreadsheet takes a text that begins so for a formula (OWASP, "CSV injection").
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class CSVRenderer(BaseRenderer):
    """CSV with a header (RFC 4180). The members of nested objects are columns, `author.name`; a list is JSON in a cell.

    The page of a paginated list is its `results`. The columns are those of all rows, in the order they are met; of a
    list that is streamed, those of its first row. `header` names them instead, and leaves others out.

    Texts that a spreadsheet would run as a formula get an apostrophe in front, unless `escape_formulas` is False.
    """

    media_type = "text/csv"
    format = "csv"
    streams = True
    header: Sequence[str] | None = None
    delimiter = ","
    escape_formulas = True

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        rows = [flatten(row) for row in rows_of(data)]
        columns = list(self.header or dict.fromkeys(name for row in rows for name in row))
        return self._write([columns, *([row.get(name) for name in columns] for row in rows)]) if columns else b""

    async def stream(
        self, rows: AsyncIterable[Any], renderer_context: Mapping[str, Any] | None = None
    ) -> AsyncIterator[bytes]:
        columns = list(self.header or ())
        lines: list[Sequence[Any]] = [columns] if columns else []
        async for row in rows:
            flat = flatten(row)
            if not columns:
                columns = list(flat)
                lines.append(columns)
            lines.append([flat.get(name) for name in columns])
            if len(lines) >= ROWS_IN_A_PIECE:
                yield self._write(lines)
                lines = []
        if lines:
            yield self._write(lines)

    def _write(self, lines: Sequence[Sequence[Any]]) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=self.delimiter).writerows([self._cell(value) for value in line] for line in lines)
        return out.getvalue().encode()

    def _cell(self, value: Any) -> Any:
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        text = value if isinstance(value, str) else encode_json(value).decode().strip('"')
        return f"'{text}" if self.escape_formulas and text.startswith(FORMULA_STARTS) else text


def rows_of(data: Any) -> Sequence[Any]:
    """The rows in a response's data: a list's, those of a page, or the one object."""
    if isinstance(data, Mapping) and isinstance(data.get("results"), list):
        data = data["results"]
    if data is None:
        return []
    return data if isinstance(data, list | tuple) else [data]


def flatten(row: Any, prefix: str = "") -> dict[str, Any]:
    """`{"author": {"name": "Ann"}}` as `{"author.name": "Ann"}`; what is no mapping is a column called "value"."""
    if not isinstance(row, Mapping):
        return {prefix or "value": row}
    found: dict[str, Any] = {}
    for name, value in row.items():
        path = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping):
            found.update(flatten(value, path))
        else:
            found[path] = value
    return found
