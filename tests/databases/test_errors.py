"""Errors are PEP 249's, and carry the statement but never its values."""

from __future__ import annotations

import pickle
import sqlite3

import asyncmy.errors
import asyncpg
import pytest

from vivace.databases import Database, errors

DRIVER_INTEGRITY_ERRORS: dict[str, type[Exception]] = {
    "sqlite": sqlite3.IntegrityError,
    "postgresql": asyncpg.UniqueViolationError,
    "mysql": asyncmy.errors.IntegrityError,
}


def test_the_statement_is_shown_and_cut_when_long() -> None:
    assert str(errors.ProgrammingError("wrong", sql="SELEC 1")) == "wrong\n[SQL: SELEC 1]"
    assert str(errors.ProgrammingError("wrong")) == "wrong"
    shown = str(errors.OperationalError("locked", sql="x" * 2000))
    assert shown.endswith("… (2000 characters)]")
    assert len(shown) < 600


def test_all_errors_have_one_base() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    assert all(issubclass(kind, errors.DatabaseError) for kind in kinds)


@pytest.mark.anyio
async def test_values_never_reach_the_message_and_the_drivers_error_is_the_cause(database: Database) -> None:
    await database.execute("CREATE TABLE secrets (id INTEGER PRIMARY KEY, word TEXT)")
    insert = "INSERT INTO secrets VALUES (:id, :word)"
    await database.execute(insert, {"id": 1, "word": "sesame"})
    with pytest.raises(errors.IntegrityError) as caught:
        await database.execute(insert, {"id": 1, "word": "sesame"})
    assert "sesame" not in str(caught.value)
    assert type(caught.value.__cause__).__module__.partition(".")[0] in ("sqlite3", "asyncpg", "asyncmy")


@pytest.mark.anyio
async def test_an_error_is_caught_by_handlers_of_the_drivers_exception_too(database: Database) -> None:
    await database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
    await database.execute("INSERT INTO notes VALUES (1)")
    with pytest.raises(DRIVER_INTEGRITY_ERRORS[database.dialect.name]) as caught:
        await database.execute("INSERT INTO notes VALUES (1)")
    error = caught.value
    assert isinstance(error, errors.IntegrityError)
    assert repr(error).startswith("IntegrityError(")
    assert str(error).endswith("[SQL: INSERT INTO notes VALUES (1)]")
    assert isinstance(error.__cause__, DRIVER_INTEGRITY_ERRORS[database.dialect.name])
    assert (
        vars(error).items()
        >= {name: value for name, value in vars(error.__cause__).items() if name != "message"}.items()
    )
    assert isinstance(await failing(database, "SELEC"), errors.ProgrammingError)


async def failing(database: Database, sql: str) -> Exception:
    with pytest.raises(errors.DatabaseError) as caught:
        await database.execute(sql)
    return caught.value


@pytest.mark.anyio
async def test_an_error_can_be_sent_to_another_process(database: Database) -> None:
    error = await failing(database, "SELEC")
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is errors.ProgrammingError
    assert str(copied) == str(error)
