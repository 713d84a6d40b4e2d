"""`Q` and the splitting of lookups into shape and values.

A shape is nested tuples of names; a value never stands in it, so that one compiled statement serves every value. A
lookup's shape is its name alone when its value is plain, else a tuple that says what stands in the value's place:

    "title__contains"                       one value
    ("author", "null")                      None
    ("author__isnull", "flag", True)        a flag, which is part of the SQL
    ("pages__gt", "expression", shape)      F("words"), a subquery, ...
    ("pages__range", "pair", low, high)     two operands, each "value" or an expression's shape
    ("pages__in", "items", shapes)          a list in which expressions stand
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

Shape = tuple[Any, ...]
LookupShape = str | Shape

PLAIN = frozenset({str, int, float, bytes, dt.datetime, dt.date, dt.time, dt.timedelta, decimal.Decimal, uuid.UUID})
"""Types whose values never change the SQL."""


class Combinable:
    """What `&`, `|`, `^` and `~` combine into a `Q`."""

    def _as_q(self) -> Q:
        raise NotImplementedError

    def freeze(self, values: list[Any]) -> Shape:
        """The shape; values are appended to `values` in the order in which the shape names them."""
        raise NotImplementedError

    @property
    def default_alias(self) -> str:
        """The name in `annotate()` and `aggregate()` when none is given."""
        raise TypeError(f"{type(self).__name__} needs a name here: annotate(name=…)")

    def __and__(self, other: Combinable) -> Q:
        return self._as_q()._combine(other, "and")

    def __or__(self, other: Combinable) -> Q:
        return self._as_q()._combine(other, "or")

    def __xor__(self, other: Combinable) -> Q:
        return self._as_q()._combine(other, "xor")

    def __invert__(self) -> Q:
        return Q._make([self._as_q()], "and", negated=True)


class Q(Combinable):
    """Conditions joined by AND, OR or XOR, possibly negated: `Q(done=True) | ~Q(title__startswith="x")`."""

    __slots__ = ("children", "connector", "negated")

    children: list[Any]
    connector: Literal["and", "or", "xor"]
    negated: bool

    def __init__(
        self,
        *conditions: Combinable | tuple[str, Any],
        _connector: str | None = None,
        _negated: bool = False,
        **lookups: Any,
    ):
        for condition in conditions:
            if not isinstance(condition, Combinable) and not _is_lookup(condition):
                raise TypeError(f"Q() takes conditions and lookups, such as Q(title='x'), got {condition!r}")
        connector = (_connector or "and").lower()
        if connector not in ("and", "or", "xor"):
            raise ValueError(f"Q joins by AND, OR or XOR, not by {_connector!r}")
        self.children = [*conditions, *lookups.items()]
        self.connector = connector  # type: ignore[assignment]  # checked above
        self.negated = _negated

    @classmethod
    def _make(cls, children: list[Any], connector: Literal["and", "or", "xor"], *, negated: bool = False) -> Q:
        made = cls()
        made.children, made.connector, made.negated = children, connector, negated
        return made

    def _as_q(self) -> Q:
        return self

    def __bool__(self) -> bool:
        return bool(self.children)

    def _combine(self, other: Combinable, connector: Literal["and", "or", "xor"]) -> Q:
        if not isinstance(other, Combinable):
            raise TypeError(f"A condition can be combined with another one, not with {other!r}")
        right = other._as_q()
        if not self:
            return right
        if not right:
            return self
        children: list[Any] = []
        for part in (self, right):
            if part.connector == connector and not part.negated and connector != "xor":
                children.extend(part.children)
            else:
                children.append(part)
        return Q._make(children, connector)

    def freeze(self, values: list[Any]) -> Shape:
        """The shape; the values are appended to `values` in the order in which the shape names them."""
        children = tuple(freeze_child(child, values) for child in self.children)
        return ("Q()", self.connector, self.negated, children)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Q):
            return NotImplemented
        return (self.connector, self.negated, self.children) == (other.connector, other.negated, other.children)

    def __hash__(self) -> int:
        values: list[Any] = []
        return hash(self.freeze(values))

    def __repr__(self) -> str:
        inner = f" {self.connector.upper()} ".join(
            repr(child) if isinstance(child, Combinable) else f"{child[0]}={child[1]!r}" for child in self.children
        )
        return f"{'~' if self.negated else ''}Q({inner})"


def _is_lookup(condition: object) -> bool:
    """Whether it is a pair of a lookup's name and a value, `Q(("title", "x"))`."""
    return isinstance(condition, tuple) and len(condition) == 2 and isinstance(condition[0], str)


def freeze_child(child: Any, values: list[Any]) -> LookupShape:
    """The shape of a `Q`, of a `(name, value)` pair or of an expression that is a condition."""
    if child.__class__ is tuple:
        return freeze_lookup(child[0], child[1], values)
    if isinstance(child, Q):
        return child.freeze(values)
    return ("condition()", child.freeze(values))


def freeze_lookups(lookups: Mapping[str, Any], values: list[Any]) -> tuple[LookupShape, ...]:
    """The shapes of keyword lookups."""
    return tuple(freeze_lookup(name, value, values) for name, value in lookups.items())


def freeze_lookup(name: str, value: Any, values: list[Any]) -> LookupShape:
    """The shape of one lookup."""
    if value.__class__ in PLAIN:
        values.append(value)
        return name
    if value is None:
        return (name, "null")
    if value is True or value is False:
        if name.endswith("__isnull"):
            return (name, "flag", value)
        values.append(value)
        return name
    if hasattr(value, "freeze"):
        return (name, "expression", value.freeze(values))
    if name.endswith("__range"):
        return _freeze_range(name, value, values)
    if name.endswith("__in"):
        return _freeze_items(name, value, values)
    values.append(value)
    return name


def _freeze_range(name: str, value: Any, values: list[Any]) -> Shape:
    try:
        low, high = value
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} takes two values, (first, last), got {value!r}") from error
    return (name, "pair", freeze_operand(low, values), freeze_operand(high, values))


def freeze_operand(value: Any, values: list[Any]) -> Any:
    """ "value" when a value stands here, else the expression's shape."""
    if hasattr(value, "freeze"):
        return value.freeze(values)
    values.append(value)
    return "value"


def _freeze_items(name: str, value: Any, values: list[Any]) -> LookupShape:
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise TypeError(f"{name} takes a list of values or a queryset, got {value!r}")
    items = tuple(value)
    if any(hasattr(item, "freeze") for item in items):
        return (name, "items", tuple(freeze_operand(item, values) for item in items))
    values.append(items)
    return name


def lookup_names(q: Q) -> Iterator[str]:
    """The names of all lookups in a condition."""
    for child in q.children:
        if isinstance(child, Q):
            yield from lookup_names(child)
        elif child.__class__ is tuple:
            yield child[0]
