"""asyncpg's `executemany()`, made fit for cancellation.

A cancellation that reaches it while it still sends rows is lost there: it goes on to wait for an answer that the server
will not give, as it was never told that the rows have ended. So it is not cancelled then; its rows end with an error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import asyncpg

from vivace.databases.shielding import uninterrupted

# Seconds that ending it may take, then it is cancelled after all; see `_end`.
PATIENCE = 2.0


class _Stopped(Exception):
    """Nobody wants the rest of the rows."""


class _Rows:
    """Rows on their way; `stop()` has the next one fail."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = rows
        self._is_stopped = False
        self.are_sent = False

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            if self._is_stopped:
                raise _Stopped
            yield row
        self.are_sent = True

    def stop(self) -> None:
        self._is_stopped = True


async def execute_many(connection: asyncpg.Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run `sql` for each row of arguments: all or none, in few round trips."""
    sent = _Rows(rows)
    work = asyncio.ensure_future(connection.executemany(sql, sent))
    try:
        await asyncio.wait([work])
    except asyncio.CancelledError:
        await uninterrupted(_end(work, sent))
        raise
    work.result()


async def _end(work: asyncio.Future[None], rows: _Rows) -> None:
    """Have the server give up; what `work` raises then is nobody's concern."""
    rows.stop()
    if rows.are_sent:
        work.cancel()
    await asyncio.wait([work], timeout=PATIENCE)
    # The server is too busy to take more rows. The first cancellation is the one that gets lost, the second interrupts
    # the server; the connection is then of no use, which the pool finds out.
    while not work.done():
        work.cancel()
        await asyncio.wait([work], timeout=PATIENCE)
    if not work.cancelled():
        work.exception()
