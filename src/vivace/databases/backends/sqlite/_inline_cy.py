# cython: annotation_typing=False, auto_pickle=False
"""Quick statements, run right on the event loop: one costs 5 to 20 µs there, a trip to a thread 50 to 130.

What keeps the loop safe:

* A statement is run here only once it is known to be quick: its `Plan.credit` is above zero, which a worker's
  measurement gives (trust.py). One whose time SQLite could hide from the handler below never gets any.
* SQLite calls the progress handler every 1,000 steps of its machine; past the deadline the statement is interrupted,
  goes to a worker, and its plan loses its credit. Of an interrupted write nothing is left.
* A value of more than 64 KiB, or a LIKE pattern of more than 256 bytes, is refused by the connection: one step over
  such a value may take any time. A worker has no such limits.
* A task gets 2 ms of each turn of the loop for its statements, all tasks together 10. Reads that come later wait for
  the next turn, in a line: see _turns_cy.py; writes go to the writer's thread.
* A lock is not waited for: the worker does that. Nor is a disk: writes run here only where a commit does not wait for
  it (a WAL, and `synchronous` of at most NORMAL), and the log is copied into the file by the writer's thread, which
  therefore gets a write every now and then.
"""

from __future__ import annotations

import asyncio
import sqlite3
from time import perf_counter
from typing import Any

from vivace.databases.backends.base import MISSED, Operation, outcome_of_rows
from vivace.databases.backends.sqlite._turns_cy import Turns
from vivace.databases.backends.sqlite.anchor import Anchor
from vivace.databases.backends.sqlite.statements import FUNCTIONS
from vivace.databases.backends.sqlite.translate import DRIVER_ERRORS, translated
from vivace.databases.backends.sqlite.trust import distrust, doubt
from vivace.databases.plan import Plan

# Seconds one read may take on the loop: well above trust.py's QUICK, so that one of about that much, on a machine that
# is busy, does not wander between the loop and a worker, being read twice each time.
DEADLINE = 0.005
MAX_VALUE = 64 * 1024
MAX_PATTERN = 256

_STEPS = 1000
# What a worker is asked instead: it waits for locks, and has no limits of length.
_FOR_A_WORKER = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN)
_BEYOND_LIMITS = "LIKE or GLOB pattern too complex"

_ROWS, _FIRST, _VALUE, _COUNT, _DESCRIBED = (
    Operation.ROWS,
    Operation.FIRST,
    Operation.VALUE,
    Operation.COUNT,
    Operation.DESCRIBED,
)

# Reads of one turn after which the anchor is worth its 6 µs.
_ANCHORED_FROM = 3


# Writes on the loop after which one goes to the writer's thread, which copies the log when it has become long.
_WRITES_BETWEEN = 128


class InlineConnection:
    """A connection that belongs to the event loop's thread, and what keeps its statements short."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: sqlite3.Connection, turns: Turns) -> None:
        self._loop = loop
        self._connection = connection
        self._deadline = 0.0
        # Whether the statement that runs now has taken so many steps that the handler was asked.
        self._is_long = False
        self.turns = turns
        connection.set_progress_handler(self._is_late, _STEPS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, MAX_PATTERN)

    def _is_late(self) -> bool:
        self._is_long = True
        return perf_counter() > self._deadline

    def attempt(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """The result of a plan that has credit, or `MISSED`: ask a worker, or wait for the next turn."""
        if not self._takes(plan) or asyncio.get_running_loop() is not self._loop:
            return MISSED
        if self.turns.allowance <= 0.0 and not self.turns.renewed():
            return MISSED
        started: float = perf_counter()
        self._deadline = started + DEADLINE
        self._is_long = False
        try:
            result = self._run(operation, plan, args)
            plan.credit += 1
            return result
        except DRIVER_ERRORS as error:
            if not _is_for_a_worker(error, plan):
                raise translated(error, plan.sql) from error
            return MISSED
        finally:
            self._spend(plan, perf_counter() - started)

    def _takes(self, plan: Plan) -> bool:
        """Whether such a plan may run here at all."""
        raise NotImplementedError

    def _run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        """The result of the plan."""
        raise NotImplementedError

    def _spend(self, plan: Plan, spent: float) -> None:
        turns = self.turns
        turns.allowance -= spent
        if turns.allowance <= 0.0:
            turns.used_up()
        if spent > DEADLINE:
            if self._is_long:
                distrust(plan)
            else:
                doubt(plan)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class InlineReader(InlineConnection):
    """Reads. The `anchor` makes those of a turn cheaper; without a log (`-wal` file) there is none."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: sqlite3.Connection, anchor: Anchor | None) -> None:
        super().__init__(loop, connection, Turns(loop, self._new_turn))
        self._cursor = connection.cursor()
        self._anchor = anchor
        self._reads = 0

    def _takes(self, plan: Plan) -> bool:
        return bool(plan.reads)

    def _spend(self, plan: Plan, spent: float) -> None:
        InlineConnection._spend(self, plan, spent)  # Cython knows no super() here
        self._reads += 1
        if self._reads == 1:
            self.turns.use()
        elif self._reads == _ANCHORED_FROM and self._anchor is not None:
            self._anchor.hold()

    def _run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        cursor = self._cursor
        cursor.execute(plan.sql, args)
        if operation is _ROWS:
            return cursor.fetchall()
        if operation is _FIRST:
            # Two rows are asked for, because the statement of one that is alone is then at its end.
            rows = cursor.fetchmany(2)
            names = next(zip(*cursor.description, strict=False)) if cursor.description else ()
            if len(rows) == 2:
                cursor.close()  # ends the read transaction
                self._cursor = self._connection.cursor()
                del rows[1]
            return names, rows
        rows = cursor.fetchall()
        if operation is _VALUE:
            return rows[0][0] if rows else None
        if operation is _COUNT:
            return len(rows)
        names = next(zip(*cursor.description, strict=False)) if cursor.description else ()
        return (names, rows) if operation is _DESCRIBED else outcome_of_rows(plan, names, rows)

    def _new_turn(self) -> None:
        self._reads = 0
        if self._anchor is not None:
            self._anchor.release()

    def close(self) -> None:
        """Close the connections."""
        self._new_turn()
        self.turns.close()
        self._connection.close()
        if self._anchor is not None:
            self._anchor.close()


class InlineWriter(InlineConnection):
    """Writes in autocommit of one task in each turn: those of several are cheaper in the thread, with one COMMIT.

    `turns`: the reader's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: sqlite3.Connection, turns: Turns) -> None:
        super().__init__(loop, connection, turns)
        self._writes = 0
        # The turn of the last write, and the task's id.
        self._turn = -1
        self._task = 0

    def _takes(self, plan: Plan) -> bool:
        task = id(asyncio.current_task(self._loop))
        if self.turns.number == self._turn and task != self._task:
            return False
        self._turn, self._task = self.turns.number, task
        self._writes += 1
        if self._writes >= _WRITES_BETWEEN:
            self._writes = 0
            return False
        return bool(plan.is_groupable)

    def _run(self, operation: Operation, plan: Plan, args: Any) -> Any:
        return FUNCTIONS[operation](self._connection, plan, args)

    def _spend(self, plan: Plan, spent: float) -> None:
        InlineConnection._spend(self, plan, spent)  # Cython knows no super() here
        self.turns.use()


def _is_for_a_worker(error: Exception, plan: Plan) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_TOOBIG) or _BEYOND_LIMITS in str(error):
        distrust(plan)
        return True
    return code in _FOR_A_WORKER
