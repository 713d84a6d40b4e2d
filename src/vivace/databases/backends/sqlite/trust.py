"""Which statements may run on the event loop: what a worker's measurement says of each, kept as its `Plan.credit`."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from vivace.databases.backends.sqlite.translate import DRIVER_ERRORS
from vivace.databases.plan import Plan

# Processor seconds a worker may have needed for a statement that is tried on the loop next time. Not wall time: a busy
# loop holds the interpreter lock for milliseconds that are not the statement's fault.
QUICK = 0.002
# How many quick runs in a worker make a statement trusted again that was slow once; each further time twice as many.
PENALTY = 8
MAX_PENALTY = 4096
# Quick runs on the loop that make up for all that was before: a busy machine may stop any statement for a while.
FORGIVEN_AFTER = 500
# Quick runs on the loop after which one that took long without doing much is no reason to leave the loop.
GOOD_RECORD = 50
# Seconds of writing after which a statement no longer shares a transaction with its neighbours.
LONG_WRITE = 0.02

NEVER = -(10**9)

_DELETES_ALL = re.compile(r"\s*DELETE\s+FROM\s+(?:(?!\bWHERE\b).)*", re.IGNORECASE | re.DOTALL)
_VIRTUAL_TABLES = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%' LIMIT 1"


def learn(connection: sqlite3.Connection, plan: Plan, args: Any, seconds: float) -> None:
    """A worker ran the plan in so much processor time; a write: in so much wall time."""
    if not plan.reads:
        if seconds > LONG_WRITE:
            plan.credit = min(plan.credit, -PENALTY)
        elif NEVER < plan.credit < 0:
            plan.credit += 1
        elif plan.credit == 0 and plan.is_groupable:
            plan.credit = NEVER if _may_hide_work(connection, plan) else 1
    elif seconds > QUICK:
        plan.credit = min(plan.credit, -PENALTY)
    elif plan.credit == 0 and _hides_work(connection, plan, args):
        plan.credit = NEVER
    elif plan.credit <= 0:
        plan.credit += 1


def distrust(plan: Plan) -> None:
    """The plan was slow on the loop."""
    if plan.credit <= 0:
        return
    if plan.credit > FORGIVEN_AFTER:
        plan.strikes = 0
    plan.strikes += 1
    plan.credit = -min(PENALTY << min(plan.strikes - 1, 16), MAX_PENALTY)


def doubt(plan: Plan) -> None:
    """A read of few steps took long on the loop: the machine's fault, unless it happens again soon."""
    if plan.credit > GOOD_RECORD:
        plan.credit = 1
    else:
        distrust(plan)


def is_known_slow(plan: Plan) -> bool:
    """Whether the plan was slow lately."""
    return NEVER < plan.credit < 0


def _hides_work(connection: sqlite3.Connection, plan: Plan, args: Any) -> bool:
    """Whether one step of the statement's program may take any time, unseen by the progress handler.

    `COUNT(*)` of a whole table is one step, however large the table (25 ms for 3 million rows), and so is a search in
    a virtual table (40 ms for a prefix in a full-text index). json_each() is one too, but its input is limited.
    """
    try:
        program = connection.execute(f"EXPLAIN {plan.sql}", args).fetchall()
    except DRIVER_ERRORS:
        return True  # an EXPLAIN of its own, a statement too long: not worth knowing more
    steps = {step[1] for step in program}
    return "Count" in steps or ("VOpen" in steps and "json_" not in plan.sql.lower())


def _may_hide_work(connection: sqlite3.Connection, plan: Plan) -> bool:
    """The same of a write: a DELETE of all rows is one step, and so is a change of a virtual table, maybe by a trigger.

    Not by EXPLAIN: with Python 3.11.2 and SQLite 3.40, that of a write on a connection that writes may crash.
    """
    if _DELETES_ALL.fullmatch(plan.sql):
        return True
    return connection.execute(_VIRTUAL_TABLES).fetchone() is not None
