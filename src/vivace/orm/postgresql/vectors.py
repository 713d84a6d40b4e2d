"""Vectors for search by nearness, such as embeddings of texts (extension pgvector).

    nearest = Note.objects.order_by(CosineDistance("embedding", [0.1, 0.2, 0.3]))[:10]

https://github.com/pgvector/pgvector
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.base import Bare, Expression, as_field_or_expression
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.numbers import FloatField
from vivace.orm.postgresql.indexes import PostgreSQLIndex
from vivace.orm.postgresql.only import PostgreSQLField, require_postgresql
from vivace.utils.exceptions import ValidationError

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context

MAX_DIMENSIONS = 16_000


class Vector(sqlalchemy.types.UserDefinedType[list[float]]):
    """The type `vector`."""

    cache_ok = True

    def __init__(self, dimensions: int | None = None) -> None:
        self.dimensions = dimensions

    def get_col_spec(self, **options: Any) -> str:
        """The type as DDL writes it."""
        return "VECTOR" if self.dimensions is None else f"VECTOR({self.dimensions})"


class VectorField(PostgreSQLField[list[float]]):
    """A list of numbers, `dimensions` of them where that is given, in single precision."""

    kind = "array"
    python_type = list
    default_error_messages = {
        "invalid": "“%(value)s” is not a list of numbers.",
        "dimensions": "A vector of %(dimensions)s numbers is expected, this one has %(count)s.",
    }

    def __init__(self, dimensions: int | None = None, verbose_name: str | None = None, **options: Any) -> None:
        if dimensions is not None and not 1 <= dimensions <= MAX_DIMENSIONS:
            raise ModelDefinitionError(f"VectorField(dimensions={dimensions!r}): from 1 to {MAX_DIMENSIONS}")
        super().__init__(verbose_name, **options)
        self.dimensions = dimensions

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        try:
            numbers = [float(each) for each in (json.loads(value) if isinstance(value, str) else value)]
        except (TypeError, ValueError) as error:
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value}) from error
        if not all(math.isfinite(number) for number in numbers):
            raise ValidationError(self.error_messages["invalid"], "invalid", {"value": value})
        if self.dimensions is not None and len(numbers) != self.dimensions:
            params = {"dimensions": self.dimensions, "count": len(numbers)}
            raise ValidationError(self.error_messages["dimensions"], "dimensions", params)
        return numbers

    def get_prep_value(self, value: Any) -> Any:
        try:
            return self.to_python(value)
        except ValidationError as error:
            raise ValueError(f"Field “{self.name}”: {error.messages[0]}") from error

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return Vector(self.dimensions)

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return Vector()

    def postgresql_bind(self) -> Callable[[Any], Any]:
        prepare = self.get_prep_value
        return lambda value: "[" + ",".join(map(repr, prepare(value))) + "]"

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return _numbers


def _numbers(value: Any) -> list[float]:
    return [float(each) for each in (json.loads(value) if isinstance(value, str) else value)]


class _Distance(Expression):
    """A distance of a vector from a list of numbers or another vector."""

    operator: ClassVar[str]
    output_field = FloatField(null=True)

    def __init__(self, expression: Any, vector: Any) -> None:
        self.expression = as_field_or_expression(expression)
        self.vector = as_field_or_expression(vector) if isinstance(vector, str) or hasattr(vector, "freeze") else None
        if self.vector is None:
            self.vector = Bare(list(vector))

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.expression, self.vector)

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        require_postgresql(context, cls.__name__)
        left = context.build(children[0])
        right = context.bind(children[1], left.field)
        if children[1][0] == "bare":
            right = sqlalchemy.cast(right, Vector())
        element: Any = left.element.op(cls.operator, precedence=7)(right)
        return context.operand(element, cls.output_field, [left])


class L2Distance(_Distance):
    """The straight distance."""

    operator = "<->"


class CosineDistance(_Distance):
    """One minus the cosine of the angle between them."""

    operator = "<=>"


class MaxInnerProduct(_Distance):
    """The inner product with its sign turned, so that the nearest come first."""

    operator = "<#>"


class L1Distance(_Distance):
    """The distance along the axes."""

    operator = "<+>"


class HnswIndex(PostgreSQLIndex):
    """The graph index of pgvector. `opclasses` says the distance that it serves, such as vector_cosine_ops."""

    suffix: ClassVar[str] = "hnsw"
    method = "hnsw"

    def __init__(
        self, *expressions: Any, m: int | None = None, ef_construction: int | None = None, **options: Any
    ) -> None:
        super().__init__(*expressions, **options)
        self._take(m=m, ef_construction=ef_construction)


class IvfflatIndex(PostgreSQLIndex):
    """The index of pgvector by lists of near vectors; make it when the table has its rows."""

    suffix: ClassVar[str] = "ivfflat"
    method = "ivfflat"

    def __init__(self, *expressions: Any, lists: int | None = None, **options: Any) -> None:
        super().__init__(*expressions, **options)
        self._take(lists=lists)
