"""The rows that `fetch_all`, `fetch_one` and `iterate` give: `Record`.

A thousand rows are a thousand of these, so they are compiled; `_records_cy.py` runs uncompiled as well.
"""

from __future__ import annotations

from vivace.databases._records_cy import LooseShape, Processor, Record, RecordMapping, RecordShape, shape_of

__all__ = ["LooseShape", "Processor", "Record", "RecordMapping", "RecordShape", "shape_of"]
