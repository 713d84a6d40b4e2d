"""`QueryEvent`, which query hooks get, and `QueryHook`, one that is attached."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from vivace.databases.errors import InterfaceError
from vivace.databases.plan import Plan

if TYPE_CHECKING:
    from vivace.databases.database import Database
    from vivace.databases.observing.watch import Watch

logger = logging.getLogger("vivace.databases")


class QueryEvent:
    """One statement, as hooks see it.

    `operation` is what was wanted of it: "described" (`fetch_all`), "first" (`fetch_one`), "value" (`execute`), "many"
    (`execute_many`), "result" (`run`), "iterate", "rows" and "count" (plans, as the ORM's). Times are in seconds:
    `waited` for its turn in the transaction and for a connection, then `duration` until the last row was there.
    `rows` is the number of rows given or changed, None when it is not known. `replica` is the number of the replica
    that answered, counted from 1, None for the primary. `values` is None unless the hook asked for them.
    """

    __slots__ = (
        "database",
        "duration",
        "error",
        "in_transaction",
        "operation",
        "plan",
        "replica",
        "rows",
        "values",
        "waited",
    )

    def __init__(self, database: Database, operation: str, plan: Plan) -> None:
        self.database = database
        self.operation = operation
        self.plan = plan
        self.waited = 0.0
        self.duration = 0.0
        self.rows: int | None = None
        self.error: BaseException | None = None
        self.in_transaction = False
        self.replica: int | None = None
        self.values: Any = None

    @property
    def sql(self) -> str:
        """The statement as the driver got it, with placeholders for its values."""
        return self.plan.sql

    def with_values(self, values: Any) -> QueryEvent:
        """A copy that shows the values: those of one statement, or for "many" one sequence of them a row."""
        event = copy.copy(self)
        event.values = values
        return event

    def __repr__(self) -> str:
        outcome = f"rows={self.rows}" if self.error is None else f"error={type(self.error).__name__}"
        return f"<QueryEvent {self.operation} {self.sql!r} in {self.duration * 1000:.1f} ms, {outcome}>"


class QueryHook:
    """A function that is called with each statement. `remove()` it, or attach it for a `with` block only."""

    __slots__ = ("_watch", "at_start", "function", "with_values")

    def __init__(
        self, watch: Watch, function: Callable[[QueryEvent], object], *, with_values: bool, at_start: bool
    ) -> None:
        given: object = function
        if not callable(given) or inspect.iscoroutinefunction(given):
            raise InterfaceError(f"A query hook is a plain function of one argument, the event; got {given!r}")
        self._watch = watch
        self.function = function
        self.with_values = with_values
        self.at_start = at_start

    def remove(self) -> None:
        """Call it no more; harmless when done twice."""
        self._watch.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()


def notify(hooks: Sequence[QueryHook], event: QueryEvent, values: Any) -> None:
    """Call the hooks. One that fails is logged, and the statement never hears of it."""
    for hook in hooks:
        try:
            hook.function(event.with_values(values) if hook.with_values else event)
        except Exception:
            logger.exception("The query hook %r failed", hook.function)
