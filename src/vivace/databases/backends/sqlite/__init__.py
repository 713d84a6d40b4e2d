"""SQLite on the standard library's sqlite3, made async here. Start reading at `backend.py`."""

from __future__ import annotations

from vivace.databases.backends.sqlite.backend import SQLiteBackend

__all__ = ["SQLiteBackend"]
