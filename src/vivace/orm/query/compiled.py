"""What is left of a query once it is compiled: a statement that can be run again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Dialect

from vivace.databases import Plan
from vivace.orm.expressions.binds import Binds
from vivace.orm.query import hydrate


class Compiled:
    """A statement ready to run: `plan` for the database, `bind` from values to arguments, `decode` from rows on."""

    __slots__ = ("bind", "decode", "plan")

    def __init__(self, plan: Plan, bind: Callable[[Sequence[Any]], Sequence[Any]], decode: hydrate.Decode) -> None:
        self.plan, self.bind, self.decode = plan, bind, decode


def finished(
    statement: Any,
    binds: Binds,
    dialect: Dialect,
    decode: hydrate.Decode,
    *,
    reads: bool = True,
    returns_rows: bool = True,
) -> Compiled:
    """SQLAlchemy's statement compiled for a driver."""
    compiled = statement.compile(dialect=dialect)
    plan = plan_of(compiled.string, reads=reads, returns_rows=returns_rows, inserts=statement.is_insert)
    return Compiled(plan, binds.binder(compiled), decode)


def plan_of(sql: str, *, reads: bool = True, returns_rows: bool = True, inserts: bool = False) -> Plan:
    """What the database has to know of a statement."""
    batches = reads and " FOR " not in sql  # a FOR UPDATE locks
    return Plan(sql, reads=reads, returns_rows=returns_rows, inserts=inserts, batches=batches)
