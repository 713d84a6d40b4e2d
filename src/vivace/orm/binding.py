"""Which database a query goes to.

In this order: `queryset.using(database)` · the `using()` block around it · the transaction that is open · the current
app's database, which `Vivace` sets around requests, WebSockets, lifespan and commands · the only connected Database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from vivace.databases.database import connected
from vivace.databases.frames import current_frames
from vivace.orm.exceptions import NoDatabase

if TYPE_CHECKING:
    from vivace.databases import Database

_using: ContextVar[Database | None] = ContextVar("vivace_orm_using", default=None)
_app: ContextVar[Database | None] = ContextVar("vivace_orm_app", default=None)


@contextmanager
def using(database: Database) -> Iterator[Database]:
    """Queries inside the block, and in tasks started there, go to `database`."""
    before = _using.get()
    _using.set(database)
    try:
        yield database
    finally:
        # Not by token: generators and fixtures may leave the block in another context than they entered it.
        _using.set(before)


def set_default(database: Database | None) -> Database | None:
    """Makes `database` the current app's in this context; returns the one before, to be set again at the end."""
    before = _app.get()
    _app.set(database)
    return before


def resolve(database: Database | None = None) -> Database:
    """The database of a query; `database` when given. Raises NoDatabase with the ways to say which."""
    if database is not None:
        return database
    chosen = _using.get()
    if chosen is not None:
        return chosen
    frames = current_frames.get()
    if len(frames) == 1:
        only: Database = next(iter(frames))
        return only
    chosen = _app.get()
    if chosen is not None:
        return chosen
    known = [each for each in connected if not each.is_left_behind]
    if len(known) == 1:
        return known[0]
    raise NoDatabase(_explain(known))


def _explain(known: list[Database]) -> str:
    if not known:
        found = "no Database is connected"
    else:
        found = f"{len(known)} are connected ({', '.join(sorted(repr(str(each.url.database)) for each in known))})"
    return (
        f"No database to send this query to: {found}. Connect one (`async with Database(url):`), run inside a Vivace "
        "app that has one (its DATABASE setting), open a transaction (`async with database.atomic():`), or say which: "
        "`with vivace.orm.using(database):`, `Book.objects.using(database)`."
    )
