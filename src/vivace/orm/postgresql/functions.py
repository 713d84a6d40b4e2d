"""Functions with a meaning that only PostgreSQL has, and querysets as arrays.

https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/functions/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy.dialects import postgresql

from vivace.databases.errors import NotSupportedError
from vivace.orm.expressions.func import Func
from vivace.orm.expressions.operand import Operand
from vivace.orm.expressions.operands import Context
from vivace.orm.expressions.subqueries import Subquery
from vivace.orm.fields.times import DateTimeField
from vivace.orm.functions.pieces import Element, call
from vivace.orm.functions.uuid import UUID4
from vivace.orm.postgresql.arrays import ArrayField, item_of
from vivace.orm.postgresql.only import require_postgresql

RandomUUID = UUID4
"""Django's name for it where only PostgreSQL has one; here `UUID4` works on all databases."""


class TransactionNow(Func):
    """The moment at which the transaction began; `functions.Now` is that of the statement."""

    arity = 0
    output_field = DateTimeField()

    @classmethod
    def as_sql(cls, operands: Sequence[Operand], context: Context, **options: Any) -> Element:
        require_postgresql(context, cls.__name__)
        return call("transaction_timestamp", sql_type=sqlalchemy.TIMESTAMP(timezone=True))


class ArraySubquery(Subquery):
    """The one column of a queryset as a list, in the queryset's order; empty when it has no rows.

    https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/expressions/#arraysubquery-expressions
    """

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        if context.dialect != "postgresql":
            raise NotSupportedError(f"{cls.__name__} is PostgreSQL's: this database has no arrays")
        statement, column = context.select.subselect(children[0])
        field = context.output_field or ArrayField(item_of(column.field))
        array = sqlalchemy.func.array(statement.scalar_subquery(), type_=postgresql.ARRAY(sqlalchemy.types.NULLTYPE))
        return context.operand(array, field)

    def __repr__(self) -> str:
        return f"ArraySubquery(of {self.queryset.model.__name__})"
