"""`atomic` and `on_commit` for the database that queries go to; the work is done in `vivace.databases.transactions`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from vivace.orm.binding import resolve

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.databases.transactions import Transaction


def atomic(using: Database | None = None, **options: Any) -> Transaction:
    """A transaction, or a savepoint inside one: `async with atomic(): ...`. Options are `Database.atomic`'s."""
    return resolve(using).atomic(**options)


def on_commit(function: Callable[[], Awaitable[object] | object], using: Database | None = None) -> None:
    """Calls (and awaits) `function` when the open transaction has committed; at once when there is none."""
    resolve(using).on_commit(function)
