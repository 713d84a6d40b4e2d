"""What a migration that failed tells: what the database said, how far it came, and how to go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alembic.operations import ops

from vivace.databases.errors import (
    CommitOutcomeUnknown,
    ConnectionFailed,
    DatabaseError,
    IntegrityError,
    OperationalError,
    StatementTimeout,
)
from vivace.orm.migrations.errors import MigrationError, MigrationFailed
from vivace.orm.migrations.plan import PlannedStep
from vivace.orm.migrations.progress import Record
from vivace.orm.migrations.steps import Stage, text_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

# What a database says of a change that is there already, or of something to change that is gone.
_WAS_DONE: dict[str, frozenset[object]] = {
    # https://mariadb.com/kb/en/mariadb-error-code-reference/
    "mysql": frozenset({1050, 1051, 1054, 1060, 1061, 1068, 1091, 1146, 1176, 1826, 3822}),
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    "postgresql": frozenset({"42701", "42703", "42704", "42710", "42P01", "42P07", "42P16"}),
}
_SHOWN_STEPS = 12
_SHOWN_TEXT = 100


@contextmanager
def explained(step: PlannedStep, dialect: Dialect, stages: Sequence[Stage] = (), done: int = 0) -> Iterator[None]:
    """Whatever the block raises becomes MigrationFailed; of its `stages`, `done` were done before."""
    try:
        yield
    except MigrationError as error:
        if not stages:
            raise
        raise MigrationFailed(_message(step, error, dialect, stages, done)) from error
    except Exception as error:
        raise MigrationFailed(_message(step, error, dialect, stages, done)) from error


def says_it_was_done(error: Exception, dialect: Dialect) -> bool:
    """Whether a change of the schema, run again because nobody saw its end, had come to its end."""
    cause = error.__cause__
    codes = {getattr(cause, "sqlstate", None), *(cause.args[:1] if cause is not None else ())}
    return isinstance(error, DatabaseError) and not codes.isdisjoint(_WAS_DONE.get(dialect.name, ()))


def has_done_nothing(error: Exception) -> bool:
    """Whether a statement that failed with `error` left nothing behind: the database answered, and refused it."""
    return not isinstance(error, (ConnectionFailed, StatementTimeout, CommitOutcomeUnknown, asyncio.CancelledError))


def changed_since(step: PlannedStep, record: Record) -> str:
    """The message for a file whose beginning was edited after it had been run."""
    function = "downgrade()" if step.backwards else "upgrade()"
    return (
        f"{step.migration} was begun and stopped after {_steps(record.done)}, and the beginning of {function} in "
        f"{step.migration.path} is not what it was then. Put back what was done as it was, and change only what comes "
        f"after; or finish by hand what it should do, and mark it: `{_command(step)} --fake`"
    )


def other_is_unfinished(record: Record, step: PlannedStep) -> str:
    """The message for a run that does not want to go on with the migration that is half done."""
    doing = "undoing" if record.backwards else "applying"
    before = step.migration.down_revision
    back = "zero" if before is None else before.rpartition("_")[2]
    forth = step.migration.revision.rpartition("_")[2]
    label = step.migration.label
    kept, dropped = (forth, back) if record.backwards else (back, forth)
    return (
        f"{step.migration} is half done: {doing} it stopped after {_steps(record.done)}. Finish that first: "
        f"`{_command(step)}`. If you have mended the database by hand, say what it is like now: as before, "
        f"`vivace migrate {label} {kept} --fake`; as after, `vivace migrate {label} {dropped} --fake`."
    )


def _command(step: PlannedStep) -> str:
    target = step.migration.revision
    if step.backwards:
        target = step.migration.down_revision or "zero"
    return f"vivace migrate {step.migration.label} {target.rpartition('_')[2]}"


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"


def _message(step: PlannedStep, error: Exception, dialect: Dialect, stages: Sequence[Stage], done: int) -> str:
    what = "undoing" if step.backwards else "applying"
    said = str(error) if isinstance(error, (DatabaseError, MigrationError)) else f"{type(error).__name__}: {error}"
    begun = f"{step.migration} ({step.migration.path}) failed while {what} it"
    if not stages:
        if isinstance(error, CommitOutcomeUnknown):
            return f"{begun}: {said}\nRun `vivace migrate` again; it sees whether it was stored."
        return f"{begun}, and was rolled back: {said}{_advice(step, error, dialect)}"
    return (
        f"{begun}: {said}{_advice(step, error, dialect)}\n{_why_it_stays(step, dialect)}\n"
        f"{_listed(stages, done, dialect)}\n{_how_to_go_on(error, done, stages)}"
    )


def _why_it_stays(step: PlannedStep, dialect: Dialect) -> str:
    if dialect.name == "mysql":
        return "MySQL stores every change of the schema at once, so what was done before stays:"
    if not step.migration.atomic:
        return "The file says `atomic = False`, so what was done before stays:"
    return "Some of its steps cannot be in a transaction, so what was done before stays:"


def _listed(stages: Sequence[Stage], done: int, dialect: Dialect) -> str:
    """The stages around the one that failed, each with what became of it."""
    lines = []
    first = max(0, min(done - _SHOWN_STEPS // 2, len(stages) - _SHOWN_STEPS))
    shown = range(first, min(first + _SHOWN_STEPS, len(stages)))
    if first:
        lines.append(f"  [X] … {first} more")
    for number in shown:
        mark = "X" if number < done else "!" if number == done else " "
        texts = [text_of(item, dialect) for item in stages[number].steps]
        text = texts[0] if len(texts) == 1 else f"{texts[0]} … and {len(texts) - 1} more, together"
        lines.append(f"  [{mark}] {number + 1}. {text if len(text) <= _SHOWN_TEXT else text[:_SHOWN_TEXT] + '…'}")
    if shown.stop < len(stages):
        lines.append(f"  [ ] … {len(stages) - shown.stop} more")
    return "\n".join(lines)


def _how_to_go_on(error: Exception, done: int, stages: Sequence[Stage]) -> str:
    if isinstance(error, ConnectionFailed):
        return f"Run `vivace migrate` again when the database is back: it goes on with step {done + 1}."
    stay = "" if done == 0 else f" Leave what is done ({_steps(done)}) in the file as it is."
    return (
        f"Correct what is wrong, in the rows or in the file from step {done + 1} on, and run `vivace migrate` again: "
        f"it goes on with step {done + 1} of {len(stages)}.{stay}"
    )


def _advice(step: PlannedStep, error: Exception, dialect: Dialect) -> str:
    return _missing_value(step, error, dialect) + _there_already(step, error)


def _there_already(step: PlannedStep, error: Exception) -> str:
    """What to do when an app's first migration meets tables that another tool has made."""
    if step.backwards or step.migration.down_revision is not None or not isinstance(error, DatabaseError):
        return ""
    if "already exists" not in str(error):
        return ""
    return "\nIf the tables were made by another tool, `vivace migrate --fake-initial` takes them over as they are."


def _missing_value(step: PlannedStep, error: Exception, dialect: Dialect) -> str:
    """What to do when rows exist and a new column, which must not be null, has no value for them."""
    if not isinstance(error, (IntegrityError, OperationalError)):
        return ""
    for operation in step.migration.record(dialect, backwards=step.backwards):
        if isinstance(operation, ops.AddColumnOp):
            column = operation.column
            if not column.nullable and column.server_default is None and str(column.name) in str(error):
                function = "downgrade()" if step.backwards else "upgrade()"
                return (
                    f"\n{operation.table_name}.{column.name} must not be null, and the file has no value for the "
                    f'rows there are. Give it one in {function}: server_default=sa.text("…"), and run again.'
                )
    return ""
