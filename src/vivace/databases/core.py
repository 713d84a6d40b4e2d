"""The names that encode/databases keeps in `databases.core`, for programs that import them from there."""

from __future__ import annotations

from vivace.databases.connections import Connection
from vivace.databases.database import Database, logger
from vivace.databases.transactions import Transaction
from vivace.databases.url import DatabaseURL

__all__ = ["Connection", "Database", "DatabaseURL", "Transaction", "logger"]
