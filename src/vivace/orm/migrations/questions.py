"""What `makemigrations` cannot know by itself, as data: whoever calls `make(ask=…)` puts it to a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vivace.orm.migrations.errors import UnansweredQuestion


@dataclass(frozen=True)
class RenamedTable:
    """Answer True when the table was renamed, False when one was deleted and another made."""

    label: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"Was the table {self.old} renamed to {self.new}?"


@dataclass(frozen=True)
class RenamedColumn:
    """Answer True when the column was renamed, False when one was deleted and another added."""

    label: str
    table: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"Was {self.table}.{self.old} renamed to {self.table}.{self.new}?"


@dataclass(frozen=True)
class ExistingRows:
    """Answer the value that existing rows get in a column that must not be null, or None to leave them alone.

    `added` is True for a new column (where None means: there are no rows), False for one that used to allow null
    (where None means: no row has a null).
    """

    label: str
    table: str
    column: str
    type: sa.types.TypeEngine[Any]
    added: bool

    def __str__(self) -> str:
        if self.added:
            return f"{self.table}.{self.column} is new and must not be null. Which value do existing rows get?"
        return f"{self.table}.{self.column} may not be null any more. Which value do rows get that are null now?"


Question = RenamedTable | RenamedColumn | ExistingRows
Ask = Callable[[Question], Any]


def nobody(question: Question) -> Any:
    """The answers when there is nobody to ask: nothing was renamed, and a value for existing rows is an error."""
    if isinstance(question, ExistingRows):
        raise UnansweredQuestion(
            f"{question} Nobody can be asked here. Run `vivace makemigrations` in a terminal, give the field a "
            f"database default (db_default=…), or let it be null."
        )
    return False
