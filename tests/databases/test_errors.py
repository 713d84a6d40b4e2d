"""Errors are PEP 249's, and carry the statement but never its values."""

from __future__ import annotations

import pytest

from vivace.databases import Database, errors


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
