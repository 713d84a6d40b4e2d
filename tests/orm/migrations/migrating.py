"""A process that migrates, to be killed: forked from one that has imported everything, which takes most of a start."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from vivace.databases import Database
from vivace.databases.backends import mysql, postgresql, sqlite
from vivace.orm.migrations import Progress, migrate

# A server of forks that has no threads and no connections, whatever the tests before have opened.
_FORKS = multiprocessing.get_context("forkserver")
# They import their drivers when they are first used.
_DRIVERS = [f"{module.__name__}.backend" for module in (mysql, postgresql, sqlite)]


@contextmanager
def migrating(database: Database, folder: Path, *, waits: bool = False) -> Iterator[tuple[BaseProcess, Connection]]:
    """Another process migrates the app `blog`; it says when it starts and when it is done, and is killed at the end.

    One that `waits` says which migration it is about to begin, and begins it when it is told anything.
    """
    _FORKS.set_forkserver_preload([__name__, *_DRIVERS])
    ours, its = _FORKS.Pipe()
    process: Any = _FORKS.Process(target=_run, args=(str(database.url), folder, its, waits))
    process.start()
    its.close()
    try:
        yield process, ours
    finally:
        process.kill()
        process.join()
        ours.close()


def _run(url: str, folder: Path, parent: Connection, waits: bool) -> None:
    class Steps(Progress):
        def started(self, step: Any) -> None:
            if waits:
                parent.send(step.migration.revision)
                parent.recv()

    async def main() -> None:
        async with Database(url) as database:
            parent.send("started")
            await migrate(database, {"blog": folder}, progress=Steps())
            parent.send("done")

    asyncio.run(main())
