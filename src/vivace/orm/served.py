"""Which databases the ORM writes SQL for."""

from __future__ import annotations

from vivace.databases.errors import NotSupportedError

SERVED = ("sqlite", "postgresql")


def require_served(dialect: str) -> None:
    """Raise `NotSupportedError` for a database that only `vivace.databases` speaks to, by the name of its dialect."""
    if dialect not in SERVED:
        raise NotSupportedError(
            "The ORM does not serve MySQL and MariaDB yet, only SQLite and PostgreSQL. Raw SQL and SQLAlchemy "
            "expressions do run there: await database.fetch_all(…)"
        )
