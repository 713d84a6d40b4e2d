"""Which database a query goes to.

In this order: `queryset.using(database)` · the `using()` block around it · the site's routers · the transaction that is
open · the current app's database, which `Vivace` sets around requests, WebSockets, lifespan and commands · the only
connected Database. Wherever a database may be given, its alias (`"archive"`) may be given, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from vivace.databases.database import connected
from vivace.databases.frames import current_frames
from vivace.orm.exceptions import NoDatabase
from vivace.orm.routing import Databases

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

_using: ContextVar[Database | None] = ContextVar("vivace_orm_using", default=None)
_app: ContextVar[Database | None] = ContextVar("vivace_orm_app", default=None)
_site: ContextVar[Databases | None] = ContextVar("vivace_orm_site", default=None)


@contextmanager
def using(database: Database | str) -> Iterator[Database]:
    """Queries inside the block, and in tasks started there, go to `database`."""
    chosen = _named(database) if isinstance(database, str) else database
    before = _using.get()
    _using.set(chosen)
    try:
        yield chosen
    finally:
        # Not by token: generators and fixtures may leave the block in another context than they entered it.
        _using.set(before)


@contextmanager
def databases(known: Databases | None) -> Iterator[Databases | None]:
    """Inside the block, and in tasks started there, aliases and routers are those of `known`."""
    before = set_databases(known)
    try:
        yield known
    finally:
        set_databases(before)


def set_default(database: Database | None) -> Database | None:
    """Makes `database` the current app's in this context; returns the one before, to be set again at the end."""
    before = _app.get()
    _app.set(database)
    return before


def set_databases(known: Databases | None) -> Databases | None:
    """Makes `known` the current app's databases in this context; returns those before, to be set again at the end."""
    before = _site.get()
    _site.set(known)
    return before


def set_site(database: Database | None, known: Databases | None) -> tuple[Database | None, Databases | None]:
    """`set_default` and `set_databases` in one; returns what was set before."""
    before = _app.get(), _site.get()
    _app.set(database)
    _site.set(known)
    return before


def _named(alias: str) -> Database:
    site = _site.get()
    if site is None:
        raise NoDatabase(
            f'There is no database "{alias}": nothing gives aliases here. A site does by its DATABASES setting, a '
            "script by `with vivace.orm.databases(Databases({…})):`."
        )
    return site[alias]


def resolve(
    database: Database | str | None = None, model: type[Model] | None = None, *, write: bool = False
) -> Database:
    """The database of a query on `model`; `database` when given. Raises NoDatabase with the ways to say which."""
    if database is not None:
        return _named(database) if isinstance(database, str) else database
    chosen = _using.get()
    if chosen is not None:
        return chosen
    site = _site.get()
    if site is not None and site.routers and model is not None:
        chosen = site.route(model, write=write)
        if chosen is not None:
            return chosen
    return _unrouted()


def resolve_for(
    instance: Any,
    model: type[Model],
    database: Database | str | None = None,
    *,
    home: Database | None = None,
    write: bool = False,
) -> Database:
    """The database of a query on `model` that starts from an instance: by default the one it is in (or `home`)."""
    if database is None:
        database = routed(model, instance=instance, write=write) or home
        if database is None and instance._origin is not None:
            database = instance._origin.database
    return resolve(database, model, write=write)


def routed(model: type[Model], *, instance: Any, write: bool = False) -> Database | None:
    """What the site's routers say of a query on `model`, if there are any and no `using()` block is around."""
    site = _site.get()
    if site is None or not site.routers or _using.get() is not None:
        return None
    return site.route(model, write=write, instance=instance)


def allows_relation(first: Any, second: Any) -> bool:
    """Whether two instances may be related: unless a router says so, only those of one database."""
    if first._origin is None or second._origin is None:
        return True
    own, other = first._origin.database, second._origin.database
    if own is other or own is None or other is None:
        return True
    site = _site.get()
    return site is not None and site.allow_relation(first, second)


def _unrouted() -> Database:
    frames = current_frames.get()
    if len(frames) == 1:
        only: Database = next(iter(frames))
        return only
    chosen = _app.get()
    if chosen is not None:
        return chosen
    alone = connected.only() if connected.only is not None else None
    if alone is not None and not alone.is_left_behind:
        return alone
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
