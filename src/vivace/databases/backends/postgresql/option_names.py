"""The names under which other tools know our options, and what to say about those that we have no use for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from vivace.utils.suggest import did_you_mean

# libpq's, aiopg's and older spellings.
SYNONYMS = {
    "sslmode": "ssl",
    "dbname": "database",
    "username": "user",
    "connect_timeout": "timeout",
    "minsize": "min_size",
    "maxsize": "max_size",
    "unix_sock": "host",
    "fallback_application_name": "application_name",
}

# Words of libpq that change nothing here with these values: they are in the URLs that hosts of databases hand out.
_NEEDLESS = {
    "channel_binding": {"disable", "prefer"},
    "gssencmode": {"disable", "prefer"},
    "client_encoding": {"utf8", "utf-8", "unicode", "auto"},
    "keepalives": {"1"},
    "sslcompression": {"0"},
}

# Names of other tools: what to say here instead.
_INSTEAD = {
    "pool_size": "max_size",
    "max_overflow": "max_size (one number; there is no overflow beyond it)",
    "pool_timeout": "acquire_timeout",
    "pool_recycle": "max_lifetime",
    "pool_pre_ping": "check_after (seconds of idling after which a connection is checked)",
    "pool_use_lifo": "nothing: the pool gives the connection used last",
    "prepared_statement_cache_size": "statement_cache_size",
    "prepare_threshold": "statement_cache_size=0 to prepare nothing",
    "max_idle": "max_inactive_connection_lifetime",
    "isolation_level": 'database.transaction(isolation="serializable"), or '
    'server_settings={"default_transaction_isolation": "serializable"}',
    "autocommit": "nothing: outside database.transaction() each statement commits",
    "echo": 'logging.getLogger("vivace.databases")',
    "reset": "nothing: what changed a session is undone before the next borrower; see setup",
    "connection_class": "init, a function that is given each new connection",
    "record_class": "fetch_all(query, into=MyStruct)",
    "loop": "nothing: a Database belongs to the loop it is connected on",
    "connect": "host, port, user, password and the like",
    "dsn": "the first argument of Database()",
    "keepalives_idle": "check_after",
    "keepalives_interval": "check_after",
    "keepalives_count": "check_after",
    "tcp_user_timeout": "command_timeout",
    "hostaddr": "host",
    "prepared_statement_name_func": "pgbouncer=True",
    "channel_binding": "nothing: asyncpg has no channel binding, so `require` cannot be kept",
    "gssencmode": "ssl: asyncpg encrypts by TLS, not by GSSAPI",
    "client_encoding": "nothing: asyncpg speaks UTF-8",
}
# Settings of the server that people write into URLs.
_SETTINGS = frozenset(
    {
        "search_path",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "timezone",
        "datestyle",
        "work_mem",
        "jit",
        "default_transaction_isolation",
        "default_transaction_read_only",
        "synchronous_commit",
        "role",
    }
)


def is_needless(name: str, value: Any) -> bool:
    """Whether the option says what is so anyway."""
    return name in _NEEDLESS and str(value).lower() in _NEEDLESS[name]


def unknown(name: str, known: Collection[str]) -> str:
    """The message for an option that does not exist."""
    if name in _INSTEAD:
        return f"PostgreSQL has no option {name!r}. Say instead: {_INSTEAD[name]}"
    if name.lower() in _SETTINGS:
        return (
            f"{name!r} is a setting of PostgreSQL's sessions: give server_settings={{{name!r}: …}} to Database(), or "
            f"write options=-c%20{name}%3D… into the URL"
        )
    return f"PostgreSQL has no option {name!r}. " + did_you_mean(name, known, listed_as="Options")
