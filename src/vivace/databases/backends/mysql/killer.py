"""Ending what the server still works on for a cancelled task."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from asyncmy import errors as driver

from vivace.databases.backends.mysql.connection import MySQLConnection
from vivace.databases.backends.mysql.connector import MySQLConnector
from vivace.databases.errors import ConnectionFailed

logger = logging.getLogger("vivace.databases")

_TIMEOUT = 5.0
_UNKNOWN_THREAD = 1094  # it has ended meanwhile


class Killer:
    """Sends `KILL` for cancelled connections over one connection of its own, which a full pool cannot block.

    KILL ends statement and connection at once: KILL QUERY could come before the statement has begun, and be lost. The
    connection is opened at the first cancellation and kept until `close()`.
    """

    def __init__(self, connector: MySQLConnector) -> None:
        self._connector = connector
        self._connection: MySQLConnection | None = None
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def kill(self, thread_id: int) -> asyncio.Future[None]:
        """Have the server end the connection with this number. The future is done when it has; it never raises."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((thread_id, done))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())
        return done

    async def _work(self) -> None:
        while self._waiting:
            thread_id, done = self._waiting[0]
            try:
                async with asyncio.timeout(_TIMEOUT):
                    await self._send(thread_id)
            except (ConnectionFailed, driver.MySQLError, OSError) as error:
                self._drop()
                logger.warning(
                    "A cancelled statement may still run on the server (KILL %d failed: %s)", thread_id, error
                )
            finally:
                self._waiting.popleft()
                if not done.done():
                    done.set_result(None)

    async def _send(self, thread_id: int) -> None:
        if self._connection is None or self._connection.is_closed:
            self._connection = await self._connector.open()
        try:
            await self._connection.control(f"KILL {thread_id}")
        except driver.MySQLError as error:
            if error.args[0] != _UNKNOWN_THREAD:
                raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Finish what is asked for, then close the connection."""
        if self._task is not None:
            _, unfinished = await asyncio.wait([self._task], timeout=_TIMEOUT)
            for task in unfinished:
                task.cancel()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await self._connector.close(connection)

    def abandon(self) -> None:
        """The event loop is gone."""
        self._waiting.clear()
        self._task = self._connection = None
