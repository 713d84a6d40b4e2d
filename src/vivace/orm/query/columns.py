"""`Column`: what `Book.title` is. A field as a typed expression: compared, it gives a condition."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vivace.orm.query.conditions import Q
from vivace.orm.query.expressions import F

if TYPE_CHECKING:
    from vivace.orm.base import Model

T = TypeVar("T")


class Column(F, Generic[T]):
    """A model's field in an expression: `Book.title == "x"`, `Book.pages.between(1, 9)`, `Book.title.desc()`."""

    def __init__(self, model: type[Model], name: str) -> None:
        super().__init__(name)
        self.model = model

    def _is(self, lookup: str, value: Any) -> Q:
        return Q(**{f"{self.name}__{lookup}": value})

    def __eq__(self, other: T | F | None) -> Q:  # type: ignore[override]
        return self._is("exact", other)

    def __ne__(self, other: T | F | None) -> Q:  # type: ignore[override]
        return ~self._is("exact", other)

    __hash__ = F.__hash__

    def __lt__(self, other: T | F) -> Q:
        return self._is("lt", other)

    def __le__(self, other: T | F) -> Q:
        return self._is("lte", other)

    def __gt__(self, other: T | F) -> Q:
        return self._is("gt", other)

    def __ge__(self, other: T | F) -> Q:
        return self._is("gte", other)

    def in_(self, values: Iterable[T]) -> Q:
        """One of `values`, or of a queryset's rows."""
        return self._is("in", values)

    def between(self, first: T | F, last: T | F) -> Q:
        """From `first` to `last`, both included."""
        return self._is("range", (first, last))

    def is_null(self, is_null: bool = True) -> Q:
        """Null; or not null, with False."""
        return self._is("isnull", is_null)

    def iexact(self, text: str) -> Q:
        """Equal but for case."""
        return self._is("iexact", text)

    def contains(self, text: str) -> Q:
        """Has `text` in it."""
        return self._is("contains", text)

    def icontains(self, text: str) -> Q:
        """Has `text` in it, in any case."""
        return self._is("icontains", text)

    def startswith(self, text: str) -> Q:
        """Begins with `text`."""
        return self._is("startswith", text)

    def istartswith(self, text: str) -> Q:
        """Begins with `text`, in any case."""
        return self._is("istartswith", text)

    def endswith(self, text: str) -> Q:
        """Ends with `text`."""
        return self._is("endswith", text)

    def iendswith(self, text: str) -> Q:
        """Ends with `text`, in any case."""
        return self._is("iendswith", text)

    def regex(self, pattern: str) -> Q:
        """Matches a regular expression of the database."""
        return self._is("regex", pattern)

    def __getattr__(self, name: str) -> Column[Any]:
        # `Book.author.name`: a field of the relation's model.
        if name.startswith("_"):
            raise AttributeError(name)
        field = self.model._meta.get_field(self.name.rpartition("__")[2])
        target = field.related_model
        if target is None:
            raise AttributeError(f"{self.model.__name__}.{self.name} has no attribute {name!r}")
        target._meta.get_field(name)
        column: Column[Any] = Column(target, f"{self.name}__{name}")
        return column

    def __repr__(self) -> str:
        return f"<Column: {self.model.__name__}.{self.name}>"
