"""What the URL and the keywords of `Database` may say about SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from vivace.databases.errors import InterfaceError
from vivace.databases.url import DatabaseURL
from vivace.utils.suggest import did_you_mean

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_MODES = ("ro", "rw", "rwc", "memory")
_JOURNAL_MODES = ("wal", "delete", "truncate", "persist", "memory", "off")
_SYNCHRONOUS = ("off", "normal", "full", "extra")

PRAGMAS = (
    "analysis_limit",
    "auto_vacuum",
    "automatic_index",
    "cache_size",
    "case_sensitive_like",
    "cell_size_check",
    "encoding",
    "ignore_check_constraints",
    "journal_size_limit",
    "page_size",
    "recursive_triggers",
    "secure_delete",
    "temp_store",
    "threads",
    "trusted_schema",
    "wal_autocheckpoint",
)
"""Settings of SQLite that are options of their own name. Each is set on every connection, before anything else."""

_PRAGMA_VALUE = re.compile(r"-?\w[\w-]*")

# They belong to sqlite3, aiosqlite and encode/databases. Here transactions are begun by transaction(), and a connection
# and its thread are ours.
_WITHOUT_MEANING = frozenset(
    {"autocommit", "cache", "check_same_thread", "isolation_level", "iter_chunk_size", "loop", "min_size", "uri"}
)
_REFUSED = {
    "detect_types": "values are converted by into= and by the types of SQLAlchemy's expressions",
    "factory": "on_connect= is given each new connection, to set it up",
    "locking_mode": "there are several connections, and an exclusive one would lock out the others",
    "query_only": "mode=ro opens a file that is only read",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said in the URL's query string or as keyword of `Database`."""

    timeout: float = 5.0
    """Seconds to wait for a lock that another process, or a transaction of this one, holds."""
    inline_reads: bool = True
    """Run quick reads on the event loop; switch off for files on slow or network disks."""
    inline_writes: bool = True
    """Run quick writes outside transactions on the event loop, where a commit does not wait for the disk."""
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
    optimize: bool = True
    """Let SQLite look at disconnect() whether its statistics of tables are out of date (PRAGMA optimize)."""
    on_connect: Callable[[sqlite3.Connection], object] | None = None
    """Called with each new connection, in a thread: for functions, collations, extensions."""
    pragmas: tuple[tuple[str, str], ...] = ()
    """Those of `PRAGMAS` that were given."""
    mmap_size: int = 0
    """Bytes of the file mapped into memory: no measurable gain, and a disk error then kills the process."""

    @classmethod
    def of(cls, url: DatabaseURL, keywords: dict[str, Any]) -> Options:
        """Options of a URL and of keywords, which win. Raises `InterfaceError` for unknown names and wrong values."""
        given: dict[str, Any] = {**url.options, **keywords}
        if str(given.get("detect_types")) == "0":
            del given["detect_types"]
        for name in _WITHOUT_MEANING & given.keys():
            del given[name]
        for name in _REFUSED.keys() & given.keys():
            raise InterfaceError(f"SQLite's option {name} is not taken: {_REFUSED[name]}")
        if "busy_timeout" in given:
            given.setdefault("timeout", _converted("busy_timeout", given.pop("busy_timeout"), 0) / 1000)
        converted: dict[str, Any] = {"pragmas": _pragmas_of(given), "on_connect": given.pop("on_connect", None)}
        if converted["on_connect"] is not None and not callable(converted["on_connect"]):
            raise InterfaceError("SQLite's option on_connect is a function of a sqlite3.Connection")
        known = {field.name: field for field in fields(cls) if field.name not in converted}
        for name, value in given.items():
            if name not in known:
                raise InterfaceError(
                    f"SQLite has no option {name!r}. "
                    + did_you_mean(name, [*known, "on_connect", *PRAGMAS], listed_as="Options")
                )
            converted[name] = _converted(name, value, known[name].default)
        options = cls(**converted)
        _check_choice("mode", options.mode, _MODES)
        _check_choice("journal_mode", options.journal_mode, _JOURNAL_MODES)
        _check_choice("synchronous", options.synchronous, _SYNCHRONOUS)
        if options.readers < 1 or options.max_size < 1:
            raise InterfaceError("SQLite's options readers and max_size are at least 1")
        return options


def _pragmas_of(given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    found = [(name, str(given.pop(name))) for name in PRAGMAS if name in given]
    for name, value in found:
        if not _PRAGMA_VALUE.fullmatch(value):
            raise InterfaceError(f"SQLite's option {name} is a number or a word, got {value!r}")
    return tuple(found)


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
