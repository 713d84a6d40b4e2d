"""What `Database` offers to those who run it: hooks, statement timeouts, and the figures made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from vivace.databases.errors import InterfaceError
from vivace.databases.observing.events import QueryEvent, QueryHook
from vivace.databases.observing.log import log_statement
from vivace.databases.observing.options import ObservingOptions
from vivace.databases.observing.slow_queries import SlowQueries
from vivace.databases.observing.statements import Statements, StatementStatistics
from vivace.databases.observing.watch import Watch
from vivace.databases.timeouts import TimeoutBlock

if TYPE_CHECKING:
    from vivace.databases.database import Database

HookFunction = TypeVar("HookFunction", bound=Callable[[QueryEvent], object])


class Observable:
    """The part of `Database` that is watched. `watch` runs its statements while there are hooks or timeouts; None, when
    there are not, costs a statement one test.
    """

    watch: Watch | None
    _watch: Watch
    _statements: Statements | None = None
    _log: QueryHook | None = None

    def add_query_hook(
        self, hook: Callable[[QueryEvent], object], *, with_values: bool = False, at_start: bool = False
    ) -> QueryHook:
        """Call `hook(event)` at the end of each statement, or (`at_start`) before it; see `QueryEvent`.

        Until `remove()` of what is returned, or for a block: `with database.add_query_hook(hook):`. It is a plain
        function that does little, as the event loop waits for it; if it raises, that is logged and nothing else.
        `with_values` shows it the values of the statements, which others should not see in logs.
        """
        return self._watch.add(hook, with_values=with_values, at_start=at_start)

    def on_query(self, hook: HookFunction) -> HookFunction:
        """`@database.on_query` over a function: `add_query_hook()` for good."""
        self._watch.add(hook)
        return hook

    def statement_timeout(self, seconds: float | None) -> TimeoutBlock:
        """`with database.statement_timeout(2.5):` cancels statements of the block that take longer; None: no limit.

        Holds for the statements of this task and of those started inside, until the block ends; an inner block takes
        the place of an outer one and of `Database(statement_timeout=)`. The statement raises `StatementTimeout`, and a
        transaction around it can then only be rolled back. Time begins when the statement has its connection.
        """
        return TimeoutBlock(self._watch, seconds)

    def statements(self, limit: int | None = 20) -> list[StatementStatistics]:
        """What each statement has cost since the start or `reset_statements()`: those of the most time in all first.

        Counted with `Database(url, statement_statistics=True)`; without it raises `InterfaceError`.
        """
        return self._counted().top(limit)

    def reset_statements(self) -> None:
        """Begin counting anew."""
        self._counted().reset()

    def _counted(self) -> Statements:
        if self._statements is None:
            raise InterfaceError(
                "The statements of this database are not counted: say Database(url, statement_statistics=True), or "
                "?statement_statistics=true in its URL"
            )
        return self._statements

    def _observe(self, options: ObservingOptions) -> None:
        """Attach what was asked for."""
        watch = self._watch
        watch.set_timeout(options.statement_timeout)
        if options.statement_statistics:
            self._statements = Statements()
            watch.add(self._statements)
        if options.slow_query is not None:
            watch.add(SlowQueries(options.slow_query))
        if options.opentelemetry:
            from vivace.databases.observing.opentelemetry import OpenTelemetry  # an optional dependency

            watch.add(OpenTelemetry(cast("Database", self)))

    def _log_statements(self, wanted: bool) -> None:
        """Log each statement from now on, or no more."""
        if self._log is not None:
            self._log.remove()
        self._log = self._watch.add(log_statement) if wanted else None
