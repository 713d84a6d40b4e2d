"""Lookups of composite primary keys: tuples compared with tuples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vivace.orm.exceptions import FieldError
from vivace.orm.expressions.kinds import INTEGER_KINDS, kind_of
from vivace.orm.expressions.lookups.base import Clause, Condition, Right, after
from vivace.orm.expressions.lookups.comparisons import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    LessThan,
    LessThanOrEqual,
)
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.composite import CompositePrimaryKey

if TYPE_CHECKING:
    from vivace.orm.expressions.conditions import Shape
    from vivace.orm.expressions.operands import Context


def _key_of(lhs: Operand) -> CompositePrimaryKey:
    field = lhs.field
    assert isinstance(field, CompositePrimaryKey)
    return field


def _parameters(lhs: Operand, right: Right, context: Context) -> Any:
    key, binds = _key_of(lhs), context.binds
    places = [
        binds.add(right.payload, after(key.part(index), _or_none(binds.converter(field))), binds.type_of(field))
        for index, field in enumerate(key.fields)
    ]
    return sqlalchemy.tuple_(*places)


def _or_none(convert: Any) -> Any:
    return lambda value: None if value is None else convert(value)


for _base in (Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual):
    _made: Any = type(
        f"Tuple{_base.__name__}",
        (_base,),
        {
            "__doc__": _base.__doc__,
            "__module__": __name__,
            "parameter": classmethod(lambda cls, lhs, right, context: _parameters(lhs, right, context)),
        },
    )
    CompositePrimaryKey.register_lookup(_made)


@CompositePrimaryKey.register_lookup
class TupleIn(In):
    """One of these tuples."""

    @classmethod
    def of_queryset(cls, lhs: Operand, shape: Shape, context: Context) -> Condition:
        raise FieldError("pk__in takes a list of tuples here: the key of this model has several columns")

    @classmethod
    def of_values(cls, lhs: Operand, right: Right, context: Context) -> Clause:
        make = {"postgresql": _rows_of_arrays, "mysql": _rows_of_json_table}.get(context.dialect, _rows_of_json)
        return lhs.element.in_(make(_key_of(lhs), right, context))


def _of_each(convert: Any) -> Any:
    return lambda values: [convert(each) for each in values]


def _rows_of_arrays(key: CompositePrimaryKey, right: Right, context: Context) -> Any:
    binds = context.binds
    arrays = []
    for index, field in enumerate(key.fields):
        convert = after(key.part(index), _or_none(binds.converter(field)))
        arrays.append(binds.add(right.payload, _of_each(convert), postgresql.ARRAY(binds.type_of(field))))
    names = [f"k{index}" for index in range(len(arrays))]
    rows = func.unnest(*arrays).table_valued(*names).render_derived()
    return sqlalchemy.select(*rows.c)


def _as_json(key: CompositePrimaryKey, right: Right, context: Context) -> Any:
    converters = [_or_none(context.binds.converter(field)) for field in key.fields]

    def dumped(values: Any) -> str:
        return json.dumps(
            [[convert(part) for convert, part in zip(converters, key.parts(each), strict=True)] for each in values],
            default=str,
        )

    return context.binds.add(right.payload, dumped, sqlalchemy.Text())


def _rows_of_json(key: CompositePrimaryKey, right: Right, context: Context) -> Any:
    rows = func.json_each(_as_json(key, right, context)).table_valued("value")
    return sqlalchemy.select(
        *(
            func.json_extract(rows.c.value, sqlalchemy.literal_column(f"'$[{index}]'"))
            for index in range(len(key.fields))
        )
    )


class _JSONTable(FunctionElement[Any]):
    inherit_cache = False

    def __init__(self, text: Any, types: tuple[str, ...]) -> None:
        super().__init__(text)
        self.types = types


@compiles(_JSONTable, "mysql")
def _compile(element: _JSONTable, compiler: Any, **options: Any) -> str:
    (text,) = (compiler.process(each, **options) for each in element.clauses)
    columns = ", ".join(f"k{index} {name} PATH '$[{index}]'" for index, name in enumerate(element.types))
    return f"JSON_TABLE({text}, '$[*]' COLUMNS ({columns}))"


def _rows_of_json_table(key: CompositePrimaryKey, right: Right, context: Context) -> Any:
    types = tuple("BIGINT" if kind_of(field) in INTEGER_KINDS else "LONGTEXT" for field in key.fields)
    names = [f"k{index}" for index in range(len(types))]
    rows = _JSONTable(_as_json(key, right, context), types).table_valued(*names)
    # The texts of JSON have a collation of their own, which must not meet the column's unsaid.
    return sqlalchemy.select(
        *(
            column if type_ == "BIGINT" else sqlalchemy.collate(column, "utf8mb4_bin")
            for column, type_ in zip(rows.c, types, strict=True)
        )
    )
