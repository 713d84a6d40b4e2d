"""WHERE and HAVING: conditions into SQL, with Django's meaning of negation over nulls and over relations to many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement, and_, not_, or_
from sqlalchemy.sql import visitors

from vivace.orm.exceptions import FieldError, unknown_field
from vivace.orm.expressions.conditions import Shape
from vivace.orm.expressions.kinds import kind_of
from vivace.orm.expressions.lookups import Condition, Lookup, Right, find_lookup
from vivace.orm.expressions.lookups.base import no_such_lookup
from vivace.orm.expressions.operand import Operand, columns_of
from vivace.orm.expressions.operands import Context, build
from vivace.orm.expressions.transforms import transformed
from vivace.orm.fields.base import Field
from vivace.orm.query.joins import Join, ManyInPath, Target
from vivace.orm.query.qualified import has_window

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.query.select import Select

Clause = ColumnElement[bool]
LOOKUPS_OF_RELATIONS = ("exact", "in", "gt", "gte", "lt", "lte", "isnull")


class Filters:
    """The conditions of one SELECT."""

    def __init__(self, select: Select) -> None:
        self.select = select
        self.plain_in_having: list[ColumnElement[Any]] = []
        """Columns that stand beside an aggregate in HAVING, and so must be grouped by."""
        self._plain: list[ColumnElement[Any]] = []
        """The columns of the conjunct that is being built."""
        self.shared: frozenset[Join] = frozenset()
        """The joins of a many-to-many manager, which the call that follows it shares."""

    def add(self, condition: Shape, *, keep_joins: bool = False) -> None:
        """One call of filter() or exclude(): its lookups share the joins of relations to many.

        With `keep_joins`, the next call shares them, too.
        """
        reuse = set(self.shared)
        for part in conjuncts(condition):
            self._plain = []
            clause, aggregate = self.clause(part, reuse, is_conjunct=True)
            if self.select.has_windows and has_window(clause):
                self.plain_in_having += self._plain
                self.select.qualify.append(clause)
            elif aggregate:
                self.plain_in_having += self._plain
                self.select.having.append(clause)
            else:
                self.select.where.append(clause)
        if keep_joins:
            self.shared = frozenset(reuse)

    def inside(self, condition: Shape) -> tuple[Clause, bool, tuple[ColumnElement[Any], ...]]:
        """The SQL of a condition in an expression, whether an aggregate is in it, and what stands beside that."""
        around, self._plain = self._plain, []
        try:
            clause, aggregate = self.clause(condition, reuse=None)
            return clause, aggregate, tuple(self._plain)
        finally:
            self._plain = around

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
        if condition[0] == "condition()":
            operand = build(condition[1], self.select)
            if kind_of(operand.field) != "boolean":
                raise TypeError("Cannot filter against a non-conditional expression.")
            self._plain += operand.groups_by
            return operand.element, operand.aggregate
        if condition[0] != "Q()":
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
        self, shape: Shape, reuse: set[Join] | None, *, negated: bool, in_negation: bool, is_conjunct: bool
    ) -> tuple[Clause, bool]:
        path, kind, payload = shape
        try:
            operand, lookup, target = self._left(path, reuse, allow_many=not in_negation)
        except ManyInPath:
            self._plain += columns_of(self.select.operand_of("pk").element)
            return self._split(shape), False
        self._plain += operand.groups_by
        key = None
        if target is not None and target.is_relation:
            key = _key_function(target)
            if kind == "expression" and payload[0] == "queryset":
                payload = _of_related(payload, target)
        condition = lookup.condition(operand, Right(kind, payload, key), Context(self.select))
        for side in condition.right:
            self._plain += side.beside if side.aggregate else _columns(side)
        if is_conjunct and target is not None and _needs_the_row(lookup, kind, payload):
            target.join.require()
        clause = condition.clause
        if negated and target is not None and kind != "null" and not (kind == "flag" and payload):
            clause = _unless_null(clause, target, condition)
        return clause, operand.aggregate or any(side.aggregate for side in condition.right)

    # The left side

    def _left(
        self, path: str, reuse: set[Join] | None, *, allow_many: bool
    ) -> tuple[Operand, type[Lookup], Target | None]:
        operand, rest, target = self._resolve(path, reuse, allow_many=allow_many)
        if not rest:
            return operand, _lookup_of(operand, "exact", path), target
        if target is not None and target.is_relation and target.related_model is not None:
            return operand, _lookup_of_relation(operand, rest, path, target.related_model), target
        *transforms, last = rest
        for name in transforms:
            operand = self._transformed(operand, name, path)
        found = find_lookup(operand, last)
        if found is None:
            operand = self._transformed(operand, last, path)
            found = _lookup_of(operand, "exact", path)
        return operand, found, target

    def _transformed(self, operand: Operand, name: str, path: str) -> Operand:
        found = transformed(operand, name, self.select)
        if found is None:
            raise no_such_lookup(operand.field, name, path)
        return found

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
        if parts[0] not in select.model._meta.names and parts[0] != "pk" and parts[0] not in select.joins.filtered:
            meta = select.model._meta
            raise unknown_field(meta.object_name, parts[0], [*meta.field_names, *select.annotations])
        target = select.joins.walk(parts, reuse=reuse, allow_many=allow_many)
        return Operand(target.column, target.field, target.nullable), target.rest, target

    def operand(self, name: str, reuse: set[Join] | None = None) -> Operand:
        """The operand of a name without a lookup, as `F()`, `values()` and `order_by()` take it."""
        operand, rest, target = self._resolve(name, reuse)
        if rest and target is not None and target.is_relation and target.related_model is not None:
            meta = target.related_model._meta
            raise unknown_field(meta.object_name, rest[0], meta.field_names)
        for part in rest:
            operand = self._transformed(operand, part, name)
        return operand

    def _split(self, lookup: Shape) -> Clause:
        """A negated condition across a relation to many: not "some row is not so", but "no row is so"."""
        select = self.select
        inner = type(select)(select.model, select.binds, outer=select)
        inner.inherit(select)
        inner.filters.add(("Q()", "and", False, (lookup,)))
        own, outer = inner.operand_of("pk").element, select.operand_of("pk").element
        inner.where.append(own == outer)
        self._share(inner)
        clause: Clause = inner.statement([sqlalchemy.literal_column("1")]).exists()
        return clause

    def _share(self, inner: Select) -> None:
        """Restricts a subquery to the rows that the shared joins mean."""
        pairs = {self.select.joins.root: inner.joins.root}
        for join in self.select.joins.all:
            parent = pairs.get(join.parent) if join.parent is not None and join in self.shared else None
            same = [each for each in inner.joins.all if parent is not None and each.parent is parent]
            for each in same:
                if each.edge == join.edge:
                    pairs[join] = each
                    key = join.model._meta.pk
                    for field in getattr(key, "fields", (key,)):
                        inner.where.append(each.table.c[field.column] == join.table.c[field.column])


def _columns(operand: Operand) -> list[ColumnElement[Any]]:
    return [each for each in visitors.iterate(operand.element) if isinstance(each, sqlalchemy.Column)]


def conjuncts(condition: Any) -> list[Any]:
    """The conditions that must all be true for this one to be."""
    if not isinstance(condition, str) and condition[0] == "Q()" and condition[1] == "and" and not condition[2]:
        return [part for child in condition[3] for part in conjuncts(child)]
    return [condition]


def _is_empty(condition: Shape) -> bool:
    """Whether it is a `Q` without conditions, which means nothing, negated or not."""
    return condition[0] == "Q()" and all(_is_empty(child) for child in condition[3])


def _lookup_of(operand: Operand, name: str, path: str) -> type[Lookup]:
    found = find_lookup(operand, name)
    if found is None:
        raise no_such_lookup(operand.field, name, path)
    return found


def _lookup_of_relation(operand: Operand, rest: list[str], path: str, related: type[Model]) -> type[Lookup]:
    name = rest[0]
    found = find_lookup(operand, name) if len(rest) == 1 else None
    if found is None:
        raise unknown_field(related._meta.object_name, name, related._meta.field_names)
    if name in LOOKUPS_OF_RELATIONS or found is not Field.class_lookup(name):
        return found
    raise FieldError(
        f"{path}: a related object is not compared by {name!r}, only by {', '.join(LOOKUPS_OF_RELATIONS)}; name a "
        f"field of {related._meta.object_name}, such as {path.rpartition('__')[0]}__{related._meta.pk.name}__{name}"
    )


def _needs_the_row(lookup: type[Lookup], kind: str, payload: Any) -> bool:
    """Whether the condition is never true where the joined row is missing."""
    if kind == "flag":
        return not payload
    return kind != "null"


def _unless_null(clause: Clause, target: Target, condition: Condition) -> Clause:
    # NOT (x = 1) is not true for NULL, but exclude(x=1) keeps rows without an x.
    columns = [target.column] if target.nullable else []
    columns += [side.element for side in condition.right if _is_nullable_column(side)]
    return and_(clause, *(column.isnot(None) for column in columns)) if columns else clause


def _is_nullable_column(operand: Operand) -> bool:
    return isinstance(operand.element, sqlalchemy.Column) and operand.field.null


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


def _of_related(queryset: Shape, target: Target) -> Shape:
    """A queryset of related objects as one of what they are compared by. Raises ValueError for other objects."""
    kind, model, operations = queryset
    if any(operation[0] in ("values", "combine") for operation in operations):
        return queryset
    related: type[Model] = target.related_model  # type: ignore[assignment]  # only called for relations
    if not issubclass(model, related) and not issubclass(related, model):
        name, wanted = model._meta.object_name, related._meta.object_name
        raise ValueError(f'Cannot use QuerySet for "{name}": Use a QuerySet for "{wanted}".')
    compared: Field[Any] = getattr(target.field, "target_field", target.field)
    if compared.primary_key:
        return queryset
    return (kind, model, (*operations, ("values", (compared.attname,), "flat")))


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
