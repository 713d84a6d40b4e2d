"""Replicas with PostgreSQL's own streaming replication: a standby of the test server, made by pg_basebackup."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from vivace.databases import Database, DatabaseURL
from vivace.databases.backends import replicated

pytestmark = pytest.mark.anyio

IS_STANDBY = "SELECT pg_is_in_recovery()"


class Standby:
    """A PostgreSQL server that follows the one at `url`."""

    def __init__(self, url: DatabaseURL, folder: Path) -> None:
        self.folder = folder
        self._bin = max(Path("/usr/lib/postgresql").glob("*/bin"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = url.replace(port=port)
        primary = ["-h", str(url.hostname), "-p", str(url.port), "-U", str(url.username)]
        self._run(
            "pg_basebackup", *primary, "-D", str(folder / "data"), "-R", "-X", "stream", "-c", "fast", "--no-sync"
        )

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []
        command = [*drop, str(self._bin / program), *arguments]
        # Not a pipe: the server that pg_ctl starts would keep it open.
        with (self.folder / "output").open("w+b") as output:
            status = subprocess.run(command, cwd=self.folder, stdout=output, stderr=output, timeout=60, check=False)
        if status.returncode:
            texts = [path.read_text() for name in ("output", "log") if (path := self.folder / name).exists()]
            pytest.fail(f"{program} failed:\n{''.join(texts)}")

    def start(self) -> None:
        # A standby accepts no fewer connections than its primary.
        options = f"-p {self.url.port} -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off"
        options += f" -c unix_socket_directories={self.folder}"
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self._run("pg_ctl", "-D", data, "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def standby() -> Iterator[Standby]:
    folder = Path(tempfile.mkdtemp(prefix="vivace-standby-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    try:
        server = Standby(DatabaseURL(os.environ["VIVACE_TEST_POSTGRES"]), folder)
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def table(postgres_url: str, standby: Standby) -> AsyncIterator[str]:
    """A table that has reached the standby."""
    name = f"note_{uuid.uuid4().hex[:12]}"
    async with Database(postgres_url) as primary, Database(standby.url) as follower:
        await primary.execute(f"CREATE TABLE {name} (id SERIAL PRIMARY KEY)")
        await until(follower, "SELECT to_regclass(:name) IS NOT NULL", {"name": name})
        yield name
        await primary.execute(f"DROP TABLE {name}")


async def until(database: Database, query: str, values: dict[str, Any] | None = None) -> None:
    async with asyncio.timeout(10):
        while not await database.fetch_val(query, values):
            await asyncio.sleep(0.01)


async def test_reads_go_to_the_standby_and_see_the_contexts_own_writes(
    postgres_url: str, standby: Standby, table: str
) -> None:
    async with Database(postgres_url, replicas=[standby.url]) as database:
        assert await database.fetch_val(IS_STANDBY) is True
        async with database.transaction(read_only=True, isolation="repeatable read"):
            assert await database.fetch_val(IS_STANDBY) is True
        assert [row[0] async for row in database.iterate(IS_STANDBY)] == [True]
        for count in range(1, 4):
            await database.execute(f"INSERT INTO {table} DEFAULT VALUES")
            assert await database.fetch_val(f"SELECT count(*) FROM {table}") == count
        assert await database.fetch_val(IS_STANDBY) is False


async def test_a_function_that_writes_is_found_out_and_runs_on_the_primary(
    postgres_url: str, standby: Standby, table: str
) -> None:
    async with Database(postgres_url, replicas=[standby.url], sticky=0) as database:
        await database.execute(
            f"CREATE FUNCTION add_{table}() RETURNS int LANGUAGE sql AS "
            f"'INSERT INTO {table} DEFAULT VALUES RETURNING id'"
        )
        with database.read_your_writes():
            await until(database, f"SELECT to_regproc('add_{table}') IS NOT NULL")
            assert await database.fetch_val(f"SELECT add_{table}()") == 1
            assert await database.fetch_val(IS_STANDBY) is False
        assert await database.fetch_val(f"SELECT nextval('{table}_id_seq')") == 2
        await database.execute(f"DROP FUNCTION add_{table}()")


async def test_a_standby_that_is_late_is_left_out_until_it_has_caught_up(
    postgres_url: str, standby: Standby, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicated, "LAG_INTERVAL", 0.05)
    async with (
        Database(postgres_url, replicas=[standby.url], max_lag=0.3) as database,
        Database(standby.url) as follower,
    ):
        await until(database, IS_STANDBY)
        await follower.fetch_val("SELECT pg_wal_replay_pause()")
        async with Database(postgres_url) as elsewhere:
            await elsewhere.execute(f"INSERT INTO {table} DEFAULT VALUES")
        await until(database, "SELECT NOT pg_is_in_recovery()")
        assert database.statistics()["replicas"][0]["lag"] > 0.3
        await follower.fetch_val("SELECT pg_wal_replay_resume()")
        await until(database, IS_STANDBY)


async def test_a_standby_that_goes_away_is_left_out_and_comes_back(
    postgres_url: str, standby: Standby, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicated, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(replicated, "LONGEST_PAUSE", 0.2)
    async with Database(postgres_url, replicas=[standby.url]) as database:
        assert await database.fetch_val(IS_STANDBY) is True
        await asyncio.to_thread(standby.stop)
        # Not one of these reads fails.
        assert await asyncio.gather(*[database.fetch_val(IS_STANDBY) for _ in range(20)]) == [False] * 20
        async with database.transaction(read_only=True):
            assert await database.fetch_val(IS_STANDBY) is False
        await asyncio.to_thread(standby.start)
        await until(database, IS_STANDBY)
