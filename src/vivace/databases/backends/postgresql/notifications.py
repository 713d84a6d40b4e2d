"""One connection that listens for all listeners of a `Database`, and comes back when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from time import monotonic
from typing import Any
from weakref import WeakSet

import asyncpg

from vivace.databases.backends.postgresql.connector import AsyncpgConnector
from vivace.databases.backoff import Backoff
from vivace.databases.errors import ConnectionFailed
from vivace.databases.notifications import Gap, Listener, Notification

# Seconds between two signs of life: a connection that a firewall has forgotten never ends by itself.
HEARTBEAT = 30.0
# Seconds that one may take.
PATIENCE = 5.0

_TROUBLE = (ConnectionFailed, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class NotificationHub:
    """The listening connection. It is not of the pool: it is opened for the first listener, closed after the last."""

    def __init__(self, connector: AsyncpgConnector) -> None:
        self._connector = connector
        # Weak: a listener that nobody holds any longer has stopped.
        self._listeners: WeakSet[Listener] = WeakSet()
        self._heard: set[str] = set()  # the channels that the connection listens to
        self._connection: asyncpg.Connection | None = None
        self._lost_at = 0.0
        self._lock = asyncio.Lock()  # one at a time changes what is listened to
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_reconnecting = False
        self._heartbeat: asyncio.TimerHandle | None = None

    async def subscribe(self, listener: Listener) -> None:
        """LISTEN to its channels. Raises `ConnectionFailed`."""
        self._loop = asyncio.get_running_loop()
        self._listeners.add(listener)
        try:
            # In a task of its own: whoever asked may be cancelled, others share the connection.
            await asyncio.shield(self._spawn(self._bring_up_to_date(newcomer=listener)))
        except BaseException:
            self.unsubscribe(listener)
            raise

    def unsubscribe(self, listener: Listener) -> None:
        """Forget it, and soon its channels. Called by `Listener.__del__` too, wherever that happens."""
        self._listeners.discard(listener)
        loop = self._loop
        if loop is not None and not loop.is_closed() and self._connection is not None:
            loop.call_soon_threadsafe(self._tidy_up)

    def _tidy_up(self) -> None:
        if self._connection is not None and self._heard - self._needed():
            self._spawn(self._bring_up_to_date())

    def _needed(self) -> set[str]:
        return {channel for listener in self._listeners for channel in listener.channels}

    async def _bring_up_to_date(self, newcomer: Listener | None = None) -> None:
        """Listen to what is needed, and to nothing else."""
        async with self._lock:
            needed = self._needed()
            if not needed:
                await self._hang_up()
                return
            connection = self._connection
            if connection is None or connection.is_closed():
                connection = await self._call_again(newcomer)
            for channel in needed - self._heard:
                await connection.add_listener(channel, self._hear)
                self._heard.add(channel)
            for channel in self._heard - needed:
                self._heard.discard(channel)
                await connection.remove_listener(channel, self._hear)

    async def _call_again(self, newcomer: Listener | None) -> asyncpg.Connection:
        was_lost = self._lost_at
        connection = await self._connector.open()
        try:
            for channel in self._needed():
                await connection.add_listener(channel, self._hear)
        except BaseException:
            connection.terminate()
            raise
        self._heard = self._needed()
        self._connection = connection
        self._lost_at = 0.0
        connection.add_termination_listener(self._notice_lost)
        self._set_heartbeat()
        if was_lost:
            for listener in list(self._listeners):
                if listener is not newcomer:
                    listener.feed(Gap(listener.channels, monotonic() - was_lost))
        return connection

    def _hear(self, _connection: Any, process_id: int, channel: str, payload: Any) -> None:
        notification = Notification(channel, str(payload), process_id)
        for listener in list(self._listeners):
            if channel in listener.channels:
                listener.feed(notification)

    def _notice_lost(self, connection: Any) -> None:
        if connection is not self._connection:
            return
        self._connection = None
        self._heard.clear()
        self._lost_at = monotonic()
        if not self._is_reconnecting and self._listeners:
            self._is_reconnecting = True
            self._spawn(self._reconnect())

    async def _reconnect(self) -> None:
        backoff = Backoff()
        try:
            while self._listeners and self._connection is None:
                try:
                    await self._bring_up_to_date()
                except _TROUBLE as error:
                    now = monotonic()
                    backoff.failed(error, now)
                    await asyncio.sleep(backoff.next_try - now)
        finally:
            self._is_reconnecting = False

    def _set_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        loop = asyncio.get_running_loop()
        self._heartbeat = loop.call_later(HEARTBEAT, lambda: self._spawn(self._feel_pulse()))

    async def _feel_pulse(self) -> None:
        async with self._lock:
            connection = self._connection
            if connection is None:
                return
            try:
                async with asyncio.timeout(PATIENCE):
                    await connection.execute("SELECT 1")
            except (*_TROUBLE, TimeoutError):
                connection.terminate()  # which is noticed
            else:
                self._set_heartbeat()

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        self._heard.clear()
        self._lost_at = 0.0
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        if connection is not None:
            await self._connector.close(connection)

    async def close(self) -> None:
        """End all listeners, and the connection."""
        for listener in list(self._listeners):
            listener.close()
        self._listeners.clear()
        async with self._lock:
            await self._hang_up()
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        self._lock = asyncio.Lock()  # the next connect() may be on another loop

    def abandon(self) -> None:
        """Cut off: the event loop is gone."""
        self._listeners.clear()
        self._tasks.clear()
        self._heard.clear()
        connection, self._connection = self._connection, None
        self._heartbeat = None
        self._lock = asyncio.Lock()
        if connection is not None:
            self._connector.terminate(connection)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(task.exception(), _TROUBLE) and self._connection is not None:
            # LISTEN or UNLISTEN failed: a connection in a doubtful state is replaced.
            self._connection.terminate()
