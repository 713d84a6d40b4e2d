"""What the pool asks of MySQL: connections opened with their session set up, checked, cleaned and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asyncmy import errors as driver
from asyncmy.connection import Connection
from asyncmy.constants import CLIENT

from vivace.databases.backends.mysql.connection import MySQLConnection
from vivace.databases.backends.mysql.options import Options
from vivace.databases.errors import ConnectionFailed
from vivace.databases.url import DatabaseURL

# Error numbers: https://mariadb.com/kb/en/mariadb-error-code-reference/
_ACCESS_DENIED = frozenset({1045, 1698})
_NO_DATABASE = 1049
_NO_RIGHT_TO_DATABASE = 1044
_TOO_MANY = frozenset({1040, 1203, 1226})
_NO_PLUGIN = frozenset({1251, 2059})

# How long a polite goodbye may take.
_GOODBYE_TIMEOUT = 2.0


class MySQLConnector:
    """Opens, checks and cleans connections for the pool. `learn` is told each server's `VERSION()`."""

    def __init__(self, url: DatabaseURL, options: Options, learn: Callable[[str], None]) -> None:
        self._url = url
        self._options = options
        self._learn = learn
        self._tls = options.tls()
        self._socket = options.socket_of(url)
        self._session = _session_of(options)

    async def open(self) -> MySQLConnection:
        """A new connection. Raises `ConnectionFailed`, with the address but never the password."""
        raw = self._driver_connection()
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                await raw.connect()
                connection = MySQLConnection(raw, cache_size=self._options.statement_cache_size)
                await connection.forbid_several_statements()
                await self._set_up(connection)
                version, connection.max_packet = await self._ask_server(connection)
        except BaseException as error:
            raw.close()
            if isinstance(error, (driver.MySQLError, OSError, ValueError, RuntimeError)):
                raise ConnectionFailed(self._what_is_wrong(error, raw)) from error
            raise
        self._learn(version)
        return connection

    def _driver_connection(self) -> Connection:
        url, options = self._url, self._options
        # As bytes: asyncmy would write it in Latin 1, but the server expects UTF-8.
        password = (url.password or "").encode()
        return Connection(
            host=None if self._socket else url.hostname,
            port=url.port or 3306,
            unix_socket=self._socket,
            user=url.username,
            password=password,
            database=url.database or None,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=options.connect_timeout,
            ssl=None if self._socket else self._tls,
            program_name=options.program_name,
            # An UPDATE counts the rows it found, as everywhere else, not those that it really changed.
            client_flag=CLIENT.FOUND_ROWS,
        )

    async def _set_up(self, connection: MySQLConnection) -> None:
        await connection.control(self._session)
        if self._options.init_command is not None:
            await connection.execute(self._options.init_command, prepare=False)

    async def _ask_server(self, connection: MySQLConnection) -> tuple[str, int]:
        # Not the greeting's version, which a proxy makes up.
        answer = await connection.execute("SELECT VERSION(), @@max_allowed_packet", prepare=False)
        assert answer.rows is not None
        version, max_packet = answer.rows[0]
        return str(version), int(max_packet)

    def _what_is_wrong(self, error: Exception, raw: Connection) -> str:
        url = self._url
        cannot = f"Cannot connect to {url.obscure_password}: "
        cause = error.__cause__ if isinstance(error, driver.MySQLError) and error.__cause__ is not None else error
        if isinstance(cause, TimeoutError):
            return cannot + f"no answer within {self._options.connect_timeout:g} s"
        number = error.args[0] if isinstance(error, driver.MySQLError) and error.args else None
        if self._tls is not None and not self._socket and not _offers_tls(raw):
            return cannot + "TLS is asked for, but the server offers none"
        if isinstance(cause, OSError):
            return cannot + f"{cause.strerror or cause}. Is MySQL or MariaDB running there?"
        message = str(error.args[1]) if number is not None and len(error.args) > 1 else str(error)
        if number in _ACCESS_DENIED:
            message += ". Check user and password in the URL"
        elif number == _NO_DATABASE:
            message += f". Create it with: CREATE DATABASE `{url.database}` CHARACTER SET utf8mb4"
        elif number == _NO_RIGHT_TO_DATABASE:
            message += f". Grant it with: GRANT ALL ON `{url.database}`.* TO …"
        elif number in _TOO_MANY:
            message += ". Lower max_size, or raise the server's max_connections"
        elif "cryptography" in message:
            # caching_sha2_password, MySQL 8's default, sends the password encrypted when the connection is plain.
            message = (
                "The server wants the password encrypted (caching_sha2_password), for which this connection needs TLS "
                '(?ssl=required), or a Unix socket, or: pip install "vivace[mysql]" cryptography'
            )
        elif number in _NO_PLUGIN:
            message += ". Let the user log in with caching_sha2_password or mysql_native_password"
        return cannot + message

    async def close(self, connection: MySQLConnection) -> None:
        """Close politely, or else cut off."""
        try:
            async with asyncio.timeout(_GOODBYE_TIMEOUT):
                await connection.close()
        except (driver.MySQLError, OSError, RuntimeError):
            connection.terminate()

    def terminate(self, connection: MySQLConnection) -> None:
        """Cut off."""
        connection.terminate()

    def is_closed(self, connection: MySQLConnection) -> bool:
        """asyncmy notices a closed socket at once."""
        return connection.is_closed

    async def check(self, connection: MySQLConnection) -> None:
        """One round trip."""
        await connection.ping()

    def needs_cleaning(self, connection: MySQLConnection) -> bool:
        """An open transaction, or autocommit switched off."""
        return not connection.is_clean

    async def clean(self, connection: MySQLConnection, *, thoroughly: bool) -> None:
        """Rolls back, and thoroughly: resets the session."""
        if connection.in_transaction:
            await connection.control("ROLLBACK")
        if thoroughly or not connection.is_clean:
            await connection.reset(self._url.database)
            await self._set_up(connection)


def _session_of(options: Options) -> str:
    """The statement that sets up a session: UTF-8, UTC, a known sql_mode."""
    if options.sql_mode.lower() == "server":
        # Where a string in raw SQL ends would depend on this one; all others are the server's affair.
        mode = "REPLACE(@@GLOBAL.sql_mode, 'NO_BACKSLASH_ESCAPES', '')"
    else:
        mode = f"'{options.sql_mode}'"
    return f"SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = {mode}"


def _offers_tls(raw: Any) -> bool:
    capabilities = getattr(raw, "server_capabilities", None)  # not there before the server's greeting
    return capabilities is None or bool(capabilities & CLIENT.SSL)
