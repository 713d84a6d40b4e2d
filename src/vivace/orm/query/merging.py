"""`books & others`, `books | others`, `books ^ others`: the conditions of two querysets in one.

For sets of rows that come from different tables or have their own order and slice there is `union()` and the like.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal

from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.numbering import number_shape
from vivace.orm.query.state import QueryState

Operation = tuple[Shape, tuple[Any, ...]]
"""One operation of a shape, with its values."""

_CONDITIONS = frozenset({"filter", "exclude", "where"})
# What says which columns are loaded and how, and nothing about which rows there are.
_INDIFFERENT = frozenset({"defer", "fetch_mode", "lock", "only", "order", "related", "reverse"})


def merged(left: QueryState[Any], right: QueryState[Any], connector: Literal["and", "or", "xor"]) -> Any:
    """The queryset of rows that both have, that either has, or that exactly one has. Raises TypeError as Django does.

    What else was asked of `left` stays; the order is that of `right`, if it has one. Where a side cannot be said by
    its conditions alone (it has a slice, or annotations), its rows are told by their keys.
    """
    if left.model._meta.concrete_model is not right.model._meta.concrete_model:
        raise TypeError("Cannot combine queries on two different base models.")
    if _distinct(left) != _distinct(right):
        raise TypeError("Cannot combine a unique query with a non-unique query.")
    if connector == "and":
        left._refuse_slice("combine")
        right._refuse_slice("combine")
    own, order = _operations(left), [each for each in _operations(right) if each[0][0] in ("order", "reverse")]
    if any(operation[0] == "order" for operation, _ in order):
        own = [each for each in own if each[0][0] not in ("order", "reverse")]
    else:
        order = []
    if connector == "and":
        operations = [*own, *_conditions(right), *order]
    else:
        condition = _either(_conditions(left), _conditions(right), connector)
        kept = [each for each in own if each[0][0] not in _CONDITIONS]
        operations = [*kept, *([] if condition is None else [condition]), *order]
    made = left._clone()
    made._low, made._high = 0, None
    made._shape = tuple([shape for shape, _ in operations])
    made._values = tuple(itertools.chain.from_iterable(values for _, values in operations))
    return made


def _distinct(queryset: QueryState[Any]) -> Shape:
    return tuple(operation for operation in queryset._shape if operation[0] == "distinct")


def _operations(queryset: QueryState[Any]) -> list[Operation]:
    """The operations of a shape, each with its own values."""
    found: list[Operation] = []
    start = 0
    for operation in queryset._shape:
        counter = itertools.count()
        number_shape((operation,), counter)
        end = start + next(counter)
        found.append((operation, queryset._values[start:end]))
        start = end
    return found


def _is_plain(queryset: QueryState[Any]) -> bool:
    kinds = {operation[0] for operation in queryset._shape}
    return not queryset._is_sliced and kinds <= _CONDITIONS | _INDIFFERENT | {"distinct"}


def _by_key(queryset: QueryState[Any]) -> Operation:
    """The condition that a row's key is one of the queryset's."""
    values: list[Any] = []
    chosen = queryset._with(("values", ("pk",), "tuple")).freeze(values)
    return ("filter", (("pk__in", "expression", chosen),)), tuple(values)


def _conditions(queryset: QueryState[Any]) -> list[Operation]:
    if not _is_plain(queryset):
        return [_by_key(queryset)]
    return [each for each in _operations(queryset) if each[0][0] in _CONDITIONS]


def _either(left: list[Operation], right: list[Operation], connector: str) -> Operation | None:
    """One condition of both sides; None for no condition. A side without any means all rows."""
    sides = [side for side in (left, right) if side]
    if len(sides) < 2:
        if connector == "or" or not sides:
            # All rows or some are all rows; all rows but all rows are none.
            return None if connector == "or" else (("where", True, _all_rows()), ())
        return ("where", True, _condition(sides[0])), _values(sides[0])
    return ("where", False, ("Q()", connector, False, tuple(map(_condition, sides)))), (*_values(left), *_values(right))


def _all_rows() -> Shape:
    return ("Q()", "and", False, (("pk__isnull", "flag", False),))


def _condition(side: list[Operation]) -> Shape:
    return ("Q()", "and", False, tuple(_as_condition(operation) for operation, _ in side))


def _as_condition(operation: Shape) -> Shape:
    if operation[0] == "where":
        return ("Q()", "and", True, (operation[2],)) if operation[1] else operation[2]
    return ("Q()", "and", operation[0] == "exclude", operation[1])


def _values(side: list[Operation]) -> tuple[Any, ...]:
    return tuple(itertools.chain.from_iterable(values for _, values in side))
