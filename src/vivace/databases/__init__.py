"""Async access to SQL databases: connections, pool, transactions; names as in encode/databases.

Imports only `vivace.utils`. Read `database.py` first (what applications hold), then `frames.py` (how tasks share a
transaction) and `backends/base.py` (what a driver must offer).
"""

from __future__ import annotations

from vivace.databases.connections import Connection
from vivace.databases.database import Database
from vivace.databases.observing.events import QueryEvent
from vivace.databases.plan import Plan
from vivace.databases.records import Record
from vivace.databases.results import Result
from vivace.databases.transactions import Transaction
from vivace.databases.url import DatabaseURL
from vivace.databases.values import Json

__all__ = ["Connection", "Database", "DatabaseURL", "Json", "Plan", "QueryEvent", "Record", "Result", "Transaction"]
