"""Joins: from a lookup's path (`author__publisher__name`) to a column, with the tables in between.

A many-to-many relation is walked as what it is: a reverse foreign key to the table of pairs, then a forward one. The
last foreign key of a path is not joined when its own column has what is asked for (`author__id`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy

from vivace.orm.exceptions import unknown_field
from vivace.orm.fields.base import Field
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.relation import Relation

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.options import Options


@dataclass(eq=False)
class Join:
    """One table in FROM."""

    table: sqlalchemy.FromClause
    model: type[Model]
    parent: Join | None
    edge: tuple[Any, bool, str | None] | None
    on: sqlalchemy.ColumnElement[bool] | None
    multi: bool
    outer: bool
    """Whether the row may be missing; `require` may still make the join an inner one."""
    required: bool = False

    @property
    def is_of_many(self) -> bool:
        """Whether there may be several of its rows for one row of the model."""
        return self.multi or (self.parent is not None and self.parent.is_of_many)

    def require(self) -> None:
        """Says that rows without this one are of no use, so that the database may start from here."""
        join: Join | None = self
        while join is not None:
            join.required = True
            join = join.parent


@dataclass(eq=False)
class Target:
    """Where a path ends: a column, and what is left of the path (transforms and the lookup)."""

    join: Join
    field: Field[Any]
    rest: list[str]
    is_relation: bool
    related_model: type[Model] | None
    outer: bool
    multi: bool
    through_many_to_many: bool
    """Whether the last step was a ManyToManyField of the model before."""

    @property
    def column(self) -> sqlalchemy.ColumnElement[Any]:
        """The column, which the table of `join` has; of a composite key, all of them in a tuple."""
        if not self.field.concrete and self.field.shares_key:
            return sqlalchemy.tuple_(*(self.join.table.c[field.column] for field in self.join.model._meta.pk_fields))
        return self.join.table.c[self.field.column]

    @property
    def nullable(self) -> bool:
        """Whether the column can be NULL here."""
        return self.field.null or self.outer


class ManyInPath(Exception):
    """The path crosses a relation to many where that is not allowed."""


class Joins:
    """The tables of one SELECT."""

    def __init__(self, model: type[Model], *, aliased: bool) -> None:
        table = model._meta.table
        self._in_subquery = aliased
        self.root = Join(table.alias() if aliased else table, model, None, None, None, multi=False, outer=False)
        self.all: list[Join] = []
        self.others: list[sqlalchemy.FromClause] = []
        """Tables that `extra()` names, which only its conditions tie to the rest."""
        self.filtered: dict[str, tuple[list[str], Callable[[Join], sqlalchemy.ColumnElement[bool] | None]]] = {}
        """Relations under names of their own: the path, and what further the rows of its last join have to meet."""
        self.standing_in: tuple[list[str], Join] | None = None
        """While such a condition is made: the path, and the join that it stands for."""

    def source(self, count: int | None = None) -> sqlalchemy.FromClause:
        """The FROM clause; with `count`, only so many of the joins."""
        source: sqlalchemy.FromClause = self.root.table
        for join in self.all[:count]:
            source = source.join(join.table, join.on, isouter=join.outer and not join.required)
        for table in self.others:
            source = source.join(table, sqlalchemy.true())
        return source

    @property
    def is_alone(self) -> bool:
        """Whether the model's own table is all there is."""
        return not self.all and not self.others

    def add_table(self, name: str) -> None:
        """A table by its name in the database; under the name T2, T3 … when the query has it already, as in Django."""
        named = [self.root.table, *(join.table for join in self.all), *self.others]
        is_new = all(getattr(table, "name", None) != name for table in named)
        table = sqlalchemy.table(name)
        self.others.append(table if is_new else table.alias(f"T{len(named) + 1}"))

    @property
    def has_multi(self) -> bool:
        """Whether a row of the model may appear several times."""
        return any(join.multi for join in self.all)

    def walk(
        self,
        parts: Sequence[str],
        *,
        reuse: set[Join] | None = None,
        allow_many: bool = True,
        start: Join | None = None,
    ) -> Target:
        """Follows `parts` as far as they name fields, joining on the way.

        Joins of relations to many are shared only with those in `reuse` (all, when it is None). Raises FieldError when
        the first part is no field, ManyInPath when the path crosses a relation to many and `allow_many` is false.
        """
        walker = _Walker(self, reuse, allow_many, start or self.root)
        if parts[0] in self.filtered and start is None:
            walker.follow(parts[0], self.filtered[parts[0]][0])
            parts = parts[1:]
        elif self.standing_in is not None and list(parts[: len(self.standing_in[0])]) == self.standing_in[0]:
            walker.stand_at(self.standing_in[1])
            parts = parts[len(self.standing_in[0]) :]
        for position, part in enumerate(parts):
            if not walker.step(part):
                if position == 0 and walker.field is None:
                    raise unknown_field(walker.meta.object_name, part, walker.meta.field_names)
                return walker.target(list(parts[position:]))
        return walker.target([])

    def join(
        self,
        parent: Join,
        key: ForeignKey[Any],
        model: type[Model],
        own: str,
        other: str,
        *,
        forward: bool,
        multi: bool,
        outer: bool,
        reuse: set[Join] | None,
        name: str | None = None,
    ) -> Join:
        """The join along `key` from `parent` to `model`'s table, where its `other` equals the parent's column `own`.

        `name` is that of a filtered relation.
        """
        edge = (key, forward, name)
        found = self._same(parent, edge, reuse if multi else None)
        if found is not None:
            return found
        table = self._alias_of(model)
        on = table.c[other] == parent.table.c[own]
        made = Join(table, model, parent, edge, on, multi, outer or parent.outer or name is not None)
        return self._added(self._narrowed(made, name), reuse)

    def _narrowed(self, join: Join, name: str | None) -> Join:
        """The join with what a filtered relation of that name asks of its rows."""
        condition = None if name is None else self.filtered[name][1](join)
        if condition is not None:
            assert join.on is not None
            join.on = sqlalchemy.and_(join.on, condition)
        return join

    def generic(self, at: Join, relation: Any, reuse: set[Join] | None = None, name: str | None = None) -> Join:
        """The join from `at` to the objects of a generic relation."""
        at, own = self.owner(at, relation.near_field, reuse)
        edge = (relation, False, name)
        found = self._same(at, edge, reuse if relation.many else None)
        if found is not None:
            return found
        model = relation.related_model
        table = self._alias_of(model)
        on = relation.join_clause(table, at.table, own)
        return self._added(self._narrowed(Join(table, model, at, edge, on, relation.many, outer=True), name), reuse)

    def _same(self, parent: Join, edge: tuple[Any, bool, str | None], among: set[Join] | None) -> Join | None:
        same = [join for join in self.all if join.parent is parent and join.edge == edge]
        if among is not None:
            same = [join for join in same if join in among]
        return same[-1] if same else None

    def _added(self, join: Join, reuse: set[Join] | None) -> Join:
        self.all.append(join)
        if reuse is not None:
            reuse.add(join)
        return join

    def _alias_of(self, model: type[Model]) -> Any:
        table = model._meta.table
        # A subquery's tables must differ from those around it. Elsewhere one alias serves all statements: it knows its
        # columns already.
        if self._in_subquery:
            return table.alias()
        return _kept_alias(table, sum(join.model is model for join in self.all))

    def owner(self, at: Join, field: Field[Any], reuse: set[Join] | None = None) -> tuple[Join, Field[Any]]:
        """Where a field that a model has or inherits is: the join of its table, and the field or a link equal to it."""
        for link in at.model._meta.links_to(field.model):
            if field is link.target_field:
                return at, link
            at = self.join(
                at,
                link,
                link.related_model,
                link.column,
                link.target_field.column,
                forward=True,
                multi=False,
                outer=False,
                reuse=reuse,
            )
        return at, field

    def column(self, at: Join, field: Field[Any]) -> sqlalchemy.ColumnElement[Any]:
        """The column of a field that the model of `at` has or inherits."""
        join, own = self.owner(at, field)
        return join.table.c[own.column]

    def forward(self, at: Join, key: ForeignKey[Any], reuse: set[Join] | None = None, name: str | None = None) -> Join:
        """The join from `at` to what its foreign key `key` points to."""
        at, own = self.owner(at, key, reuse)
        return self.join(
            at,
            key,
            key.related_model,
            own.column,
            key.target_field.column,
            forward=True,
            multi=False,
            outer=key.null,
            reuse=reuse,
            name=name,
        )

    def backward(self, at: Join, key: ForeignKey[Any], reuse: set[Join] | None = None, name: str | None = None) -> Join:
        """The join from `at` to the rows whose foreign key `key` points to it."""
        at, own = self.owner(at, key.target_field, reuse)
        return self.join(
            at,
            key,
            key.model,
            own.column,
            key.column,
            forward=False,
            multi=not key.unique,
            outer=True,
            reuse=reuse,
            name=name,
        )


@lru_cache(maxsize=4096)
def _kept_alias(table: sqlalchemy.Table, number: int) -> Any:
    return table.alias()


class _Walker:
    def __init__(self, joins: Joins, reuse: set[Join] | None, allow_many: bool, start: Join) -> None:
        self.joins, self.reuse, self.allow_many = joins, reuse, allow_many
        self.at = start
        self.field: Field[Any] | None = None
        self.key: ForeignKey[Any] | None = None
        """A foreign key whose target is not joined yet."""
        self.related: type[Model] | None = None
        self.multi = False
        self.through_many_to_many = False
        self.ended = False
        """Whether a field was reached that leads nowhere further."""
        self.name: str | None = None
        """The filtered relation of which the next join is the last one."""

    def follow(self, name: str, path: Sequence[str]) -> None:
        """Joins a filtered relation."""
        *before, last = path
        for part in before:
            self._relation_step(part, path)
        found = self.meta.names.get(last)
        to_many_to_many = isinstance(found.field if isinstance(found, Relation) else found, ManyToManyField)
        if self.key is not None:
            self._follow_key()
        self.name = None if to_many_to_many else name
        self._relation_step(last, path)
        self.name = name
        if self.key is not None:
            self._follow_key()
        self.stand_at(self.at)

    def _relation_step(self, part: str, path: Sequence[str]) -> None:
        if not self.step(part) or self.related is None:
            raise ValueError(
                f"FilteredRelation's relation_name is a path of relations, and {part!r} in {'__'.join(path)!r} is none"
            )

    def stand_at(self, join: Join) -> None:
        """Goes on from the row of a join."""
        self.at, self.key, self.name, self.ended = join, None, None, False
        self.field, self.related = join.model._meta.pk, join.model

    @property
    def meta(self) -> Options:
        return (self.key.related_model if self.key is not None else self.at.model)._meta

    def step(self, part: str) -> bool:
        if self.ended:
            return False
        meta = self.meta
        found: Any = meta.pk if part == "pk" else meta.names.get(part)
        if found is None:
            return False
        if self.key is not None:
            if _is_target(self.key, found, part):
                # `author__id`: the key's own column has it.
                self.related, self.field, self.key = None, self.key, None
                self.ended = True
                return True
            self._follow_key()
        self.ended = False
        self.through_many_to_many = isinstance(found, ManyToManyField)
        if isinstance(found, Field) and found.concrete and found.model is not self.at.model:
            self.at, own = self.joins.owner(self.at, found, self.reuse)
            if own is not found:
                self.field, self.related, self.ended = own, None, True
                return True
        if isinstance(found, ForeignKey):
            self.field = self.key = found
            self.related = found.related_model
            if part == found.attname:
                self.related, self.key, self.ended = None, None, True
        elif isinstance(found, ManyToManyField):
            self._to_many(found.source_field, found.through_target_field)
        elif isinstance(found, Relation):
            if isinstance(found.field, ManyToManyField):
                self._to_many(found.field.through_target_field, found.field.source_field)
            elif isinstance(found.field, ForeignKey):
                self._reverse(found.field)
        elif not isinstance(found, Field):
            # A generic relation, or the way back.
            self._mark_many(found.many)
            self.at = self.joins.generic(self.at, found, self.reuse, self.name)
            self.field, self.related, self.key = self.at.model._meta.pk, self.at.model, None
        else:
            self.field, self.related, self.ended = found, None, True
        return True

    def _follow_key(self) -> None:
        assert self.key is not None
        self.at = self.joins.forward(self.at, self.key, self.reuse, self.name)
        self.key = None

    def _reverse(self, key: ForeignKey[Any]) -> None:
        self._mark_many(not key.unique)
        self.at = self.joins.backward(self.at, key, self.reuse, self.name)
        self.field, self.related, self.key = key.model._meta.pk, key.model, None

    def _to_many(self, back: ForeignKey[Any], on: ForeignKey[Any]) -> None:
        self._reverse(back)
        self.field = self.key = on
        self.related = on.related_model

    def _mark_many(self, many: bool) -> None:
        if many:
            if not self.allow_many:
                raise ManyInPath
            self.multi = True

    def target(self, rest: list[str]) -> Target:
        assert self.field is not None
        return Target(
            self.at,
            self.field,
            rest,
            self.related is not None,
            self.related,
            self.at.outer,
            self.multi,
            self.through_many_to_many,
        )


def _is_target(key: ForeignKey[Any], found: object, part: str) -> bool:
    """Whether a foreign key's own column has what `found`, a field of its target, is."""
    target: Field[Any] = key.target_field
    while isinstance(target, ForeignKey):
        if found is target and part in (target.attname, "pk"):
            return True
        target = target.target_field
    return found is target
