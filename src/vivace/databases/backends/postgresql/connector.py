"""The pool's connector for asyncpg: opens, checks, cleans and closes connections."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlencode

import asyncpg

from vivace.databases.backends.postgresql.addresses import addresses
from vivace.databases.backends.postgresql.options import Options
from vivace.databases.backends.postgresql.pgbouncer import BouncedConnection
from vivace.databases.errors import ConnectionFailed
from vivace.databases.url import DatabaseURL

# What asyncpg takes only inside a DSN.
_ONLY_IN_DSN = (
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslcrl",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "service",
)
_ONLY_IF_GIVEN = ("passfile", "servicefile", "ssl", "direct_tls", "target_session_attrs", "krbsrvname", "gsslib")


class AsyncpgConnector:
    """Opens, checks and cleans asyncpg connections for the pool."""

    # asyncpg's own methods, without one of ours around them: the pool asks with every statement. A closed socket is
    # noticed at once; what must be cleaned up is an open transaction.
    is_closed = staticmethod(asyncpg.Connection.is_closed)
    needs_cleaning = staticmethod(asyncpg.Connection.is_in_transaction)

    def __init__(self, url: DatabaseURL, options: Options) -> None:
        self._url = url
        self._options = options
        self._keywords = _keywords_of(url, options)

    async def open(self) -> asyncpg.Connection:
        """A new connection. Raises `ConnectionFailed`, with the address but never the password."""
        try:
            connection: asyncpg.Connection = await asyncpg.connect(**self._keywords)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError, ssl.SSLError) as error:
            raise ConnectionFailed(self._what_is_wrong(error)) from error
        try:
            for prepare in (self._options.init, self._options.setup):
                if prepare is not None:
                    await prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    def _what_is_wrong(self, error: Exception) -> str:
        address = self._url.obscure_password
        if isinstance(error, TimeoutError):
            return f"Cannot connect to {address}: no answer within {self._options.timeout:g} s"
        if isinstance(error, ssl.SSLError):
            return f"Cannot connect to {address}: TLS failed: {error.reason or error}. See the option ssl"
        if isinstance(error, OSError):
            return f"Cannot connect to {address}: {error.strerror or error}. Is PostgreSQL running there?"
        message = str(error)
        if isinstance(error, asyncpg.InvalidPasswordError):
            message += ". Check user and password in the URL"
        elif isinstance(error, asyncpg.InvalidCatalogNameError):
            message += f". Create it with: createdb {self._options.database or self._url.database}"
        elif isinstance(error, asyncpg.TooManyConnectionsError):
            message += ". The programs that use this server open more connections than it allows: lower their max_size"
        elif "unsupported startup parameter" in message:
            message += (
                ". That is PgBouncer's answer: it passes on no other settings of a session. Leave it out of "
                "server_settings and say it in PostgreSQL instead: ALTER ROLE … SET …"
            )
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

    async def check(self, connection: asyncpg.Connection) -> None:
        """One round trip."""
        await connection.execute("SELECT 1")

    async def clean(self, connection: asyncpg.Connection, *, thoroughly: bool) -> None:
        """Waits for a cancelled statement to end, rolls back, and thoroughly: resets the session."""
        # asyncpg makes any next operation wait until the server has confirmed the cancellation.
        # A transaction that the cancelled statement has failed takes nothing but a ROLLBACK.
        if not connection.is_in_transaction():
            await connection.execute("SELECT 1")
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
        # Behind PgBouncer the session that was changed is no longer ours to reset.
        if thoroughly and not self._options.pgbouncer:
            await connection.reset()
            if self._options.setup is not None:
                await self._options.setup(connection)


def _keywords_of(url: DatabaseURL, options: Options) -> dict[str, Any]:
    """What `asyncpg.connect` is called with."""
    hosts, ports = addresses(url, options)
    settings = {"application_name": options.application_name, **options.server_settings}
    if options.options is not None:
        settings["options"] = options.options
    keywords: dict[str, Any] = {
        "host": hosts,
        "port": ports,
        "user": options.user if options.user is not None else url.username,
        "password": options.password if options.password is not None else url.password,
        "database": options.database or url.database or None,
        "timeout": options.timeout or None,
        "command_timeout": options.command_timeout or None,
        "statement_cache_size": options.statement_cache_size,
        "max_cached_statement_lifetime": options.max_cached_statement_lifetime,
        "max_cacheable_statement_size": options.max_cacheable_statement_size,
        "server_settings": settings,
    }
    if options.pgbouncer:
        keywords["connection_class"] = BouncedConnection
    for name in _ONLY_IF_GIVEN:
        if (value := getattr(options, name)) is not None:
            keywords[name] = value
    said_in_dsn = {name: value for name in _ONLY_IN_DSN if (value := getattr(options, name)) is not None}
    if said_in_dsn:
        keywords["dsn"] = f"postgresql://?{urlencode(said_in_dsn)}"
    return keywords
