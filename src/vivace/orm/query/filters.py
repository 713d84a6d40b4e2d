"""WHERE and HAVING: conditions into SQL, with Django's meaning of negation over nulls and over relations to many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement, and_, not_, or_

from vivace.orm.exceptions import FieldError, unknown_field
from vivace.orm.query import lookups
from vivace.orm.query.conditions import Shape
from vivace.orm.query.joins import Join, ManyInPath, Target
from vivace.orm.query.lookups import transforms_of
from vivace.orm.query.operand import Operand
from vivace.orm.query.operands import build

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.query.select import Select

Clause = ColumnElement[bool]


class Filters:
    """The conditions of one SELECT."""

    def __init__(self, select: Select) -> None:
        self.select = select
        self.plain_in_having: list[ColumnElement[Any]] = []
        """Columns that stand beside an aggregate in HAVING, and so must be grouped by."""
        self._plain: list[ColumnElement[Any]] = []
        """The columns of the conjunct that is being built."""

    def add(self, condition: Shape) -> None:
        """One call of filter() or exclude(): its lookups share the joins of relations to many."""
        reuse: set[Join] = set()
        for part in self._conjuncts(condition):
            self._plain = []
            clause, aggregate = self.clause(part, reuse, is_conjunct=True)
            if aggregate:
                self.plain_in_having += self._plain
                self.select.having.append(clause)
            else:
                self.select.where.append(clause)

    def _conjuncts(self, condition: Shape) -> list[Shape]:
        if condition[0] == "q" and condition[1] == "and" and not condition[2]:
            return [part for child in condition[3] for part in self._conjuncts(child)]
        return [condition]

    def clause(
        self,
        condition: Shape,
        reuse: set[Join] | None,
        *,
        negated: bool = False,
        in_negation: bool = False,
        is_conjunct: bool = False,
    ) -> tuple[Clause, bool]:
        """The SQL of a condition, and whether an aggregate is in it.

        `negated` says whether an odd number of negations is around it, `in_negation` whether any is; `is_conjunct`,
        that rows for which it is not true are dropped.
        """
        if condition[0] == "condition":
            operand = build(condition[1], self.select)
            return operand.element, operand.aggregate
        if condition[0] != "q":
            return self._lookup(condition, reuse, negated=negated, in_negation=in_negation, is_conjunct=is_conjunct)
        _, connector, is_negated, children = condition
        children = [child for child in children if not _is_empty(child)]
        negated, in_negation = negated != is_negated, in_negation or is_negated
        built = [self.clause(child, reuse, negated=negated, in_negation=in_negation) for child in children]
        if not built:
            return sqlalchemy.true(), False
        clause = _JOINED[connector]([clause for clause, _ in built])
        return (not_(clause.self_group()) if is_negated else clause), any(aggregate for _, aggregate in built)

    # One lookup

    def _lookup(
        self, lookup: Shape, reuse: set[Join] | None, *, negated: bool, in_negation: bool, is_conjunct: bool
    ) -> tuple[Clause, bool]:
        path, kind, payload = lookup
        try:
            operand, name, target = self._left(path, reuse, allow_many=not in_negation)
        except ManyInPath:
            return self._split(lookup), False
        if not operand.aggregate:
            self._plain.append(operand.element)
        if kind == "null":
            if name not in ("exact", "iexact"):
                raise ValueError(
                    f"{path}: None can be compared only for equality; use {path.rsplit('__', 1)[0]}__isnull"
                )
            return lookups.is_null(operand, True), operand.aggregate
        if name == "isnull":
            if kind != "flag":
                raise ValueError(f"{path} takes True or False")
            return lookups.is_null(operand, payload), operand.aggregate
        if name == "range" and kind == "value":
            raise ValueError(f"{path} takes two values, (first, last), not one")
        clause, nullable, aggregate = self._compare(operand, name, kind, payload, target)
        if is_conjunct and target is not None:
            target.join.require()
        if negated and (operand.nullable or nullable is not None):
            # NOT (x = 1) is not true for NULL, but exclude(x=1) keeps rows without an x.
            present = [lookups.is_null(operand, False)] if operand.nullable else []
            clause = and_(clause, *present, *([lookups.is_null(nullable, False)] if nullable is not None else []))
        return clause, operand.aggregate or aggregate

    def _compare(
        self, operand: Operand, name: str, kind: str, payload: Any, target: Target | None
    ) -> tuple[Clause, Operand | None, bool]:
        """The clause; the right side if it can be null; whether an aggregate is on the right side."""
        select, dialect = self.select, self.select.binds.dialect
        key = _key_function(target) if target is not None and target.is_relation else None
        if kind == "value":
            if name == "in":
                return self._in_values(operand, payload, key), None, False
            if key is None and name in _YEARS and self._year is not None:
                ranged = lookups.year_range(select.binds, payload, self._year, name, dialect)
                if ranged is not None:
                    return ranged, None, False
            other = lookups.parameter(select.binds, payload, operand, name, key)
            return lookups.compare(operand, name, other, dialect), None, False
        if kind == "pair":
            low, high = (self._side(side, operand, key) for side in payload)
            return operand.element.between(low.element, high.element), None, low.aggregate or high.aggregate
        if kind == "items":
            sides = [self._side(side, operand, key) for side in payload]
            return operand.element.in_([side.element for side in sides]), None, any(side.aggregate for side in sides)
        if name == "in":
            if payload[0] != "queryset":
                raise TypeError("__in takes a list of values or a queryset")
            statement, _ = select.subselect(payload)
            if dialect == "mysql" and statement._limit_clause is not None:
                # Neither server takes a LIMIT there, but both do one level below.
                statement = sqlalchemy.select(*statement.subquery().c)
            return operand.element.in_(statement), None, False
        right = build(payload, select)
        return self._against(operand, name, right), right if right.nullable else None, right.aggregate

    def _against(self, operand: Operand, name: str, right: Operand) -> Clause:
        """A lookup whose right side is SQL too."""
        dialect = self.select.binds.dialect
        wrap = _WRAPPED.get(name)
        if wrap is None:
            return lookups.compare(operand, name, right.element, dialect)
        element: Any = sqlalchemy.cast(right.element, sqlalchemy.Text())
        for special in ("\\", "%", "_"):
            # In a string of MySQL, a backslash is written as two.
            mark = "\\\\" if dialect == "mysql" else "\\"
            quoted: Any = sqlalchemy.literal_column(f"'{mark if special == mark[0] else special}'")
            escaped: Any = sqlalchemy.literal_column(f"'{mark}{mark if special == mark[0] else special}'")
            element = sqlalchemy.func.replace(element, quoted, escaped)
        return lookups.compare(operand, name, wrap(element), dialect)

    def _side(self, side: Shape, operand: Operand, key: Callable[[Any], Any] | None) -> Operand:
        if side[0] == "slot":
            element = lookups.parameter(self.select.binds, side[1], operand, "exact", key)
            return Operand(element, operand.field, nullable=False)
        return build(side, self.select)

    def _in_values(self, operand: Operand, slot: int, key: Callable[[Any], Any] | None) -> Clause:
        return lookups.in_values(self.select.binds, slot, operand, key)

    # The left side

    _year: Operand | None = None

    def _left(self, path: str, reuse: set[Join] | None, *, allow_many: bool) -> tuple[Operand, str, Target | None]:
        self._year = None
        operand, rest, target = self._resolve(path, reuse, allow_many=allow_many)
        name = "exact"
        while rest:
            part = rest.pop(0)
            if part in transforms_of(operand.field) and not (target is not None and target.is_relation):
                self._year = operand if part == "year" else None
                operand = lookups.transform(operand, part, self.select.binds.dialect)
                continue
            if rest or part not in lookups.LOOKUPS:
                if target is not None and target.is_relation and target.related_model is not None:
                    meta = target.related_model._meta
                    raise unknown_field(meta.object_name, part, meta.field_names)
                lookups.check_lookup(part, operand.field, path)
                raise FieldError(f'"{part}" ends a lookup, but more follows it in {path!r}')
            name = part
        return operand, name, target

    def _resolve(
        self, path: str, reuse: set[Join] | None, *, allow_many: bool = True
    ) -> tuple[Operand, list[str], Target | None]:
        select = self.select
        if path in select.annotations:
            return select.annotations[path], [], None
        parts = path.split("__")
        # An annotation's name may itself have "__" in it: the longest one counts.
        for end in range(len(parts), 0, -1):
            annotation = select.annotations.get("__".join(parts[:end]))
            if annotation is not None:
                return annotation, parts[end:], None
        if parts[0] not in select.model._meta.names and parts[0] != "pk":
            meta = select.model._meta
            raise unknown_field(meta.object_name, parts[0], [*meta.field_names, *select.annotations])
        target = select.joins.walk(parts, reuse=reuse, allow_many=allow_many)
        return Operand(target.column, target.field, target.nullable), target.rest, target

    def operand(self, name: str, reuse: set[Join] | None = None) -> Operand:
        """The operand of a name without a lookup, as `F()`, `values()` and `order_by()` take it."""
        operand, rest, target = self._resolve(name, reuse)
        for part in rest:
            if part not in transforms_of(operand.field):
                if target is not None and target.is_relation and target.related_model is not None:
                    meta = target.related_model._meta
                    raise unknown_field(meta.object_name, part, meta.field_names)
                raise unknown_field(f"{type(operand.field).__name__} {name!r}", part, transforms_of(operand.field))
            operand = lookups.transform(operand, part, self.select.binds.dialect)
        return operand

    def _split(self, lookup: Shape) -> Clause:
        """A negated condition across a relation to many: not "some row is not so", but "no row is so"."""
        select = self.select
        inner = type(select)(select.model, select.binds, outer=select)
        inner.filters.add(("q", "and", False, (lookup,)))
        own, outer = inner.operand_of("pk").element, select.operand_of("pk").element
        inner.where.append(own == outer)
        clause: Clause = inner.statement([sqlalchemy.literal_column("1")]).exists()
        return clause


def _is_empty(condition: Shape) -> bool:
    """Whether it is a `Q` without conditions, which means nothing, negated or not."""
    return condition[0] == "q" and all(_is_empty(child) for child in condition[3])


_YEARS = frozenset({"exact", "gt", "gte", "lt", "lte"})


def _xor(clauses: list[Clause]) -> Clause:
    one: Any = sqlalchemy.literal_column("1")
    zero: Any = sqlalchemy.literal_column("0")
    two: Any = sqlalchemy.literal_column("2")
    total: Any = sqlalchemy.case((clauses[0], one), else_=zero)
    for clause in clauses[1:]:
        total = total.op("+", precedence=7)(sqlalchemy.case((clause, one), else_=zero))
    return total.self_group().op("%", precedence=8)(two) == one  # type: ignore[no-any-return]


_JOINED: dict[str, Callable[[list[Clause]], Clause]] = {
    "and": lambda clauses: and_(*clauses),
    "or": lambda clauses: or_(*clauses),
    "xor": _xor,
}


def _percent(before: bool, after: bool) -> Callable[[Any], Any]:
    percent: Any = sqlalchemy.literal_column("'%'")

    def wrap(element: Any) -> Any:
        if before:
            element = percent.concat(element)
        return element.concat(percent) if after else element

    return wrap


_WRAPPED: dict[str, Callable[[Any], Any]] = {
    "iexact": _percent(False, False),
    "contains": _percent(True, True),
    "icontains": _percent(True, True),
    "startswith": _percent(False, True),
    "istartswith": _percent(False, True),
    "endswith": _percent(True, False),
    "iendswith": _percent(True, False),
}


def _key_function(target: Target) -> Callable[[Any], Any]:
    """From an instance given to a relation's lookup to its key. Raises ValueError for what cannot be one."""
    model: type[Model] = target.related_model  # type: ignore[assignment]  # only called for relations
    field = target.field
    attname = getattr(field, "target_field", field).attname
    name = getattr(field, "name", "")

    def key(value: Any) -> Any:
        if not hasattr(value, "_meta"):
            return value
        if not isinstance(value, model):
            raise ValueError(f'Cannot query "{name}" by {value!r}: it must be a {model._meta.object_name}')
        found = getattr(value, attname)
        if found is None:
            raise ValueError(f"{value!r} must be saved before it can be used in a query")
        return found

    return key
