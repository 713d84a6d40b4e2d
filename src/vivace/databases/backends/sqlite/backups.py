"""A copy of a database that is in use."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress


def copy_to(
    connection: sqlite3.Connection, target: str, pages: int, progress: Callable[[int, int, int], object]
) -> None:
    """Copy all of `connection`'s database to the file `target`, `pages` at a time; in a thread.

    An exception of `progress` breaks it off.
    """
    part = f"{target}.part"
    # One snapshot for all steps: without it, SQLite starts again whenever somebody writes in between.
    connection.execute("BEGIN")
    try:
        connection.execute("SELECT count(*) FROM (SELECT 1 FROM sqlite_master LIMIT 1)").fetchall()
        with closing(sqlite3.connect(part)) as copy:
            connection.backup(copy, pages=pages, progress=progress)
        os.replace(part, target)
    finally:
        connection.execute("ROLLBACK")
        with suppress(FileNotFoundError):
            os.unlink(part)
