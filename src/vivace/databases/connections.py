"""`Database.connection()`: one connection, kept for the length of a block."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vivace.databases.backends.base import Begin, Found, Operation
from vivace.databases.errors import InterfaceError
from vivace.databases.frames import END_TIMEOUT, Frame, bind, unbind
from vivace.databases.plan import Plan
from vivace.databases.queries import Queries
from vivace.databases.shielding import uninterrupted
from vivace.databases.transactions import Transaction, begin_of

if TYPE_CHECKING:
    from vivace.databases.database import Database


class Connection(Queries):
    """One connection of the pool, for what must happen on the same one: session settings, advisory locks, temporary
    tables. `async with database.connection() as connection:`; statements of the database itself inside the block use it
    too, also in child tasks, where they wait for each other. Inside a transaction it is the transaction's connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._preparer = database.preparer
        self._pinned: Frame | None = None  # the frame that has the connection
        self._own: Frame | None = None  # the same, when this block made it
        # Blocks of it inside its own block, by task: their ends end nothing.
        self._inner: Counter[asyncio.Task[Any] | None] = Counter()
        # Without a block it can be used where a connection is kept anyway: inside a transaction or another's block.
        self._around = database.live_frame()

    async def __aenter__(self) -> Self:
        frame = self._database.live_frame()
        if self._pinned is not None:
            if frame is None or frame.base is not self._pinned:
                raise InterfaceError("This connection is in use already; database.connection() makes another one")
            self._inner[asyncio.current_task()] += 1
            return self
        if frame is None:
            self._database.check_usable()
            frame = self._own = Frame(self._database.backend, None, Begin(), is_connection=True)
            frame.block = self
            bind(self._database, frame)
        self._pinned = frame.base
        try:
            await self._begin(frame)
        except BaseException:
            await self._leave()
            raise
        return self

    async def _begin(self, frame: Frame) -> None:
        if not await frame.enter():
            raise InterfaceError("The transaction of this connection has ended")
        try:
            # The driver's connection must exist when the block asks for it.
            await frame.begin_now()
        finally:
            frame.leave()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        if self._inner[task]:
            self._inner[task] -= 1
        else:
            await self._leave()

    async def _leave(self) -> None:
        frame, self._own, self._pinned = self._own, None, None
        self._inner.clear()
        if frame is not None:
            unbind(self._database, frame)
            await uninterrupted(
                frame.finish(commit=True, task=asyncio.current_task()), give_up_after=END_TIMEOUT, give_up=frame.cut_off
            )

    @property
    def raw_connection(self) -> Any:
        """The driver's own connection (asyncpg's, sqlite3's). It is reset after the block, in case you change it.

        It is not guarded: use it for what this layer has no word for, and not from two tasks at a time.
        """
        if self._pinned is None or self._pinned.session is None:
            raise InterfaceError(
                "The connection exists only inside its block: async with database.connection() as connection"
            )
        return self._pinned.session.raw

    def transaction(
        self,
        *,
        force_rollback: bool = False,
        isolation: str | None = None,
        read_only: bool = False,
        readonly: bool = False,
        deferrable: bool = False,
    ) -> Transaction:
        """A transaction on this connection; see `Database.transaction()`. Outside of a block it takes a connection."""
        begin = begin_of(isolation=isolation, read_only=read_only or readonly, deferrable=deferrable, immediate=False)
        return Transaction(self._database, begin, force_rollback=force_rollback, connection=self._live_frame())

    async def _perform(self, operation: Operation, plan: Plan, args: Any) -> Any:
        return await self._database.run_in(self._frame(), operation, plan, args)

    def _chunks(self, plan: Plan, args: Sequence[Any], chunk_size: int) -> AsyncGenerator[Found, None]:
        return self._database.chunks_in(self._frame(), plan, args, chunk_size)

    def _frame(self) -> Frame:
        frame = self._live_frame()
        if frame is None:
            raise InterfaceError(
                "The connection exists only inside its block: async with database.connection() as connection"
            )
        return frame

    def _live_frame(self) -> Frame | None:
        """The frame that has the connection: of its own block, of where it was made, of where it is used."""
        if self._pinned is not None:
            return self._pinned
        if self._around is not None and not self._around.ended:
            return self._around.base
        frame = self._database.live_frame()
        return None if frame is None else frame.base
