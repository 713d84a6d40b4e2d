"""`Column`: what `Book.title` is. A field as a typed expression: compared, it gives a condition."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vivace.orm.expressions.base import Expression, F
from vivace.orm.expressions.conditions import Q
from vivace.orm.fields.base import Field
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.base import Model

T = TypeVar("T")


class Column(F, Generic[T]):
    """A model's field in an expression: `Book.title == "x"`, `Book.pages.between(1, 9)`, `Book.title.desc()`."""

    def __init__(self, model: type[Model], name: str, field: Any = None) -> None:
        super().__init__(name)
        self._model = model
        self._given_field = field

    @property
    def _field(self) -> Any:
        """The field or relation that says what can be asked of the value; None when nobody knows."""
        if self._given_field is not None or "__" in self._path:
            return self._given_field
        return self._model._meta.get_field(self._path)

    @property
    def name(self) -> Any:
        """The path; or the column of a related model's field of that name, as in `Book.author.name`."""
        field = self._field
        target = None if field is None else field.related_model
        if target is not None and "name" in target._meta.names:
            return self.__getattr__("name")
        return self._path

    def _is(self, lookup: str, value: Any) -> Q:
        return Q(**{f"{self._path}__{lookup}": value})

    def __eq__(self, other: T | Expression | None) -> Q:  # type: ignore[override]
        return self._is("exact", other)

    def __ne__(self, other: T | Expression | None) -> Q:  # type: ignore[override]
        return ~self._is("exact", other)

    __hash__ = F.__hash__

    def __lt__(self, other: T | Expression) -> Q:
        return self._is("lt", other)

    def __le__(self, other: T | Expression) -> Q:
        return self._is("lte", other)

    def __gt__(self, other: T | Expression) -> Q:
        return self._is("gt", other)

    def __ge__(self, other: T | Expression) -> Q:
        return self._is("gte", other)

    def lookup(self, name: str, value: Any) -> Q:
        """Any lookup by its name, for those that are not methods here, such as your own."""
        return self._is(name, value)

    def exact(self, value: T | Expression | None) -> Q:
        """Equal; None means null."""
        return self._is("exact", value)

    def in_(self, values: Iterable[T] | Iterable[T | Expression]) -> Q:
        """One of `values`, or of a queryset's rows."""
        return self._is("in", values)

    def between(self, first: T | Expression, last: T | Expression) -> Q:
        """From `first` to `last`, both included: the lookup `range`."""
        return self._is("range", (first, last))

    def is_null(self, is_null: bool = True) -> Q:
        """Null; or not null, with False. At a JSON key: no such key."""
        return self._is("isnull", is_null)

    def iexact(self, text: str | Expression) -> Q:
        """Equal but for case."""
        return self._is("iexact", text)

    def contains(self, value: Any) -> Q:
        """Has the text in it; of JSON documents and arrays: has these pairs or items."""
        return self._is("contains", value)

    def icontains(self, text: str | Expression) -> Q:
        """Has `text` in it, in any case."""
        return self._is("icontains", text)

    def startswith(self, text: Any) -> Q:
        """Begins with `text`."""
        return self._is("startswith", text)

    def istartswith(self, text: str | Expression) -> Q:
        """Begins with `text`, in any case."""
        return self._is("istartswith", text)

    def endswith(self, text: Any) -> Q:
        """Ends with `text`."""
        return self._is("endswith", text)

    def iendswith(self, text: str | Expression) -> Q:
        """Ends with `text`, in any case."""
        return self._is("iendswith", text)

    def regex(self, pattern: str | Expression) -> Q:
        """Matches a regular expression of the database."""
        return self._is("regex", pattern)

    def iregex(self, pattern: str | Expression) -> Q:
        """Matches a regular expression of the database, in any case."""
        return self._is("iregex", pattern)

    def search(self, query: Any) -> Q:
        """Matches a full-text query; PostgreSQL."""
        return self._is("search", query)

    def contained_by(self, value: Any) -> Q:
        """Has nothing but these pairs or items; JSON documents, arrays and ranges."""
        return self._is("contained_by", value)

    def overlap(self, value: Any) -> Q:
        """Has something in common with an array or range."""
        return self._is("overlap", value)

    def has_key(self, key: str) -> Q:
        """Has a key; JSON documents and HStore."""
        return self._is("has_key", key)

    def has_keys(self, keys: Iterable[str]) -> Q:
        """Has all of these keys; JSON documents and HStore."""
        return self._is("has_keys", list(keys))

    def has_any_keys(self, keys: Iterable[str]) -> Q:
        """Has one or more of these keys; JSON documents and HStore."""
        return self._is("has_any_keys", list(keys))

    def __getitem__(self, key: Any) -> Any:
        """What is at a key or place of a JSON document or array: `Book.data["owner"][0]`; else as `F`'s slices."""
        field = self._field
        if isinstance(key, str | int) and isinstance(field, Field) and type(field).transform_of_any_name is not None:
            transform = field.get_transform(str(key))
            return self._step(str(key), getattr(transform, "output_field", None))
        return super().__getitem__(key)

    if TYPE_CHECKING:
        # Transforms of dates and times; any other, such as your own, is an attribute too.
        year: Column[int]
        iso_year: Column[int]
        quarter: Column[int]
        month: Column[int]
        week: Column[int]
        day: Column[int]
        week_day: Column[int]
        iso_week_day: Column[int]
        hour: Column[int]
        minute: Column[int]
        second: Column[int]
        date: Column[dt.date]
        time: Column[dt.time]

    def __getattr__(self, name: str) -> Column[Any]:
        # `Book.author.name`: a field of the relation's model; `Book.published.year`: a transform.
        if name.startswith("_"):
            raise AttributeError(name)
        field = self._field
        target = None if field is None else field.related_model
        if target is not None:
            return self._step(name, target._meta.get_field(name), target)
        registered = field.get_lookups() if isinstance(field, Field) else {}
        transforms = {each: found for each, found in registered.items() if not found.is_lookup}
        if name not in transforms:
            known = did_you_mean(name, transforms, listed_as="Transforms")
            raise AttributeError(f"{self._model.__name__}.{self._path} has no attribute {name!r}. {known}")
        return self._step(name, transforms[name].output_field or field)

    def _step(self, name: str, field: Any, model: type[Model] | None = None) -> Column[Any]:
        made: Column[Any] = Column(model or self._model, f"{self._path}__{name}", field)
        return made

    def __repr__(self) -> str:
        return f"<Column: {self._model.__name__}.{self._path}>"
