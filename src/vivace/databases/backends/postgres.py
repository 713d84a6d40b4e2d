"""The name that programs import from encode/databases' `databases.backends.postgres`: the type of a row."""

from __future__ import annotations

from vivace.databases.records import Record

__all__ = ["Record"]
