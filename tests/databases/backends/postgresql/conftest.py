"""What the tests of PostgreSQL's own share."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from vivace.databases import Database, DatabaseURL

Poll = Callable[..., Awaitable[None]]


@pytest.fixture
def until() -> Poll:
    """Waits until a function, plain or async, gives something true."""

    async def wait(condition: Callable[[], Any], *, seconds: float = 10.0) -> None:
        end = monotonic() + seconds
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            assert monotonic() < end, "it did not come true in time"
            await asyncio.sleep(0.002)

    return wait


@pytest.fixture
def running() -> Callable[[Database, str], Awaitable[list[int]]]:
    """The processes of the server that run a statement with this text now, the asking one apart."""

    async def find(watcher: Database, text: str) -> list[int]:
        rows = await watcher.fetch_all(
            "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND datname = current_database() "
            "AND pid <> pg_backend_pid() "
            "AND position(cast(:text AS text) IN query) > 0",
            {"text": text},
        )
        return [row.pid for row in rows]

    return find


@pytest.fixture
def pgbouncer_url(postgres_url: str) -> Iterator[str]:
    """A PgBouncer of this test in transaction mode, with one connection to the server for all of its clients."""
    program = shutil.which("pgbouncer")
    if program is None:
        pytest.fail("pgbouncer is not installed; run the tests with scripts/with-services, which installs it")
    url = DatabaseURL(postgres_url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="vivace-pgbouncer-"))
    users = folder / "users.txt"
    users.write_text(f'"{url.username}" ""\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        "[databases]\n"
        f"* = host={url.hostname} port={url.port}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {users}\npool_mode = transaction\n"
        "default_pool_size = 1\nserver_reset_query_always = 0\nmax_client_conn = 100\n"
    )
    command = [program, "-q", str(settings)]
    if os.getuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "nobody")
        command = ["setpriv", "--reuid=nobody", "--clear-groups", *command]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        for _ in range(500):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.01)
        yield str(url.replace(hostname="127.0.0.1", port=port))
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)
