"""MySQL and MariaDB through asyncmy. Start reading at `backend.py`."""

from __future__ import annotations

from vivace.databases.backends.mysql.backend import MySQLBackend

__all__ = ["MySQLBackend"]
