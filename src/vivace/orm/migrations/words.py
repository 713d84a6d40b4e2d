"""SQL text in migrations: the same for every database, or each in its own words.

A definition (a default, a CHECK, an index on an expression) is kept as text. Most of it is the same everywhere and is a
plain `str`; where databases differ it is `Words`, written into files as `per_database(…)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import CompileError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement, TextClause

from vivace.databases.backends.mysql.dialect import MySQLDialect
from vivace.databases.backends.postgresql.dialect import PostgreSQLDialect
from vivace.databases.backends.sqlite.dialect import SQLiteDialect
from vivace.databases.errors import NotSupportedError
from vivace.orm.exceptions import FieldError
from vivace.orm.migrations.errors import MigrationError


class NeutralCompiler(SQLCompiler):
    """Words that every database knows."""

    def visit_now_func(self, function: Any, **options: Any) -> str:
        return "CURRENT_TIMESTAMP"  # SQLite has no now()


class NeutralDialect(DefaultDialect):
    """SQL that suits every database: quoted as the standard says, `true` and `false` in words."""

    statement_compiler = NeutralCompiler
    supports_native_boolean = True
    supports_statement_cache = False


NEUTRAL = NeutralDialect()
# The dialect in which files are written: there `Words` are Python source, which begins so (see layout.py).
FILES = "vivace_files"
SOURCE = "\0"


def _mariadb() -> MySQLDialect:
    dialect = MySQLDialect()
    dialect.learn_server("10.6.0-MariaDB")
    return dialect


DIALECTS: dict[str, Dialect] = {
    "sqlite": SQLiteDialect(),
    "postgresql": PostgreSQLDialect(),
    "mysql": MySQLDialect(),
    "mariadb": _mariadb(),
}


class Words(str):
    """SQL that databases say differently. The str itself is what those say that are not in `others`.

    MySQL speaks for MariaDB too. None among `others` means that the database cannot say it at all.
    """

    __slots__ = ("others",)

    others: tuple[tuple[str, str | None], ...]

    def __new__(cls, sql: str, others: Mapping[str, str | None]) -> Self:
        made = super().__new__(cls, sql)
        made.others = tuple(sorted(others.items()))
        return made

    def on(self, database: str) -> str:
        """What `database` says; raises MigrationError when it cannot."""
        said = self.said()[database]
        if said is None:
            raise MigrationError(
                f"{database} cannot say {str(self)!r}. Leave it out there (if op.get_context().dialect.name …), or "
                f"give per_database() what {database} is to say."
            )
        return said

    def said(self) -> dict[str, str | None]:
        """What each database says."""
        others = dict(self.others)
        mysql = others.get("mysql", str(self))
        return {
            "sqlite": others.get("sqlite", str(self)),
            "postgresql": others.get("postgresql", str(self)),
            "mysql": mysql,
            "mariadb": others.get("mariadb", mysql),
        }

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True and self.others == getattr(other, "others", ())

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((str(self), self.others))

    def __str__(self) -> str:
        return str.__str__(self)

    def __repr__(self) -> str:
        """The Python that makes it, as files have it."""
        others = "".join(f", {name}={sql!r}" for name, sql in self.others)
        return f"per_database({str.__repr__(self)}{others})"


class PerDatabase(TextClause):
    """`Words` as SQLAlchemy takes them: in place of `sa.text(…)`, anywhere in a definition."""

    inherit_cache = False

    def __init__(self, words: Words) -> None:
        super().__init__(_escaped(words))
        self.words = words


def per_database(sql: str, **others: str | None) -> PerDatabase:
    """SQL that some databases say in other words: `per_database("a REGEXP 'x'", postgresql="a ~ 'x'")`.

    `sql` is for those that are not named among `sqlite`, `postgresql`, `mysql` (which speaks for MariaDB too) and
    `mariadb`; None is for one that cannot say it, which is refused there. A colon is a colon. Raises MigrationError for
    a database that is not known.
    """
    unknown = [name for name in others if name not in DIALECTS]
    if unknown:
        raise MigrationError(f"per_database(): there is no database {unknown[0]!r}. Databases: {', '.join(DIALECTS)}.")
    return PerDatabase(Words(sql, others))


@compiles(PerDatabase)
def _compile(element: PerDatabase, compiler: Any, **options: Any) -> str:
    dialect = compiler.dialect
    if dialect.name == FILES:
        return SOURCE + repr(element.words)
    if dialect.name not in DIALECTS:
        return str(element.words)
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    said: str = compiler.process(sa.text(_escaped(element.words.on(name))), **options)
    return said


def _escaped(sql: str) -> str:
    """For `sa.text()`, which reads a lone colon as the beginning of a parameter's name."""
    return re.sub(r"(?<!:):(?!:)", r"\\:", sql)


def clause(sql: str) -> TextClause:
    """The SQLAlchemy clause that says `sql`. The reverse of `sql_text`."""
    return PerDatabase(sql) if isinstance(sql, Words) else sa.text(_escaped(sql))


def on(sql: str, database: str) -> str:
    """What `database` says; raises MigrationError when it cannot."""
    return sql.on(database) if isinstance(sql, Words) else sql


def sql_text(expression: Any, database: str | None = None) -> str:
    """The SQL of a clause in a definition: values inlined, columns without their table; `Words` where they differ.

    With `database`, as that one says it.
    """
    if isinstance(expression, PerDatabase):
        return expression.words if database is None else expression.words.on(database)
    if isinstance(expression, TextClause):
        # DDL has no parameters, so a colon is a colon; in text() a lone one is written "\:".
        return expression.text.replace("\\:", ":")
    if isinstance(expression, str):
        return expression
    if database is not None:
        return _compiled(expression, DIALECTS[database])
    if _is_said_alike(expression):
        neutral = _compiled(expression, NEUTRAL)
        if "\\" not in neutral:  # which is doubled on MySQL
            return neutral
    return in_words(lambda _, dialect: _compiled(expression, dialect))


def _is_said_alike(expression: ClauseElement) -> bool:
    """Whether it is made of SQLAlchemy's own parts, whose plain form every database reads, and of plain names."""
    return all(
        type(part).__module__.startswith("sqlalchemy.")
        and not (isinstance(part, sa.ColumnClause) and not part.is_literal and _is_quoted(str(part.name)))
        for part in visitors.iterate(expression)
    )


@cache
def _is_quoted(name: str) -> bool:
    """Whether some database wants quotes around a name; each has reserved words, and quotes, of its own."""
    return any(dialect.identifier_preparer.quote(name) != name for dialect in DIALECTS.values())


def _compiled(expression: ClauseElement, dialect: Dialect) -> str:
    return str(expression.compile(dialect=dialect, compile_kwargs={"literal_binds": True, "include_table": False}))


def in_words(say: Callable[[str, Dialect], str], database: str | None = None) -> str:
    """What `say(name, dialect)` gives for each database, or for one. Raises what `say` does when none can say it."""
    if database is not None:
        return say(database, DIALECTS[database])
    said: dict[str, str | None] = {}
    refusal: Exception | None = None
    for name, dialect in DIALECTS.items():
        try:
            said[name] = say(name, dialect)
        except (FieldError, NotSupportedError, CompileError, MigrationError) as error:
            said[name], refusal = None, error
    if not any(sql is not None for sql in said.values()):
        assert refusal is not None
        raise refusal
    return told(said)


def told(said: Mapping[str, str | None]) -> str:
    """What each database says (None: it cannot), told as shortly as can be; at least one says something."""
    known = [sql for sql in said.values() if sql is not None]
    for word, number in (("true", "1"), ("false", "0")):
        if set(known) == {word, number}:
            return word  # which every database reads
    base = known[0]
    others = {name: sql for name, sql in said.items() if sql != base and name != "mariadb"}
    if said["mariadb"] != said["mysql"]:
        others["mariadb"] = said["mariadb"]
    return Words(base, others) if others else base
