"""`union()`, `intersection()` and `difference()`, and what may be done with their result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

from vivace.orm.exceptions import NotSupportedError
from vivace.orm.expressions.conditions import Shape
from vivace.orm.query.merging import merged
from vivace.orm.query.shortcuts import ShortcutQuery
from vivace.orm.query.state import QueryState

if TYPE_CHECKING:
    pass

M = TypeVar("M", covariant=True)

# What would have to reach into the parts. Order, slices, values() and reading are done with the whole.
_REFUSED = (
    "__and__",
    "__or__",
    "__xor__",
    "alias",
    "annotate",
    "contains",
    "dates",
    "datetimes",
    "defer",
    "delete",
    "distinct",
    "exclude",
    "extra",
    "filter",
    "only",
    "select_for_update",
    "select_related",
    "sticky",
    "update",
)


class CombinableQuery(ShortcutQuery[M]):
    """A queryset as a set of rows that can be combined with others."""

    __slots__ = ()

    def __and__(self, other: QueryState[Any]) -> Self:
        """The rows that both have."""
        if not isinstance(other, QueryState):
            return NotImplemented
        if self._is_none or other._is_none:
            return cast("Self", other if other._is_none else self)
        return cast("Self", merged(self, other, "and"))

    def __or__(self, other: QueryState[Any]) -> Self:
        """The rows that either has."""
        if not isinstance(other, QueryState):
            return NotImplemented
        if self._is_none or other._is_none:
            return cast("Self", other if self._is_none else self)
        return cast("Self", merged(self, other, "or"))

    def __xor__(self, other: QueryState[Any]) -> Self:
        """The rows that exactly one of them has."""
        if not isinstance(other, QueryState):
            return NotImplemented
        if self._is_none or other._is_none:
            return cast("Self", other if self._is_none else self)
        return cast("Self", merged(self, other, "xor"))

    def union(self, *other_qs: QueryState[Any], all: bool = False) -> Self:
        """The rows of this and of the others; what occurs several times once, unless `all`.

        The querysets may be of different models as long as their columns fit. Behind it, only an order, slices,
        `values()` and what reads may follow; all else raises NotSupportedError. Source:
        https://docs.djangoproject.com/en/stable/ref/models/querysets/#union
        """
        queries: tuple[QueryState[Any], ...] = (self, *other_qs)
        given = [query for query in queries if not query._is_none]
        if not given:
            return self
        # As in Django, an empty queryset leaves the others as they are, even if they are of another model.
        return cast("Self", given[0] if len(given) == 1 else _combined("union", all, given))

    def intersection(self, *other_qs: QueryState[Any]) -> Self:
        """The rows that this queryset and all the others have; what may follow is said at `union`."""
        queries: tuple[QueryState[Any], ...] = (self, *other_qs)
        for query in queries:
            if query._is_none:
                return cast("Self", query)
        return cast("Self", _combined("intersection", False, queries)) if other_qs else self

    def difference(self, *other_qs: QueryState[Any]) -> Self:
        """The rows of this queryset that none of the others has; what may follow is said at `union`."""
        others = [query for query in other_qs if not query._is_none]
        return self if self._is_none or not others else cast("Self", _combined("difference", False, (self, *others)))


def _combined(kind: str, keeps_all: bool, queries: Sequence[QueryState[Any]]) -> QueryState[Any]:
    values: list[Any] = []
    made = queries[0]._clone()
    made._shape = (("combine", kind, keeps_all, tuple([query.freeze(values) for query in queries])),)
    made._values = tuple(values)
    made._low, made._high, made._known = 0, None, None
    if not isinstance(made, _Combined):
        made.__class__ = _combined_class(cast("Any", type(made)))
    return made


class _Combined:
    """Marks the class of a queryset that is a compound. A class of its own costs the others no check."""

    __slots__ = ()


@lru_cache(maxsize=256)
def _combined_class(queryset_class: Any) -> Any:
    namespace: dict[str, Any] = {name: _refusal(name) for name in _REFUSED}
    namespace |= {
        "__doc__": queryset_class.__doc__,
        "__module__": queryset_class.__module__,
        "__qualname__": queryset_class.__qualname__,
        "__reduce__": lambda self: (_blank, (queryset_class,), self.__getstate__()),
        "__slots__": (),
    }
    return type(queryset_class.__name__, (queryset_class, _Combined), namespace)


def _blank(queryset_class: type[QueryState[Any]]) -> QueryState[Any]:
    made: QueryState[Any] = object.__new__(_combined_class(cast("Any", queryset_class)))
    return made


def _refusal(name: str) -> Callable[..., NoReturn]:
    def refuse(self: QueryState[Any], *args: Any, **kwargs: Any) -> NoReturn:
        combine: Shape = self._shape[0]
        raise NotSupportedError(f"Calling QuerySet.{name}() after {combine[1]}() is not supported.")

    refuse.__name__ = name
    return refuse
