"""What a migration comes down to on one database: steps, in order, and the stages that they are run in.

Most steps are statements that run in the migration's transaction. Some must not be in one (`outside`): an index that is
built while the table is written to, a backfill that commits each batch. They split a migration into stages, which are
recorded one by one, so that a migration that dies in the middle goes on where it was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from sqlalchemy.exc import CompileError

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

    from vivace.databases import Database


class Checkpoint(Protocol):
    """Where a step that is done bit by bit keeps how far it has come; what is saved is plain JSON."""

    async def load(self) -> Any: ...

    async def save(self, position: Any) -> None: ...

    def advanced(self, done: int, total: int | None = None) -> None: ...


def with_values(expression: Any, dialect: Dialect) -> str:
    """An expression's SQL with its values written out; those that have no such form stand beside it."""
    try:
        return str(expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except CompileError:
        compiled = expression.compile(dialect=dialect)
        return f"-- with {compiled.params!r}:\n{compiled}"


@dataclass(frozen=True)
class Statement:
    """SQL in the database's own words, of a change of the schema or (`by_hand`) of whoever wrote the file.

    `drops` means that a table goes (see exclusive.py).
    """

    sql: str
    drops: bool = False
    outside: bool = False
    by_hand: bool = False


@dataclass(frozen=True)
class Replaced(Statement):
    """DROP TABLE of a table that a copy replaces: its triggers go with it, and come back after `RENAME`."""

    table: str = ""


@dataclass(frozen=True)
class Restored(Statement):
    """The copy is in its place."""

    table: str = ""


@dataclass(frozen=True)
class Query:
    """`op.execute` and `op.bulk_insert`: an expression that carries its values, and rows for it."""

    outside: ClassVar[bool] = False

    expression: Any
    rows: tuple[dict[str, Any], ...] | None = None

    def literal(self, dialect: Dialect) -> list[str]:
        """The statements with their values written out, for `sqlmigrate`."""
        rows = [self.expression] if self.rows is None else [self.expression.values(row) for row in self.rows]
        return [with_values(item, dialect) for item in rows]


@dataclass(frozen=True)
class PythonStep:
    """A step of a migration that runs Python between its statements."""

    outside: ClassVar[bool] = False

    function: Callable[[Database], Awaitable[None]]
    name: str


class LiveStep(ABC):
    """A step outside of any transaction that looks at the database first: run again after it died, it goes on."""

    outside: ClassVar[bool] = True

    @abstractmethod
    async def run(self, database: Database, checkpoint: Checkpoint) -> None:
        """Do it, or what is left of it."""

    @abstractmethod
    def literal(self, dialect: Dialect) -> list[str]:
        """The statements for `sqlmigrate`."""


@dataclass(frozen=True)
class Cut:
    """Nothing to do, but the transaction ends here: its locks are let go before slow work, or before other locks."""

    outside: ClassVar[bool] = True


Step = Statement | Query | PythonStep | LiveStep | Cut


@dataclass(frozen=True)
class Stage:
    """Steps that are done together, in one transaction, or one step outside of any."""

    steps: tuple[Step, ...]
    in_transaction: bool


def stages_of(steps: Iterable[Step], *, each_alone: bool = False) -> list[Stage]:
    """`steps` in stages: as few as can be, or (`each_alone`, for databases that commit at every statement) one each."""
    if each_alone:
        return [Stage((step,), in_transaction=False) for step in steps if not isinstance(step, Cut)]
    stages: list[Stage] = []
    for outside, group in groupby(steps, key=lambda step: step.outside):
        if outside:
            stages += [Stage((step,), in_transaction=False) for step in group if not isinstance(step, Cut)]
        else:
            stages.append(Stage(tuple(group), in_transaction=True))
    return stages


def text_of(step: Step, dialect: Dialect) -> str:
    """A step in one line, for people: its SQL without values, or the name of what runs."""
    match step:
        case Statement():
            return " ".join(step.sql.split())
        case Query():
            return " ".join(str(step.expression.compile(dialect=dialect)).split())
        case PythonStep():
            return f"{step.name}()"
        case Cut():
            return ""
        case LiveStep():
            return "; ".join(" ".join(text.split()) for text in step.literal(dialect))
