"""Servers that are killed and restarted, networks that break: nobody hangs, no half commits, no connection leaks.

In the suite the scenarios that differ most, with VIVACE_CHAOS_SECONDS all of them on both servers, and after them some
drawn by lot under load for so many seconds on each:

    VIVACE_CHAOS_SECONDS=300 scripts/with-services .venv/bin/python -m pytest -s tests/databases/chaos
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.databases.chaos.load import PARTS, Load
from tests.databases.chaos.proxy import Proxy
from tests.databases.chaos.servers import MariaDB, PostgreSQL, Server

from vivace.databases import Database
from vivace.databases.errors import CommitOutcomeUnknown, ConnectionFailed, DatabaseError, PoolTimeout

pytestmark = pytest.mark.anyio

SECONDS = float(os.environ.get("VIVACE_CHAOS_SECONDS", "0"))
TASKS = 64

in_long_run = pytest.mark.skipif(not SECONDS, reason="VIVACE_CHAOS_SECONDS asks for all scenarios")


def skip_on_mariadb(server: Server) -> None:
    """The pool is the same, so in the suite one kind of server will do."""
    if isinstance(server, MariaDB) and not SECONDS:
        pytest.skip("VIVACE_CHAOS_SECONDS asks for all scenarios")


@pytest.fixture(scope="module", params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that may be killed."""
    # Not in pytest's folder, which only its owner may enter: PostgreSQL runs as another user where the tests are root.
    with tempfile.TemporaryDirectory(prefix="vivace-chaos-") as folder:
        started = PostgreSQL(Path(folder)) if request.param == "postgresql" else MariaDB(Path(folder))
        yield started
        started.stop("immediate")


@asynccontextmanager
async def loaded(url: str, **options: Any) -> AsyncIterator[Load]:
    """A database under load in the block; checked afterwards."""
    async with Database(url, **{"max_size": 8, "min_size": 2, "acquire_timeout": 10.0, **options}) as database:
        load = Load(database)
        await load.prepare()
        async with load.running(TASKS):
            await asyncio.sleep(0.2)
            yield load
            await until_it_goes_on(load)
        await load.check()


async def until_it_goes_on(load: Load) -> None:
    """Wait until work is stored again."""
    before = len(load.stored)
    async with asyncio.timeout(20):
        while len(load.stored) < before + 50:
            await asyncio.sleep(0.01)


async def backend_ids(database: Database) -> list[int]:
    if database.dialect.name == "postgresql":
        sql = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    else:
        sql = "SELECT id FROM information_schema.processlist WHERE user = 'chaos' AND id <> connection_id()"
    return [row[0] for row in await database.fetch_all(sql)]


async def test_connections_ended_by_the_server_cost_one_statement_each(server: Server) -> None:
    skip_on_mariadb(server)
    async with Database(server.url) as admin, loaded(server.url) as load:
        victims = await backend_ids(admin)
        for victim in victims:
            sql = f"SELECT pg_terminate_backend({victim})" if isinstance(server, PostgreSQL) else f"KILL {victim}"
            with_error = await asyncio.gather(admin.execute(sql), return_exceptions=True)
            assert not [error for error in with_error if not isinstance(error, (DatabaseError, bool, type(None), int))]
    # A transaction that was lost may fail with its next statement, or at its end.
    assert load.lost_statements <= len(victims)


async def test_a_killed_server_process(server: Server) -> None:
    skip_on_mariadb(server)
    async with loaded(server.url) as load:
        if isinstance(server, PostgreSQL):
            async with Database(server.url) as admin:
                server.kill_backend((await backend_ids(admin))[0])
                await asyncio.sleep(0.3)
        else:
            await asyncio.to_thread(server.stop, "immediate")
            await asyncio.to_thread(server.start)
    assert load.failures


@pytest.mark.parametrize("mode", ["fast", pytest.param("immediate", marks=in_long_run)])
async def test_a_restart_under_load(server: Server, mode: str) -> None:
    async with loaded(server.url) as load:
        await asyncio.to_thread(server.stop, mode)
        await asyncio.to_thread(server.start)
        back = time.monotonic()
        await until_it_goes_on(load)
        assert time.monotonic() - back < 5
    assert load.lost_statements <= 8


async def test_a_server_that_is_away_for_seconds_is_not_hammered(server: Server) -> None:
    skip_on_mariadb(server)
    async with loaded(server.url) as load:
        await asyncio.to_thread(server.stop)
        before = load.database.statistics()["failures"]
        await asyncio.sleep(2)
        attempts = load.database.statistics()["failures"] - before
        assert attempts <= 20, "a dead server was hammered"
        assert load.failures["ConnectionFailed"] > TASKS, "those who wait were not told"
        await asyncio.to_thread(server.start)


@asynccontextmanager
async def proxied(server: Server) -> AsyncIterator[tuple[Proxy, str]]:
    proxy = Proxy(server.port)
    async with proxy.serving():
        yield proxy, server.url.replace(f":{server.port}/", f":{proxy.port}/")


@pytest.mark.parametrize(
    "fault",
    ["reset_all", pytest.param("close_all", marks=in_long_run), pytest.param("half_close_all", marks=in_long_run)],
)
async def test_a_cut_socket(server: Server, fault: str) -> None:
    async with proxied(server) as (proxy, url), loaded(url) as load:
        for _ in range(3):
            getattr(proxy, fault)()
            await asyncio.sleep(0.1)
    assert load.failures
    assert load.lost_statements <= 3 * 8


@in_long_run
async def test_a_slow_network(server: Server) -> None:
    async with proxied(server) as (proxy, url), loaded(url) as load:
        proxy.delay = 0.02
        await asyncio.sleep(0.3)
        proxy.delay = 0.0
    assert not load.failures


async def test_a_network_that_swallows_everything_is_ended_by_timeouts(server: Server) -> None:
    skip_on_mariadb(server)
    async with proxied(server) as (proxy, url):
        options = {"statement_timeout": 0.3, "acquire_timeout": 1.0, "timeout": 0.5}
        if isinstance(server, MariaDB):
            options["connect_timeout"] = options.pop("timeout")
        async with loaded(url, **options) as load:
            proxy.is_black_hole = True
            await asyncio.sleep(1.5)
            proxy.is_black_hole = False
            proxy.reset_all()
    assert load.failures


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_connection_cut_exactly_at_commit(server: Server, moment: str) -> None:
    async with proxied(server) as (proxy, url), Database(server.url) as truth, Database(url, max_size=3) as database:
        load = Load(truth)
        await load.prepare()
        proxy.trigger, proxy.fault = b"COMMIT", moment
        told: list[type[BaseException]] = []
        for number in range(3):
            try:
                async with database.transaction():
                    for part in range(PARTS):
                        await database.execute("INSERT INTO chaos VALUES (:id, :part)", {"id": number, "part": part})
            except DatabaseError as error:
                told.append(type(error))
        assert told == [CommitOutcomeUnknown] * 3
        assert proxy.triggered == 3
        proxy.trigger = None
        stored = await truth.fetch_val("SELECT count(*) FROM chaos")
        assert stored == (3 * PARTS if moment == "after" else 0)
        assert await database.fetch_val("SELECT 1") == 1


async def test_a_server_that_takes_no_more_connections(server: Server) -> None:
    if isinstance(server, MariaDB):
        pytest.skip("one kind of server will do")
    async with loaded(server.url, max_size=60) as load:
        await until_it_goes_on(load)
        counted = load.database.statistics()
        assert counted["idle"] + counted["in_use"] <= 30
        assert load.database.statistics()["failures"] > 0
    assert not load.failures, "the connections there were would have done"


async def test_a_full_pool_of_slow_holders(server: Server) -> None:
    skip_on_mariadb(server)
    async with Database(server.url, max_size=3, acquire_timeout=0.3) as database:

        async def hold(number: int) -> None:
            async with database.transaction():
                await database.fetch_val("SELECT 1")
                await asyncio.sleep(0.8)

        holders = [asyncio.create_task(hold(number), name=f"holder {number}") for number in range(3)]
        await asyncio.sleep(0.1)
        outcomes = await asyncio.gather(*[database.fetch_val("SELECT 1") for _ in range(TASKS)], return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {PoolTimeout}
        assert "task 'holder 0' (at chaos/test_chaos.py:" in str(outcomes[0])
        await asyncio.gather(*holders)
        assert await database.fetch_val("SELECT 1") == 1
        assert database.statistics() | {"in_use": 0, "waiting": 0} == database.statistics()


@in_long_run
async def test_long_run(server: Server) -> None:
    ends = time.monotonic() + SECONDS
    async with proxied(server) as (proxy, url), Database(server.url) as admin:
        faults: list[Callable[[], object]] = [proxy.reset_all, proxy.close_all, proxy.half_close_all]
        while time.monotonic() < ends:
            async with loaded(url, statement_timeout=5.0) as load:
                for _ in range(5):
                    proxy.delay = random.choice([0.0, 0.0, 0.005])
                    kind = random.randrange(6)
                    if kind == 0:
                        await asyncio.to_thread(server.stop, random.choice(["fast", "immediate"]))
                        await asyncio.sleep(random.random() * 2)
                        await asyncio.to_thread(server.start)
                    elif kind == 1 and isinstance(server, PostgreSQL):
                        for _ in range(100):
                            try:
                                server.kill_backend((await backend_ids(admin))[0])
                                break
                            except (ConnectionFailed, IndexError):
                                await asyncio.sleep(0.05)
                    elif kind == 2:
                        proxy.is_black_hole = True
                        await asyncio.sleep(random.random())
                        proxy.is_black_hole = False
                    else:
                        random.choice(faults)()
                    await asyncio.sleep(random.random() / 2)
                proxy.delay = 0.0
            print(dict(load.failures), f"stored {len(load.stored)}, longest {load.longest:.2f} s")
