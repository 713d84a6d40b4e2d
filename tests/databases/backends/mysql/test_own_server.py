"""A MariaDB that these tests may kill and start again, and that speaks TLS."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from vivace.databases import Database
from vivace.databases.errors import CommitOutcomeUnknown, ConnectionFailed, DatabaseError

pytestmark = pytest.mark.anyio

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class Server:
    """One mariadbd with data of its own."""

    def __init__(self, folder: Path, authority: trustme.CA) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        user = pwd.getpwuid(os.getuid()).pw_name
        self.options = [
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            f"--user={user}",
            *("--innodb-flush-method=nosync", "--innodb-use-native-aio=0", "--innodb-log-file-size=8M"),
        ]
        install = ["mariadb-install-db", *self.options, "--skip-test-db", "--auth-root-authentication-method=normal"]
        subprocess.run(install, check=True, capture_output=True, env={**os.environ, "PATH": PATH})
        (folder / "init.sql").write_text(
            "CREATE DATABASE IF NOT EXISTS shop;\n"
            "CREATE USER IF NOT EXISTS shop@'%' IDENTIFIED BY 'pass';\n"
            "GRANT ALL ON *.* TO shop@'%';\n"
        )

    @property
    def url(self) -> str:
        return f"mariadb://shop:pass@127.0.0.1:{self.port}/shop"

    def start(self) -> None:
        mariadbd = shutil.which("mariadbd", path=PATH)
        assert mariadbd is not None
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(mariadbd, *self.options, "--bind-address=127.0.0.1", f"--port={self.port}"),
                    f"--socket={self.folder / 'sock'}",
                    f"--pid-file={self.folder / 'pid'}",
                    f"--init-file={self.folder / 'init.sql'}",
                    f"--ssl-cert={self.folder / 'server.pem'}",
                    f"--ssl-key={self.folder / 'server.pem'}",
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mariadb")
    server = Server(folder, trustme.CA())
    server.start()
    yield server
    server.kill()


async def test_tls_encrypts_and_verifies(server: Server) -> None:
    authority = f"&ssl_ca={server.folder / 'ca.pem'}"
    encrypted = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'"
    for query, is_encrypted in (
        ("", False),
        ("?ssl=required", True),
        (f"?ssl=verify_ca{authority}", True),
        (f"?ssl=true{authority}", True),
    ):
        async with Database(server.url + query) as database:
            assert bool(await database.fetch_val(encrypted)) is is_encrypted
            # A cancelled statement is ended over TLS as well.
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(database.fetch_val("SELECT sleep(20)"), 0.05)
            assert await database.fetch_val("SELECT :n", {"n": 5}) == 5
    for query in ("?ssl=true", "?ssl=verify_ca"):
        with pytest.raises(ConnectionFailed, match="certificate"):
            await Database(server.url + query).connect()
    other_name = server.url.replace("127.0.0.1", "localhost") + f"?ssl=true{authority}"
    with pytest.raises(ConnectionFailed, match="certificate"):
        await Database(other_name).connect()


async def test_a_server_that_is_killed_and_comes_back_loses_nothing_that_was_stored(server: Server) -> None:
    async with Database(server.url, max_size=4, acquire_timeout=20.0) as database:
        await database.execute("DROP TABLE IF EXISTS pairs")
        await database.execute("CREATE TABLE pairs (id INTEGER, half INTEGER)")
        stored: set[int] = set()
        goes_on = True

        async def work(worker: int) -> None:
            number = worker
            while goes_on:
                number += 10
                try:
                    async with database.transaction():
                        for half in (1, 2):
                            await database.execute("INSERT INTO pairs VALUES (:n, :h)", {"n": number, "h": half})
                    stored.add(number)
                except DatabaseError:
                    await asyncio.sleep(0.01)

        workers = [asyncio.create_task(work(number)) for number in range(6)]
        await asyncio.sleep(0.2)
        before = len(stored)
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(20):
            while len(stored) < before + 50:
                await asyncio.sleep(0.01)
        goes_on = False
        async with asyncio.timeout(20):
            await asyncio.gather(*workers)
        halves = await database.fetch_all("SELECT id, count(*) AS n FROM pairs GROUP BY id")
        assert {row.n for row in halves} == {2}
        assert stored <= {row.id for row in halves}
        assert database.statistics()["in_use"] == 0


async def test_a_commit_whose_answer_never_comes_has_an_unknown_outcome(server: Server) -> None:
    async with Database(server.url) as database, Database(server.url) as other, other.connection() as backup:
        await database.execute("CREATE TABLE waits (id INTEGER)")
        with pytest.raises(CommitOutcomeUnknown, match="Look before"):
            async with database.transaction():
                await database.execute("INSERT INTO waits VALUES (1)")
                async with database.connection() as connection:
                    raw = connection.raw_connection
                # A backup that is taken now makes every COMMIT on the server wait.
                await backup.execute("BACKUP STAGE START")
                await backup.execute("BACKUP STAGE BLOCK_COMMIT")
                asyncio.get_running_loop().call_later(0.1, raw.close)
        await backup.execute("BACKUP STAGE END")
        assert await database.fetch_val("SELECT 1") == 1
