"""Raw SQL with `:name` parameters: read once, rewritten to the driver's placeholders, kept in a cache."""

from __future__ import annotations

from collections.abc import Callable

from vivace.databases._raw_statement_cy import RawStatement
from vivace.databases.errors import InterfaceError
from vivace.databases.plan import Plan
from vivace.databases.sql_tokens import Dialect, scan
from vivace.databases.statement_kinds import FIRST_WORDS, TELLING_WORDS, StatementKind

# What one generation of the cache holds at most: statements, and characters of them.
MAX_STATEMENTS = 1024
MAX_CHARACTERS = 1_000_000


def parse(sql: str, dialect: Dialect) -> RawStatement:
    """Rewrite `sql` for the driver: `?` for each parameter on SQLite and MySQL, `$1`… (one a name) on PostgreSQL.

    Raises `InterfaceError` for a NUL character, at which databases would stop reading.
    """
    if "\0" in sql:
        raise InterfaceError("The statement holds a NUL character")
    words: list[str] = []
    pieces: list[str] = []
    names: list[str] = []
    numbers: dict[str, int] = {}
    position = 0
    for match in scan(sql, dialect):
        if match.lastgroup == "word":
            word = match["word"].upper()
            # A bulk INSERT may have a million words, which say nothing more about its kind.
            if len(words) < FIRST_WORDS or word in TELLING_WORDS:
                words.append(word)
            continue
        pieces.append(sql[position : match.start()])
        position = match.end()
        if match.lastgroup == "escaped":
            pieces.append(":")
            continue
        name = match["name"]
        if dialect == "postgresql":
            if name not in numbers:
                numbers[name] = len(numbers) + 1
                names.append(name)
            pieces.append(f"${numbers[name]}")
        else:
            names.append(name)
            pieces.append("?")
    pieces.append(sql[position:])
    kind = StatementKind(words, sql, dialect)
    plan = Plan(
        "".join(pieces),
        reads=kind.reads,
        returns_rows=kind.returns_rows,
        changes_session=kind.changes_session,
        inserts=kind.inserts,
    )
    return RawStatement(plan, tuple(names), words[0] if words else "", sql)


class RawCache(dict[str, RawStatement]):
    """The raw statements of one database by their text: `cache[sql]` parses and checks each once while it is in use.

    In two generations. When this one is full it becomes the old one, and what is still in use comes back from there; so
    whoever writes values into the text of statements fills the cache without driving out what others use.
    """

    def __init__(self, dialect: Dialect, check: Callable[[RawStatement], object] | None = None) -> None:
        self._dialect = dialect
        self._check = check
        self._old: dict[str, RawStatement] = {}
        self._characters = 0

    def __missing__(self, sql: str) -> RawStatement:
        statement = self._old.get(sql)
        if statement is None:
            statement = parse(sql, self._dialect)
            if self._check is not None:
                self._check(statement)
        if len(sql) > MAX_CHARACTERS // 8:
            return statement
        if len(self) >= MAX_STATEMENTS or self._characters + len(sql) > MAX_CHARACTERS:
            self._old = dict(self)
            self.clear()
            self._characters = 0
        self[sql] = statement
        self._characters += len(sql)
        return statement
