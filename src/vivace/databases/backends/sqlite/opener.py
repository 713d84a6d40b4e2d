"""How SQLite files are opened: checks before, settings after, and what is wrong with a file that cannot be opened."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

from vivace.databases.backends.sqlite.anchor import LOG_LIMIT, Anchor
from vivace.databases.backends.sqlite.functions import add_functions
from vivace.databases.backends.sqlite.options import Options
from vivace.databases.backends.sqlite.translate import translated
from vivace.databases.errors import ConnectionFailed
from vivace.databases.url import DatabaseURL

logger = logging.getLogger("vivace.databases")

# Of PRAGMA synchronous: a commit into the log does not wait for the disk.
_NORMAL = 1


class Opener:
    """Opens connections to one database file, all set up alike."""

    def __init__(self, url: DatabaseURL, options: Options) -> None:
        self.options = options
        path = url.database
        if path.startswith("file:"):
            path = path.removeprefix("file:").partition("?")[0]
        self.in_memory = path in ("", ":memory:") or options.mode == "memory"
        self.path = ":memory:" if self.in_memory else os.path.abspath(path)
        # What was set by statements outside any transaction, for all connections; `generation` counts the changes.
        self._statements: dict[str, tuple[str, Sequence[Any]]] = {}
        self.generation = 0

    def remember(self, key: str, sql: str, args: Sequence[Any]) -> None:
        """Run the statement on each connection from now on. A later one of the same key takes its place."""
        self._statements.pop(key, None)
        self._statements[key] = (sql, args)
        self.generation += 1

    def open_for_loop(self) -> tuple[sqlite3.Connection, Anchor | None]:
        """What `InlineReader` reads with: connections that never wait for a lock."""
        reader = self.open(query_only=True)
        reader.execute("PRAGMA busy_timeout=0")
        # Only with a WAL is a lock that is held for a turn of the loop in nobody's way.
        if reader.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            return reader, None
        anchor = self.open(query_only=True)
        anchor.execute("PRAGMA busy_timeout=0")
        return reader, Anchor(anchor, f"{self.path}-wal")

    def open_for_writes_of_loop(self) -> sqlite3.Connection | None:
        """What `InlineWriter` writes with; None where a commit waits for the disk."""
        if not self.options.inline_writes or self.options.mode == "ro":
            return None
        writer = self.open()
        (journal,) = writer.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = writer.execute("PRAGMA synchronous").fetchone()
        if journal != "wal" or synchronous > _NORMAL:
            writer.close()
            return None
        writer.execute("PRAGMA busy_timeout=0")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        return writer

    def open(self, *, query_only: bool = False) -> sqlite3.Connection:
        """A new connection.

        Raises `ConnectionFailed` and says what is wrong with the file.
        """
        give_up = monotonic() + self.options.timeout
        while True:
            try:
                return self._open(query_only=query_only)
            except sqlite3.Error as error:
                # Making a file, or the first reading after a crash, takes a lock that SQLite does not wait for.
                is_locked = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not is_locked or monotonic() > give_up:
                    raise ConnectionFailed(self._what_is_wrong(error)) from error
            sleep(0.01)

    def _open(self, *, query_only: bool) -> sqlite3.Connection:
        options = self.options
        connection = sqlite3.connect(
            ":memory:" if self.in_memory else f"file:{quote(self.path)}?mode={options.mode}",
            uri=not self.in_memory,
            timeout=options.timeout,
            isolation_level=None,
            check_same_thread=False,  # each has one owner, but a loop that has ended cannot close its own
            cached_statements=options.cached_statements,
        )
        try:
            self._set_up(connection)
            if options.on_connect is not None:
                self._call(options.on_connect, connection)
            for sql, args in self._statements.values():
                connection.execute(sql, args)
            if query_only:
                connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _call(self, on_connect: Callable[[sqlite3.Connection], object], connection: sqlite3.Connection) -> None:
        try:
            on_connect(connection)
        except Exception as error:
            raise ConnectionFailed(f"on_connect failed for {self.path!r}: {type(error).__name__}: {error}") from error

    def _set_up(self, connection: sqlite3.Connection) -> None:
        options = self.options
        connection.execute(f"PRAGMA journal_size_limit={LOG_LIMIT}")
        for name, value in options.pragmas:
            connection.execute(f"PRAGMA {name}={value}")
        if not self.in_memory:
            if options.mode != "ro":
                # Stored in the file, so it costs nothing from the second time on.
                (found,) = connection.execute(f"PRAGMA journal_mode={options.journal_mode}").fetchone()
                if found != options.journal_mode:
                    logger.warning(
                        "%s: SQLite keeps journal_mode=%s instead of %s (a network disk, without shared memory?)",
                        self.path,
                        found,
                        options.journal_mode,
                    )
            connection.execute(f"PRAGMA mmap_size={options.mmap_size}")
        connection.execute(f"PRAGMA synchronous={options.synchronous}")
        connection.execute(f"PRAGMA foreign_keys={'ON' if options.foreign_keys else 'OFF'}")
        # Touches the file: a file that is no database, or not readable, is found here and not at the first query.
        connection.execute("SELECT count(*) FROM (SELECT 1 FROM sqlite_master LIMIT 1)").fetchall()
        add_functions(connection)

    def _what_is_wrong(self, error: sqlite3.Error) -> str:
        path = Path(self.path)
        asked = f"SQLite cannot open {self.path!r}"
        if path.is_dir():
            return f"{asked}: it is a folder"
        if not path.parent.is_dir():
            return f"{asked}: the folder {str(path.parent)!r} does not exist. Make it, or correct the URL"
        if not path.exists() and self.options.mode in ("ro", "rw"):
            return f"{asked}: the file does not exist, and mode={self.options.mode} does not make it"
        if path.exists() and not os.access(path, os.R_OK):
            return f"{asked}: this process may not read the file"
        if self.options.mode != "ro" and (
            not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK))
        ):
            return (
                f"{asked} for writing: the file or its folder is read-only for this process. ?mode=ro opens it to read"
            )
        return f"{asked}: {translated(error, None).message}"
