"""What each shape of query costs: counted by the database, named by the queryset that made it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vivace.databases.observing.statements import StatementStatistics
from vivace.orm import binding
from vivace.orm.expressions.conditions import Shape
from vivace.orm.query.cache import shapes

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


@dataclass(frozen=True, slots=True)
class QueryStatistics:
    """What the queries of one shape did since the counting began; `statement` has the figures and the SQL."""

    model: type[Model]
    query: str
    """The queryset as it was written, without values: `Book.filter(title, pages__gt).order_by(-price)[…]`."""
    statement: StatementStatistics

    @property
    def calls(self) -> int:
        """How often it was run."""
        return self.statement.calls

    @property
    def rows(self) -> int:
        """Rows given or changed, of all calls."""
        return self.statement.rows

    @property
    def p95(self) -> float:
        """Seconds that 19 of 20 calls did not exceed."""
        return self.statement.p95


def query_statistics(database: Database | None = None, limit: int | None = 20) -> list[QueryStatistics]:
    """The querysets that took the most time in all, most first; of the current database by default.

    Counted with `Database(url, statement_statistics=True)`; without it raises `InterfaceError`. Values are no part of a
    query's shape, so there are few, and nothing in them is secret.
    """
    known = shapes.by_plan()
    found = [
        QueryStatistics(model, described(model, shape), statement)
        for statement in binding.resolve(database).statements(None)
        if statement.plan in known
        for model, shape in (known[statement.plan],)
    ]
    return found[:limit]


def described(model: type[Model], shape: Shape) -> str:
    """A shape as the calls that made it."""
    return model.__name__ + "".join(_call(*operation) for operation in shape)


def _call(kind: str, *parts: Any) -> str:
    if kind == "slice":
        return "[…]"
    if kind == "combine":
        return f".{parts[0]}(…)"
    name, arguments = _CALLS.get(kind, (kind, _plain))
    if kind == "where":
        name = "exclude" if parts[0] else "filter"
    return f".{name}({', '.join(arguments(*parts))})"


def _plain(*parts: Any) -> Iterable[str]:
    """Names in a call's arguments; what is no name is left out."""
    for part in parts:
        if isinstance(part, tuple):
            yield from (each for each in part if isinstance(each, str))


def _named(pairs: Iterable[Any], *_: Any) -> Iterable[str]:
    """The names of lookups, annotations or assignments."""
    return (each if isinstance(each, str) else str(each[0]) for each in pairs)


def _ordering(items: Iterable[Any]) -> Iterable[str]:
    return (each if isinstance(each, str) else "…" for each in items)


def _condition(*_: Any) -> Iterable[str]:
    return ("…",)


_CALLS: dict[str, Any] = {
    "aggregate": ("aggregate", _named),
    "alias": ("alias", _named),
    "annotate": ("annotate", _named),
    "exclude": ("exclude", _named),
    "filter": ("filter", _named),
    "insert": ("create", _named),
    "lock": ("select_for_update", _plain),
    "order": ("order_by", _ordering),
    "related": ("select_related", _plain),
    "sticky": ("filter", _named),
    "update": ("update", _named),
    "where": ("filter", _condition),
}
