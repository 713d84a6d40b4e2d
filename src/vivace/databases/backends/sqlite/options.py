"""How SQLite files are opened: the options of the URL, the checks before opening, the PRAGMAs after."""

from __future__ import annotations

import os
import re
import sqlite3
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vivace.databases.backends.sqlite.translate import translated
from vivace.databases.errors import ConnectionFailed, InterfaceError
from vivace.databases.url import DatabaseURL
from vivace.utils.suggest import did_you_mean

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_MODES = ("ro", "rw", "rwc", "memory")
_JOURNAL_MODES = ("wal", "delete", "truncate", "persist", "memory", "off")
_SYNCHRONOUS = ("off", "normal", "full", "extra")


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said in the URL's query string or as keyword of `Database`."""

    timeout: float = 5.0
    """Seconds to wait for a lock that another process, or a transaction of this one, holds."""
    inline_reads: bool = True
    """Run quick reads on the event loop; switch off for files on slow or network disks."""
    readers: int = 4
    """Threads for reads that are not quick."""
    max_size: int = 10
    """Connections lent to read transactions, cursors and `connection()` at the same time."""
    acquire_timeout: float = 10.0
    """Seconds to wait for one of them."""
    cached_statements: int = 512
    """Prepared statements kept by each connection."""
    foreign_keys: bool = True
    """Enforce foreign keys."""
    journal_mode: str = "wal"
    """SQLite's journal; anything but `wal` makes readers and writers wait for each other."""
    synchronous: str = "normal"
    """`normal` with WAL never corrupts, but a power cut may lose the last commits; `full` loses none and is slow."""
    mode: str = "rwc"
    """`ro`: read only; `rw`: the file must exist; `rwc`: it is made; `memory`: no file."""
    mmap_size: int = 0
    """Bytes of the file mapped into memory: no measurable gain, and a disk error then kills the process."""

    @classmethod
    def of(cls, url: DatabaseURL, keywords: dict[str, Any]) -> Options:
        """Options of a URL and of keywords, which win. Raises `InterfaceError` for unknown names and wrong values."""
        given: dict[str, Any] = {**url.options, **keywords}
        # `uri`, `cache` and `check_same_thread` belong to sqlite3; encode/databases handed them on. Ours are fixed.
        for name in ("uri", "cache", "check_same_thread", "isolation_level", "min_size"):
            given.pop(name, None)
        known = {field.name: field for field in fields(cls)}
        converted: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise InterfaceError(
                    f"SQLite has no option {name!r}. " + did_you_mean(name, known, listed_as="Options")
                )
            converted[name] = _converted(name, value, known[name].default)
        options = cls(**converted)
        _check_choice("mode", options.mode, _MODES)
        _check_choice("journal_mode", options.journal_mode, _JOURNAL_MODES)
        _check_choice("synchronous", options.synchronous, _SYNCHRONOUS)
        if options.readers < 1 or options.max_size < 1:
            raise InterfaceError("SQLite's options readers and max_size are at least 1")
        return options


def _converted(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        if str(value).lower() in _TRUE:
            return True
        if str(value).lower() in _FALSE:
            return False
        raise InterfaceError(f"SQLite's option {name} is true or false, got {value!r}")
    try:
        return str(value).lower() if isinstance(default, str) else type(default)(value)
    except (TypeError, ValueError):
        raise InterfaceError(f"SQLite's option {name} is a number, got {value!r}") from None


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InterfaceError(f"SQLite has no {name} {value!r}. " + did_you_mean(value, choices, listed_as="Choices"))


class Opener:
    """Opens connections to one database file, all set up alike."""

    def __init__(self, url: DatabaseURL, options: Options) -> None:
        self.options = options
        path = url.database
        if path.startswith("file:"):
            path = path.removeprefix("file:").partition("?")[0]
        self.in_memory = path in ("", ":memory:") or options.mode == "memory"
        self.path = ":memory:" if self.in_memory else os.path.abspath(path)

    def open_for_loop(self) -> tuple[sqlite3.Connection, sqlite3.Connection | None]:
        """The connections of `InlineReader`: they never wait for a lock."""
        reader = self.open(query_only=True)
        reader.execute("PRAGMA busy_timeout=0")
        # Only with a WAL is a lock that is held for a turn of the loop in nobody's way.
        if reader.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            return reader, None
        anchor = self.open(query_only=True)
        anchor.execute("PRAGMA busy_timeout=0")
        return reader, anchor

    def open(self, *, query_only: bool = False) -> sqlite3.Connection:
        """A new connection.

        Raises `ConnectionFailed` and says what is wrong with the file.
        """
        options = self.options
        try:
            connection = sqlite3.connect(
                ":memory:" if self.in_memory else f"file:{quote(self.path)}?mode={options.mode}",
                uri=not self.in_memory,
                timeout=options.timeout,
                isolation_level=None,
                check_same_thread=False,  # each has one owner, but a loop that has ended cannot close its own
                cached_statements=options.cached_statements,
            )
            try:
                self._set_up(connection, query_only=query_only)
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise ConnectionFailed(self._what_is_wrong(error)) from error
        return connection

    def _set_up(self, connection: sqlite3.Connection, *, query_only: bool) -> None:
        options = self.options
        if not self.in_memory:
            if options.mode != "ro":
                # Stored in the file, so it costs nothing from the second time on.
                connection.execute(f"PRAGMA journal_mode={options.journal_mode}")
            connection.execute(f"PRAGMA mmap_size={options.mmap_size}")
        connection.execute(f"PRAGMA synchronous={options.synchronous}")
        connection.execute(f"PRAGMA foreign_keys={'ON' if options.foreign_keys else 'OFF'}")
        # Touches the file: a file that is no database, or not readable, is found here and not at the first query.
        connection.execute("SELECT count(*) FROM (SELECT 1 FROM sqlite_master LIMIT 1)").fetchall()
        # SQLite has the operator but not the function: `text REGEXP pattern` calls regexp(pattern, text).
        connection.create_function("regexp", 2, _regexp, deterministic=True)
        if query_only:
            connection.execute("PRAGMA query_only=ON")

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


def _regexp(pattern: str | None, text: object) -> bool | None:
    if pattern is None or text is None:
        return None
    return re.search(pattern, str(text)) is not None
