"""How PostgreSQL is connected to: the options of the URL, and the pool's connector for asyncpg."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import asyncpg

from vivace.databases.errors import ConnectionFailed, InterfaceError
from vivace.databases.url import DatabaseURL
from vivace.utils.suggest import did_you_mean

_BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said in the URL's query string or as keyword of `Database`."""

    min_size: int = 1
    """Connections opened at the start and kept."""
    max_size: int = 10
    """Connections at most; three already keep one Python process busy."""
    acquire_timeout: float = 10.0
    """Seconds to wait for a connection before `PoolTimeout`."""
    check_after: float = 30.0
    """A connection that idled for so many seconds is checked before it is used."""
    max_lifetime: float = 3600.0
    """Seconds after which a connection is replaced."""
    timeout: float = 10.0
    """Seconds that connecting may take."""
    command_timeout: float | None = None
    """Seconds that a statement may take; no limit by default."""
    statement_cache_size: int = 512
    """Prepared statements kept by each connection; 0 behind a PgBouncer older than 1.21 in transaction mode."""
    max_cached_statement_lifetime: int = 300
    """Seconds that asyncpg keeps a prepared statement."""
    max_cacheable_statement_size: int = 15 * 1024
    """Statements longer than this are not kept prepared."""
    ssl: Any = None
    """True, False, an `ssl.SSLContext`, or libpq's words: `prefer` (the default), `require`, `verify-full`…"""
    server_settings: dict[str, str] = field(default_factory=dict)
    """Settings of the session, such as `{"search_path": "shop"}`."""
    application_name: str = "vivace"
    """The name this program has in pg_stat_activity."""
    target_session_attrs: str | None = None
    """With several hosts: `read-write`, `primary`, `any`…"""

    @classmethod
    def of(cls, url: DatabaseURL, keywords: dict[str, Any]) -> Options:
        """Options of a URL and of keywords, which win. Raises `InterfaceError` for unknown names and wrong values."""
        given: dict[str, Any] = {**url.options, **keywords}
        for name in ("host", "unix_sock"):  # read by DatabaseURL.hostname
            given.pop(name, None)
        if "sslmode" in given:
            given["ssl"] = given.pop("sslmode")
        known = {option.name for option in fields(cls)}
        for name in given:
            if name not in known:
                raise InterfaceError(
                    f"PostgreSQL has no option {name!r}. " + did_you_mean(name, known, listed_as="Options")
                )
        return cls(**{name: _converted(name, value) for name, value in given.items()})


_INTEGERS = frozenset(
    {"min_size", "max_size", "statement_cache_size", "max_cached_statement_lifetime", "max_cacheable_statement_size"}
)
_NUMBERS = frozenset({"acquire_timeout", "check_after", "max_lifetime", "timeout", "command_timeout"})


def _converted(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if name == "ssl":
        return _BOOLEANS.get(value.lower(), value)
    if name == "server_settings":
        raise InterfaceError("PostgreSQL's option server_settings is a dictionary, given as keyword of Database()")
    try:
        if name in _INTEGERS:
            return int(value)
        return float(value) if name in _NUMBERS else value
    except ValueError:
        raise InterfaceError(f"PostgreSQL's option {name} is a number, got {value!r}") from None


class AsyncpgConnector:
    """Opens, checks and cleans asyncpg connections for the pool."""

    def __init__(self, url: DatabaseURL, options: Options) -> None:
        self._url = url
        self._options = options

    async def open(self) -> asyncpg.Connection:
        """A new connection. Raises `ConnectionFailed`, with the address but never the password."""
        url, options = self._url, self._options
        settings = {"application_name": options.application_name, **options.server_settings}
        keywords: dict[str, Any] = {}
        if options.ssl is not None:
            keywords["ssl"] = options.ssl
        if options.target_session_attrs is not None:
            keywords["target_session_attrs"] = options.target_session_attrs
        try:
            return await asyncpg.connect(
                host=url.hostname,
                port=url.port,
                user=url.username,
                password=url.password,
                database=url.database or None,
                timeout=options.timeout,
                command_timeout=options.command_timeout,
                statement_cache_size=options.statement_cache_size,
                max_cached_statement_lifetime=options.max_cached_statement_lifetime,
                max_cacheable_statement_size=options.max_cacheable_statement_size,
                server_settings=settings,
                **keywords,
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            raise ConnectionFailed(self._what_is_wrong(error)) from error

    def _what_is_wrong(self, error: Exception) -> str:
        address = self._url.obscure_password
        if isinstance(error, TimeoutError):
            return f"Cannot connect to {address}: no answer within {self._options.timeout:g} s"
        if isinstance(error, OSError):
            return f"Cannot connect to {address}: {error.strerror or error}. Is PostgreSQL running there?"
        message = str(error)
        if isinstance(error, asyncpg.InvalidPasswordError):
            message += ". Check user and password in the URL"
        elif isinstance(error, asyncpg.InvalidCatalogNameError):
            message += f". Create it with: createdb {self._url.database}"
        return f"Cannot connect to {address}: {message}"

    async def close(self, connection: asyncpg.Connection) -> None:
        """Close politely, or else cut off."""
        try:
            await connection.close(timeout=2.0)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.terminate()

    def terminate(self, connection: asyncpg.Connection) -> None:
        """Cut off."""
        connection.terminate()

    def is_closed(self, connection: asyncpg.Connection) -> bool:
        """asyncpg notices a closed socket at once."""
        return connection.is_closed()

    async def check(self, connection: asyncpg.Connection) -> None:
        """One round trip."""
        await connection.execute("SELECT 1")

    def needs_cleaning(self, connection: asyncpg.Connection) -> bool:
        """An open transaction."""
        return connection.is_in_transaction()

    async def clean(self, connection: asyncpg.Connection, *, thoroughly: bool) -> None:
        """Waits for a cancelled statement to end, rolls back, and thoroughly: resets the session."""
        # asyncpg makes any next operation wait until the server has confirmed the cancellation.
        await connection.execute("SELECT 1")
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
        if thoroughly:
            await connection.reset()
