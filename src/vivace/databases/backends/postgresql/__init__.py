"""PostgreSQL through asyncpg. Start reading at `backend.py`."""

from __future__ import annotations

from vivace.databases.backends.postgresql.backend import PostgreSQLBackend

__all__ = ["PostgreSQLBackend"]
