"""What the ORM takes from SQLAlchemy beyond its documented names, so that a change there is noticed here first."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import conv


def test_compiled_statements_tell_the_order_of_their_parameters() -> None:
    table = sqlalchemy.table("t", sqlalchemy.column("a"), sqlalchemy.column("b"))
    first: sqlalchemy.BindParameter[object] = sqlalchemy.bindparam("p0")
    second: sqlalchemy.BindParameter[object] = sqlalchemy.bindparam("p1")
    statement = sqlalchemy.select(table).where(table.c.b == second, table.c.a == first, table.c.a != second)
    marks = statement.compile(dialect=sqlite.dialect(paramstyle="qmark"))
    assert marks.positiontup == ["p1", "p0", "p1"]
    numbers = statement.compile(dialect=postgresql.asyncpg.dialect())  # type: ignore[no-untyped-call]
    assert numbers.positiontup is not None
    assert numbers.string.count("$") >= 2


def test_constraint_names_can_be_kept_from_the_naming_convention() -> None:
    metadata = sqlalchemy.MetaData(naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s"})
    check = sqlalchemy.CheckConstraint("a > 0", name=conv("mine"))
    sqlalchemy.Table("t", metadata, sqlalchemy.Column("a", sqlalchemy.Integer), check)
    assert check.name == "mine"
