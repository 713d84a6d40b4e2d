"""Pages that go on from a row instead of a number: page 1,000 costs what page 1 costs, and nothing is shown twice.

An offset makes the database walk over all rows before it, and rows that come or go meanwhile shift the pages. Here the
condition says "behind this row in the order", which an index answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from vivace.orm.exceptions import FieldError, ValidationError
from vivace.orm.expressions.base import OrderBy
from vivace.orm.expressions.conditions import Q
from vivace.orm.pagination.cursors import Direction, InvalidCursor, decode, encode
from vivace.orm.pagination.pages import RowsOfPage

if TYPE_CHECKING:
    from vivace.orm.query.queryset import QuerySet

T = TypeVar("T")

__all__ = ["InvalidCursor", "KeysetPage", "KeysetPaginator"]


class KeysetPage(RowsOfPage[T]):
    """The rows of one page, and the cursors of those beside it: None where there is none."""

    def __init__(self, object_list: Sequence[T], *, next: str | None, previous: str | None) -> None:
        super().__init__(object_list)
        self.next, self.previous = next, previous

    def __repr__(self) -> str:
        return f"<KeysetPage of {len(self.object_list)}>"

    def has_next(self) -> bool:
        return self.next is not None

    def has_previous(self) -> bool:
        return self.previous is not None


class _Key(NamedTuple):
    """One column of the order."""

    name: str
    descending: bool
    nulls_first: bool
    nullable: bool
    field: Any

    @property
    def attribute(self) -> str:
        return self.name if self.field is None else self.field.attname


class KeysetPaginator(Generic[T]):
    """Cuts an ordered queryset into pages of `per_page` rows, each found by the last row of the one before.

        page = await KeysetPaginator(Book.objects.order_by("-published"), 25).page(request.query_params.get("cursor"))

    The order is of the model's own columns and of annotations; the key is added when they leave rows equal. Nulls and
    mixed directions are in their places on every database. Raises FieldError for an order by anything else.
    """

    def __init__(self, queryset: QuerySet[T], per_page: int) -> None:
        if per_page < 1:
            raise ValueError(f"KeysetPaginator: per_page must be 1 or more, got {per_page}")
        queryset._refuse_slice("page")
        self.per_page = per_page
        self._keys = _keys_of(queryset)
        # The order is written out, so that all databases have the nulls where the conditions expect them.
        self._queryset = queryset._without("reverse").order_by(*(_clause(key) for key in self._keys))

    async def page(self, cursor: object = None) -> KeysetPage[T]:
        """The page that a cursor leads to; the first one without. Raises InvalidCursor for what is none."""
        if cursor is None or cursor == "":
            return await self._page("after", None)
        direction, values = decode(cursor, len(self._keys))
        return await self._page(direction, self._cleaned(values, cursor), cursor)

    async def get_page(self, cursor: object = None) -> KeysetPage[T]:
        """The page that a cursor leads to; the first one for what is none. Never raises for what a visitor wrote."""
        try:
            return await self.page(cursor)
        except InvalidCursor:
            return await self.page()

    apage, aget_page = page, get_page

    def _cleaned(self, values: list[Any], cursor: object) -> list[Any]:
        try:
            return [
                value if value is None or key.field is None else key.field.to_python(value)
                for key, value in zip(self._keys, values, strict=True)
            ]
        except (ValidationError, ValueError, TypeError, OverflowError):
            raise InvalidCursor(f"This is no cursor of this list: {str(cursor)[:40]!r}", cursor) from None

    async def _page(self, direction: Direction, values: list[Any] | None, cursor: object = None) -> KeysetPage[T]:
        forward = direction == "after"
        rows = self._queryset if forward else self._queryset.reverse()
        if values is not None:
            rows = rows.filter(_beyond(self._keys, values, forward=forward))
        try:
            found: list[Any] = await rows[: self.per_page + 1]
        except (ValueError, TypeError, OverflowError):
            if values is None:
                raise
            raise InvalidCursor(f"This is no cursor of this list: {str(cursor)[:40]!r}", cursor) from None
        more = len(found) > self.per_page
        found = found[: self.per_page]
        if not forward:
            found.reverse()
        came_from = values is not None
        has_next, has_previous = (more, came_from) if forward else (came_from, more)
        return KeysetPage(
            found,
            next=self._cursor("after", found[-1] if found else values) if has_next else None,
            previous=self._cursor("before", found[0] if found else values) if has_previous else None,
        )

    def _cursor(self, direction: Direction, row: Any) -> str:
        if isinstance(row, list):
            return encode(direction, row)
        return encode(direction, [_value(row, key) for key in self._keys])


def _value(row: Any, key: _Key) -> Any:
    if hasattr(row, "_meta"):
        return getattr(row, key.attribute)
    columns = row if isinstance(row, dict) else row._asdict() if hasattr(row, "_asdict") else {}
    for name in (key.name, key.attribute, *(("pk",) if key.field is not None and key.field.primary_key else ())):
        if name in columns:
            return columns[name]
    raise TypeError(
        f"A KeysetPaginator reads the order's columns from its rows: let values() or a named values_list() have "
        f'"{key.name}"'
    )


def _keys_of(queryset: QuerySet[Any]) -> list[_Key]:
    asked = [operation[1] for operation in queryset._shape if operation[0] == "order"]
    items = asked[-1] if asked else queryset.model._meta.ordering
    flipped = sum(operation[0] == "reverse" for operation in queryset._shape) % 2 == 1
    keys = [_key(queryset, item, flipped) for item in items]
    if not queryset.totally_ordered:
        keys.append(_key(queryset, "pk", flipped=False))
    return keys


def _key(queryset: QuerySet[Any], item: Any, flipped: bool) -> _Key:
    meta, nulls = queryset.model._meta, None
    if hasattr(item, "freeze"):
        item = item.freeze([])
    if isinstance(item, str):
        name, descending = item.removeprefix("-"), item.startswith("-")
    elif item[0] == "order" and item[1][0] == "F":
        name, descending, nulls = item[1][1], item[2], item[3]
    elif item[0] == "F":
        name, descending = item[1], False
    else:
        raise FieldError("A KeysetPaginator orders by columns: name the expression by annotate() and order by that")
    field = meta.pk if name == "pk" else meta.forward.get(name)
    annotated = any(
        name == each for operation in queryset._shape if operation[0] == "annotate" for each, _ in operation[1]
    )
    if field is None and not annotated:
        raise FieldError(
            f'A KeysetPaginator orders by columns of {meta.object_name}, not by "{name}": give that a name by '
            f'annotate(name=F("{name}")) and order by the name'
        )
    if field is not None and field.is_relation and name != field.attname:
        # Of a relation's name the order would be the related model's own.
        name = field.attname
    # As PostgreSQL has them: nulls are greater than all else.
    first = (nulls == "first") if nulls is not None else descending
    return _Key(name, descending != flipped, first != flipped, field is None or field.null, field)


def _clause(key: _Key) -> OrderBy:
    if not key.nullable:
        return OrderBy(key.name, descending=key.descending)
    return OrderBy(key.name, descending=key.descending, nulls_first=key.nulls_first, nulls_last=not key.nulls_first)


def _beyond(keys: Sequence[_Key], values: Sequence[Any], *, forward: bool) -> Q:
    """What is behind (or before) the row with these values: equal to it up to some column, and beyond it there."""
    condition: Q | None = None
    for key, value in reversed(list(zip(keys, values, strict=True))):
        beyond = _beyond_in(key, value, forward=forward)
        equal = _q(key, "isnull", True) if value is None else _q(key, "exact", value)
        parts = [part for part in (beyond, None if condition is None else equal & condition) if part is not None]
        condition = reduce(or_, parts) if parts else None
    first, value = keys[0], values[0]
    if condition is None:
        return Q(pk__in=())
    if value is None or first.nullable:
        return condition
    # Implied, and what an index on the first column can begin with.
    return _q(first, "lte" if first.descending == forward else "gte", value) & condition


def _beyond_in(key: _Key, value: Any, *, forward: bool) -> Q | None:
    """What is beyond the value in one column; None when nothing can be."""
    nulls_first = key.nulls_first == forward
    if value is None:
        return _q(key, "isnull", False) if nulls_first else None
    beyond = _q(key, "lt" if key.descending == forward else "gt", value)
    return beyond | _q(key, "isnull", True) if key.nullable and not nulls_first else beyond


def _q(key: _Key, lookup: str, value: Any) -> Q:
    lookups: dict[str, Any] = {f"{key.name}__{lookup}": value}
    return Q(**lookups)
