"""Quick reads, run right on the event loop: a statement costs 5 to 10 µs there, a trip to a thread 50 to 130.

What keeps the loop safe:

* A statement is run here only once it is known to be quick: its `Plan.credit` is above zero, which a worker's
  measurement gives (`learn`).
* SQLite calls the progress handler every 1,000 steps of its machine; past the deadline the read is interrupted, goes to
  a worker, and its plan loses its credit.
* `COUNT(*)` without WHERE is a single step, however large the table: never here.
* After 2 ms of reads in one turn of the loop the next one waits for the next turn.
* A lock is not waited for: the worker does that.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from time import perf_counter
from typing import Any

from vivace.databases.backends.sqlite.statements import Function
from vivace.databases.backends.sqlite.translate import DRIVER_ERRORS, translated
from vivace.databases.plan import Plan

# Seconds one read may take on the loop, and all reads of one turn of it.
DEADLINE = 0.002
# Processor seconds a worker may have needed for a statement that is tried on the loop next time. Not wall time: a busy
# loop holds the interpreter lock for milliseconds that are not the statement's fault.
QUICK = 0.001
# How many quick runs in a worker make a statement trusted again that was slow once.
PENALTY = 8

MISSED = object()
"""Not done here: ask a worker."""

_NEVER = -(10**9)
_COUNT_ALL = re.compile(r"\s*SELECT\s+COUNT\s*\(", re.IGNORECASE)
_HAS_WHERE = re.compile(r"\bWHERE\b", re.IGNORECASE)
_STEPS = 1000


def learn(plan: Plan, seconds: float) -> None:
    """A worker ran the plan in so much processor time."""
    if seconds > QUICK:
        plan.credit = min(plan.credit, -PENALTY)
    elif plan.credit == 0 and _COUNT_ALL.match(plan.sql) and not _HAS_WHERE.search(plan.sql):
        plan.credit = _NEVER
    elif plan.credit <= 0:
        plan.credit += 1


class InlineReader:
    """A read-only connection that belongs to the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: sqlite3.Connection) -> None:
        self._loop = loop
        self._connection = connection
        self._deadline = 0.0
        self._spent = 0.0
        connection.set_progress_handler(self._is_late, _STEPS)

    def _is_late(self) -> bool:
        return perf_counter() > self._deadline

    @property
    def needs_rest(self) -> bool:
        """Whether this turn of the loop has had its share of reads."""
        return self._spent > DEADLINE

    def attempt(self, function: Function, plan: Plan, args: Any) -> Any:
        """The result of a plan that has credit, or `MISSED`."""
        if self._spent > DEADLINE:
            return MISSED
        started = perf_counter()
        self._deadline = started + DEADLINE
        try:
            result = function(self._connection, plan, args)
        except DRIVER_ERRORS as error:
            result = self._after_error(error, plan)
        spent = perf_counter() - started
        if spent > DEADLINE:
            plan.credit = -PENALTY
        if self._spent == 0.0:
            self._loop.call_soon(self._new_turn)
        self._spent += spent
        return result

    def _after_error(self, error: Exception, plan: Plan) -> Any:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_INTERRUPT:
            plan.credit = -PENALTY
            return MISSED
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return MISSED
        raise translated(error, plan.sql) from error

    def _new_turn(self) -> None:
        self._spent = 0.0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
