"""The servers that scripts/with-services starts, shared out among the processes of one test run."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import unquote, urlsplit

import asyncmy
import asyncpg


def take_own_share(process: str) -> None:
    """Give this test process databases of its own: tests change schemas, take locks and count connections.

    `process` is pytest-xdist's name for it, such as `gw0`. Afterwards VIVACE_TEST_POSTGRES, VIVACE_TEST_MYSQL and
    VIVACE_TEST_REDIS name its own databases, which are new: what an earlier run left on the servers is dropped. What is
    not set stays so: a few tests need no server.
    """
    for variable, create in (("VIVACE_TEST_POSTGRES", _create_on_postgres), ("VIVACE_TEST_MYSQL", _create_on_mysql)):
        if url := os.environ.get(variable):
            asyncio.run(create(url, f"vivace_{process}"))
            os.environ[variable] = _with_path(url, f"vivace_{process}")
    if url := os.environ.get("VIVACE_TEST_REDIS"):
        os.environ["VIVACE_TEST_REDIS"] = _with_path(url, str(int(process.removeprefix("gw")) + 1))


def _with_path(url: str, path: str) -> str:
    return urlsplit(url)._replace(path=f"/{path}").geturl()


async def _create_on_postgres(url: str, name: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    finally:
        await connection.close()


async def _create_on_mysql(url: str, name: str) -> None:
    parts = urlsplit(url)
    connection = await asyncmy.connect(
        host=parts.hostname,
        port=parts.port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    try:
        async with connection.cursor() as cursor:
            await cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            await cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    finally:
        await connection.ensure_closed()
