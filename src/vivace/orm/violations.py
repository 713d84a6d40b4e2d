"""Which rules a row would break if it were saved, asked of the database in one query.

Each rule becomes one column of a SELECT of a single row: 1 if the rule is broken. The row that is asked about is a
subquery of parameters with the names of the table's columns, so that every expression that a constraint may have is
computed by the database itself, on the table's rows and on the new one alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import ColumnElement

from vivace.orm.constraints import BaseConstraint
from vivace.orm.ddl_expressions import operand_on
from vivace.orm.expressions.base import F, Value
from vivace.orm.expressions.binds import Binds
from vivace.orm.fields.base import Field
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.generated import GeneratedField
from vivace.orm.query import hydrate
from vivace.orm.query.compiled import Compiled, finished
from vivace.orm.query.writes import DialectKey
from vivace.orm.references import references

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


@dataclass(frozen=True, eq=False)
class Rule:
    """Something that rows must keep: one of each kind (`compared`), or a condition of their own.

    `compared` are expressions with the operator that must not hold between two rows for all of them ("=" for
    uniqueness). `names` are the fields that the rule is about, `constraint` where it was declared, if in Meta.
    """

    model: type[Model]
    names: tuple[str, ...]
    compared: tuple[tuple[Any, str], ...] = ()
    condition: Any = None
    nulls_distinct: bool = True
    constraint: BaseConstraint | None = None
    dialects: tuple[str, ...] | None = None
    """The databases that can tell; None for all."""
    target: ForeignKey[Any] | None = None
    """The foreign key that must point to a row."""
    date: tuple[str, str, str] | None = None
    """For `unique_for_date` and its like: the field, the date's field, and "date", "month" or "year"."""

    @property
    def fields(self) -> frozenset[str]:
        """The names of all fields that decide."""
        return _fields_of(self)


@lru_cache(maxsize=4096)
def _fields_of(rule: Rule) -> frozenset[str]:
    expressions = [expression for expression, _ in rule.compared]
    if rule.condition is not None:
        expressions.append(rule.condition)
    return frozenset(name for expression in expressions for name in references(rule.model, expression))


def unique(model: type[Model], *names: str, constraint: BaseConstraint | None = None) -> Rule:
    """The rule that no two rows agree in these fields."""
    return Rule(model, names, tuple((F(name), "=") for name in names), constraint=constraint)


async def broken_rules(instance: Model, rules: Sequence[Rule], database: Database) -> list[Rule]:
    """Those of `rules` that the row would break."""
    name = database.dialect.name
    asked = [
        rule for rule in rules if (rule.dialects is None or name in rule.dialects) and not _is_harmless(instance, rule)
    ]
    if not asked:
        return []
    model = instance._meta.model
    names = sorted(frozenset().union(*(rule.fields for rule in asked)))
    fields = [field for field in _with_sources(model, names) if not field.generated]
    values = [getattr(instance, field.attname) for field in fields]
    defaulted = frozenset(
        field.attname for field, value in zip(fields, values, strict=True) if isinstance(value, DatabaseDefault)
    )
    own = None if instance._origin is None else _key_of(instance)
    statement = _statement(
        model, DialectKey(database.dialect), tuple(asked), tuple(fields), defaulted, excludes_own=own is not None
    )
    given = [*values, *(own or ()), *statement.constants]
    (row,) = await database.fetch_plan(statement.compiled.plan, statement.compiled.bind(given))
    return [rule for rule, broken in zip(asked, row, strict=True) if broken]


def _is_harmless(instance: Model, rule: Rule) -> bool:
    """Whether a null makes the row different from every other."""
    if not rule.nulls_distinct or not rule.compared:
        return False
    meta = instance._meta
    for expression, operator in rule.compared:
        if type(expression) is F and operator == "=":
            field = meta.forward.get(expression.name)
            if field is not None and not field.generated and getattr(instance, field.attname) is None:
                return True
    return False


def _key_of(instance: Model) -> tuple[Any, ...] | None:
    values = tuple(getattr(instance, field.attname) for field in key_fields(instance._meta.model))
    return None if any(value is None for value in values) else values


def key_fields(model: type[Model]) -> tuple[Field[Any], ...]:
    """The fields of the primary key: one, or those of a composite one."""
    return model._meta.pk_fields


def _with_sources(model: type[Model], names: Sequence[str]) -> list[Field[Any]]:
    """The fields of these names and those that generated ones among them are computed from."""
    found: dict[str, Field[Any]] = {}
    waiting = list(names)
    while waiting:
        field = model._meta.forward[waiting.pop(0)]
        if field.name not in found:
            found[field.name] = field
            if isinstance(field, GeneratedField):
                waiting += references(model, field.expression)
    return list(found.values())


class _Statement:
    """A compiled question with the values that the rules themselves bring along."""

    __slots__ = ("compiled", "constants")

    def __init__(self, compiled: Compiled, constants: Sequence[Any]) -> None:
        self.compiled, self.constants = compiled, constants


@lru_cache(maxsize=1024)
def _statement(
    model: type[Model],
    key: DialectKey,
    rules: tuple[Rule, ...],
    fields: tuple[Field[Any], ...],
    defaulted: frozenset[str],
    *,
    excludes_own: bool,
) -> _Statement:
    binds = Binds(key.dialect.name)
    keys = key_fields(model) if excludes_own else ()
    # The row's values come first, then its key, then what stands in the rules.
    values: list[Any] = [None] * (len(fields) + len(keys))
    row = _new_row(model, binds, fields, defaulted, values)
    own = [_parameter(binds, len(fields) + index, field) for index, field in enumerate(keys)]
    columns = [_broken(rule, row, binds, values, own) for rule in rules]
    statement = sqlalchemy.select(*columns).select_from(row)
    compiled = finished(statement, binds, key.dialect, hydrate.tuples_decoder([], key.dialect.name))
    return _Statement(compiled, values[len(fields) + len(keys) :])


def _parameter(binds: Binds, slot: int, field: Field[Any]) -> ColumnElement[Any]:
    convert, sql_type = binds.converter(field), field.parameter_type()
    parameter = binds.add(slot, lambda value: None if value is None else convert(value), sql_type)
    # Nothing else in the statement says of which type the parameter is.
    return sqlalchemy.cast(parameter, sql_type) if binds.dialect == "postgresql" else parameter


def _new_row(
    model: type[Model], binds: Binds, fields: Sequence[Field[Any]], defaulted: frozenset[str], values: list[Any]
) -> Any:
    """The row in question, as a table of one row."""
    columns = []
    nothing = sqlalchemy.table("nothing")
    for slot, field in enumerate(fields):
        if field.attname in defaulted:
            given = field.db_default
            expression = given if hasattr(given, "freeze") else Value(given, output_field=field)
            element = operand_on(model, nothing, expression, binds, values).element
        else:
            element = _parameter(binds, slot, field)
        collation = getattr(field, "db_collation", None)
        if collation is not None and binds.dialect == "postgresql":
            element = sqlalchemy.collate(element, collation)
        columns.append(element.label(field.column))
    row = sqlalchemy.select(*(columns or [sqlalchemy.literal_column("1").label("nothing")])).subquery("new_row")
    generated = [field for field in model._meta.concrete_fields if isinstance(field, GeneratedField)]
    known = {field.name for field in fields}
    computed = [field for field in generated if all(name in known for name in references(model, field.expression))]
    if not computed:
        return row
    more = [operand_on(model, row, field.expression, binds, values).element.label(field.column) for field in computed]
    return sqlalchemy.select(*row.c, *more).subquery("computed_row")


def _broken(
    rule: Rule, row: Any, binds: Binds, values: list[Any], own: Sequence[ColumnElement[Any]]
) -> ColumnElement[Any]:
    """1 if the row breaks the rule."""
    yes: Any = sqlalchemy.literal_column("1")
    no: Any = sqlalchemy.literal_column("0")
    if not rule.compared:
        kept: Any = operand_on(rule.model, row, rule.condition, binds, values).element
        # Unknown, for a null, is kept, as by the database's own check.
        return sqlalchemy.case((sqlalchemy.not_(kept.self_group()), yes), else_=no)
    if rule.target is not None:
        target = rule.target.related_model._meta.table.alias("target_row")
        points = target.c[rule.target.target_field.column] == row.c[rule.target.column]
        found = sqlalchemy.select(yes).select_from(target).where(points).correlate(row).exists()
        return sqlalchemy.case((found, no), else_=yes)
    table = rule.model._meta.table.alias("other_row")
    clauses: list[Any] = []
    for expression, operator in rule.compared:
        other = operand_on(rule.model, table, expression, binds, values).element
        new = operand_on(rule.model, row, expression, binds, values).element
        clauses.append(_clash(other, operator, new, nulls_distinct=rule.nulls_distinct))
    if rule.condition is not None:
        clauses += [operand_on(rule.model, source, rule.condition, binds, values).element for source in (table, row)]
    if own:
        keys = [table.c[field.column] for field in key_fields(rule.model)]
        clauses.append(sqlalchemy.not_(sqlalchemy.and_(*(key == value for key, value in zip(keys, own, strict=True)))))
    found = sqlalchemy.select(yes).select_from(table).where(*clauses).correlate(row).exists()
    return sqlalchemy.case((found, yes), else_=no)


def _clash(other: Any, operator: str, new: Any, *, nulls_distinct: bool) -> Any:
    if operator != "=":
        return other.op(operator, is_comparison=True)(new)
    return other == new if nulls_distinct else other.is_not_distinct_from(new)
