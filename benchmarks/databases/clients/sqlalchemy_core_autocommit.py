"""SQLAlchemy's async engine in autocommit: no BEGIN and no ROLLBACK around a statement."""

from __future__ import annotations

from typing import Any

from benchmarks.databases.clients import sqlalchemy_core


class Client(sqlalchemy_core.Client):
    """As documented for `isolation_level` and `skip_autocommit_rollback`."""

    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True}
