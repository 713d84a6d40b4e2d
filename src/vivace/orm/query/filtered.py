"""`FilteredRelation`: a relation joined under another name, of which only some rows count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.expressions.base import Expression
from vivace.orm.expressions.conditions import Q, Shape, lookup_names

if TYPE_CHECKING:
    from vivace.orm.query.joins import Join
    from vivace.orm.query.select import Select


class FilteredRelation(Expression):
    """In `annotate()`: a relation of which only the rows that meet a condition are joined.

        Author.objects.annotate(long=FilteredRelation("books", condition=Q(books__pages__gt=300)))

    From then on `long` and `long__title` are names like `books` and `books__title`. The condition becomes part of the
    join, so that rows without such related ones stay. Raises ValueError for what is no relation.
    https://docs.djangoproject.com/en/5.2/ref/models/querysets/#filteredrelation-objects
    """

    def __init__(self, relation_name: str, *, condition: Q | None = None) -> None:
        if not relation_name:
            raise ValueError("relation_name cannot be empty.")
        if condition is not None and not isinstance(condition, Q):
            raise ValueError("condition argument must be a Q() instance.")
        self.relation_name, self.condition = relation_name, Q() if condition is None else condition

    def freeze(self, values: list[Any]) -> Shape:
        for name in lookup_names(self.condition):
            _check_depth(name, self.relation_name)
        return ("filtered", self.relation_name, self.condition.freeze(values))

    def __repr__(self) -> str:
        return f"FilteredRelation({self.relation_name!r}, condition={self.condition!r})"


def _check_depth(name: str, relation: str) -> None:
    if name != relation and not name.startswith(f"{relation}__"):
        raise ValueError(
            f"FilteredRelation's condition is about the relation {relation!r} itself: write {relation}__{name}, "
            f"not {name}"
        )


def add_filtered(select: Select, name: str, shape: Shape) -> None:
    """Makes a filtered relation known to a SELECT under its name."""
    _, relation, condition = shape
    select.joins.filtered[name] = (relation.split("__"), lambda join: _condition(select, relation, condition, join))


def _condition(select: Select, relation: str, condition: Shape, join: Join) -> Any:
    """What the join's rows have to meet."""
    if not condition[3]:
        return None
    joins = select.joins
    known = len(joins.all)
    joins.standing_in = (relation.split("__"), join)
    try:
        clause, _ = select.filters.clause(condition, reuse=None)
    finally:
        joins.standing_in = None
    if any(made.parent is join for made in joins.all[known:]):
        raise ValueError(
            "FilteredRelation's condition doesn't support nested relations deeper than the relation_name "
            f"({relation!r})."
        )
    return clause
