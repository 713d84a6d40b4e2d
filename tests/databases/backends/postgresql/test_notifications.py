"""LISTEN and NOTIFY on a real server: order, transactions, slow readers, lost connections, leaks."""

from __future__ import annotations

import asyncio
import gc
import logging
import uuid
from typing import Any

import pytest

from vivace.databases import Database
from vivace.databases.errors import (
    ConnectionFailed,
    DataError,
    InterfaceError,
    NotificationsLost,
    NotSupportedError,
)
from vivace.databases.notifications import Gap, Listener

pytestmark = pytest.mark.anyio


@pytest.fixture
def channel() -> str:
    """A name of its own, with what must be quoted."""
    return f'Chan "{uuid.uuid4().hex[:8]}" é'


async def next_of(listener: Listener, count: int = 1) -> list[str]:
    async with asyncio.timeout(10):
        return [(await anext(listener)).payload for _ in range(count)]


async def listening_pid(database: Database) -> int | None:
    """The server's process of the connection that listens."""
    connection = database.backend._hub._connection  # type: ignore[attr-defined]
    return None if connection is None or connection.is_closed() else int(connection.get_server_pid())


async def test_a_notification_has_channel_payload_and_process(postgres: Database, channel: str) -> None:
    async with postgres.listen(channel) as listener:
        async with postgres.connection() as connection:
            pid = await connection.fetch_val("SELECT pg_backend_pid()")
            await connection.notify(channel, "hällo")
        notification = await anext(listener)
    assert (notification.channel, notification.payload, notification.process_id) == (channel, "hällo", pid)


async def test_a_loop_listens_to_several_channels_in_order(postgres: Database, channel: str) -> None:
    heard = []
    async with postgres.listen(channel, "other") as listener:
        for number in range(20):
            await postgres.notify((channel, "other")[number % 2], str(number))
        await postgres.notify("third", "unheard")
        await postgres.notify(channel, "end")
        async with asyncio.timeout(10):
            async for notification in listener:
                heard.append((notification.channel, notification.payload))
                if notification.payload == "end":
                    break
    assert heard == [((channel, "other")[number % 2], str(number)) for number in range(20)] + [(channel, "end")]


async def test_all_listeners_of_a_database_share_one_connection(postgres: Database, channel: str) -> None:
    before = postgres.statistics()["size"]
    async with postgres.listen(channel) as one, postgres.listen(channel, "more") as two:
        pid = await listening_pid(postgres)
        async with postgres.listen("third"):
            assert await listening_pid(postgres) == pid
        await postgres.notify(channel, "x")
        assert await next_of(one) == await next_of(two) == ["x"]
    assert postgres.statistics()["size"] == before


async def test_in_a_transaction_a_notification_goes_out_at_commit(postgres: Database, channel: str) -> None:
    async with postgres.listen(channel) as listener:
        with pytest.raises(RuntimeError):
            async with postgres.transaction():
                await postgres.notify(channel, "rolled back")
                raise RuntimeError
        async with postgres.transaction():
            await postgres.notify(channel, "committed")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(listener), 0.05)
        assert await next_of(listener) == ["committed"]


async def test_the_connection_is_closed_after_the_last_listener(postgres: Database, channel: str, until: Any) -> None:
    async with postgres.listen(channel) as outer:
        async with postgres.listen("inner"):
            pid = await listening_pid(postgres)
        await postgres.notify(channel, "still here")
        assert await next_of(outer) == ["still here"]
    gone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid"
    await until(lambda: postgres.fetch_val(gone, {"pid": pid}))


async def test_a_loop_that_is_left_or_cancelled_stops_listening(postgres: Database, channel: str, until: Any) -> None:
    async def read(count: int) -> None:
        async for _ in postgres.listen(channel):
            count -= 1
            if not count:
                break

    for ends_by in ("break", "cancel"):
        task = asyncio.create_task(read(1))
        await until(lambda: listening_pid(postgres))
        if ends_by == "cancel":
            task.cancel()
        else:
            await until(lambda: postgres.backend._hub._heard)  # type: ignore[attr-defined]
            await postgres.notify(channel)
        await asyncio.wait([task])
        del task
        gc.collect()

        async def hung_up() -> bool:
            return await listening_pid(postgres) is None

        await until(hung_up)


async def test_subscribing_that_is_cancelled_leaves_nothing(postgres: Database, channel: str, until: Any) -> None:
    for delay in (0.0, 0.001, 0.003, 0.006, 0.01):
        task = asyncio.create_task(anext(postgres.listen(channel)))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait([task])
        del task
    async with postgres.listen(channel) as listener:
        await postgres.notify(channel, "x")
        assert await next_of(listener) == ["x"]

    async def hung_up() -> bool:
        return await listening_pid(postgres) is None

    await until(hung_up)


async def test_a_lost_connection_comes_back_and_the_gap_is_told_in_order(
    postgres: Database, channel: str, until: Any
) -> None:
    gaps: list[Gap] = []
    heard: list[str] = []

    async def note(gap: Gap) -> None:
        heard.append("gap")
        gaps.append(gap)

    async with postgres.listen(channel, on_gap=note) as listener:
        await postgres.notify(channel, "before")
        heard += await next_of(listener)
        before = await listening_pid(postgres)
        await postgres.fetch_val("SELECT pg_terminate_backend(:pid)", {"pid": before})

        async def is_back() -> bool:
            return await listening_pid(postgres) not in (None, before)

        await until(is_back)
        await postgres.notify(channel, "after")
        while "after" not in heard:
            heard += await next_of(listener)
    assert heard == ["before", "gap", "after"]
    assert gaps[0].channels == (channel,)
    assert 0 <= gaps[0].seconds < 10


async def test_a_gap_that_nobody_asked_for_is_logged(
    postgres: Database, channel: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "vivace.databases"):
        async with postgres.listen(channel) as listener:
            listener.feed(Gap((channel,), 1.5))
            await postgres.notify(channel, "x")
            assert await next_of(listener) == ["x"]
    assert "may have been missed" in caplog.text


async def test_a_silent_dead_connection_is_found_by_its_pulse(
    postgres: Database, channel: str, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.databases.backends.postgresql.notifications.HEARTBEAT", 0.02)
    monkeypatch.setattr("vivace.databases.backends.postgresql.notifications.PATIENCE", 0.05)
    gaps: list[Gap] = []
    async with postgres.listen(channel, on_gap=gaps.append) as listener:
        first = await listening_pid(postgres)
        # Its socket is not read any more, as if a firewall had forgotten the connection.
        postgres.backend._hub._connection._transport.pause_reading()  # type: ignore[attr-defined]

        async def is_back() -> bool:
            return await listening_pid(postgres) not in (None, first)

        await until(is_back)
        await postgres.notify(channel, "x")
        assert await next_of(listener) == ["x"]
    assert len(gaps) == 1


async def test_a_reader_that_is_too_slow_gets_an_error(postgres: Database, channel: str, until: Any) -> None:
    async with postgres.listen(channel, max_queued=3) as listener:
        for number in range(5):
            await postgres.notify(channel, str(number))
        await until(lambda: listener._failure)
        assert await next_of(listener, 3) == ["0", "1", "2"]
        with pytest.raises(NotificationsLost, match="max_queued"):
            await anext(listener)


async def test_a_slow_reader_may_lose_the_oldest(
    postgres: Database, channel: str, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with postgres.listen(channel, max_queued=3, overflow="drop_oldest") as listener:
        for number in range(5):
            await postgres.notify(channel, str(number))
        await until(lambda: listener.dropped == 2)
        assert await next_of(listener, 3) == ["2", "3", "4"]
    assert "dropped" in caplog.text


async def test_disconnecting_ends_the_loop(postgres_url: str, channel: str) -> None:
    async with Database(postgres_url) as database:
        listener = database.listen(channel)
        task = asyncio.create_task(anext(listener, None))
        while await listening_pid(database) is None:
            await asyncio.sleep(0.002)
    assert await asyncio.wait_for(task, 5) is None
    with pytest.raises(InterfaceError, match="closed"):
        async with listener:
            pass


async def test_two_tasks_may_not_share_a_listener(postgres: Database, channel: str) -> None:
    async with postgres.listen(channel) as listener:
        task = asyncio.create_task(anext(listener))
        await asyncio.sleep(0)
        with pytest.raises(InterfaceError, match="Two tasks"):
            await anext(listener)
        task.cancel()
        await asyncio.wait([task])


async def test_listening_without_a_server_fails_at_once(postgres_url: str, channel: str) -> None:
    async with Database(postgres_url) as database:
        database.backend._hub._connector._keywords["port"] = 1  # type: ignore[attr-defined]
        with pytest.raises(ConnectionFailed):
            await anext(database.listen(channel))


@pytest.mark.parametrize("wrong", ["", "x" * 64, "a\x00b", 5])
async def test_channel_names_that_postgresql_would_change_are_refused(postgres: Database, wrong: Any) -> None:
    with pytest.raises(InterfaceError, match="1 to 63 bytes"):
        postgres.listen(wrong)
    with pytest.raises(InterfaceError, match="1 to 63 bytes"):
        await postgres.notify(wrong)


async def test_wrong_arguments_are_explained(postgres: Database) -> None:
    with pytest.raises(InterfaceError, match="at least one channel"):
        postgres.listen()
    with pytest.raises(InterfaceError, match="max_queued"):
        postgres.listen("a", max_queued=0)
    with pytest.raises(InterfaceError, match="overflow"):
        postgres.listen("a", overflow="ignore")  # type: ignore[arg-type]
    with pytest.raises(InterfaceError, match="encode it"):
        await postgres.notify("a", {"a": 1})  # type: ignore[arg-type]


async def test_the_longest_payload_passes_and_a_longer_one_is_refused(postgres: Database, channel: str) -> None:
    async with postgres.listen(channel) as listener:
        await postgres.notify(channel, "é" * 3999 + "x")
        assert await next_of(listener) == ["é" * 3999 + "x"]
        with pytest.raises(DataError, match="7999 bytes"):
            await postgres.notify(channel, "é" * 4000)


async def test_sqlite_says_what_to_use(sqlite: Database) -> None:
    with pytest.raises(NotSupportedError, match="Redis"):
        sqlite.listen("a")
    with pytest.raises(NotSupportedError, match="Redis"):
        await sqlite.notify("a")
