"""Likeness of texts by their trigrams (extension pg_trgm), and texts without accents (extension unaccent).

https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/search/#trigram-similarity
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import func

from vivace.orm.expressions.base import Expression, Value, as_field_or_expression
from vivace.orm.expressions.func import Transform
from vivace.orm.expressions.lookups.text import as_text
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.numbers import FloatField
from vivace.orm.fields.text import CharField, TextField
from vivace.orm.postgresql.only import OperatorLookup, require_postgresql

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context


class _Likeness(Expression):
    """A number about two texts: a function of them, or an operator between them."""

    function: ClassVar[str] = ""
    operator: ClassVar[str] = ""
    output_field = FloatField(null=True)

    def __init__(self, expression: Any, string: Any) -> None:
        self.expression = as_field_or_expression(expression)
        self.string = string if hasattr(string, "freeze") else Value(string, TextField())

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.expression, self.string)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        require_postgresql(context, cls.__name__)
        left, right = (as_text(operand, context.dialect) for operand in operands)
        if cls.operator:
            element: Any = left.op(cls.operator, precedence=7)(right)
        else:
            element = getattr(func, cls.function)(left, right)
        return context.operand(element, cls.output_field, operands)


class TrigramSimilarity(_Likeness):
    """How alike a field and a text are, from 0 to 1."""

    function = "similarity"


class TrigramDistance(_Likeness):
    """How unlike they are, from 0 to 1; an index (GiST) serves ORDER BY."""

    operator = "<->"


class _WordLikeness(_Likeness):
    def __init__(self, string: Any, expression: Any) -> None:
        super().__init__(expression, string)

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.string, self.expression)


class TrigramWordSimilarity(_WordLikeness):
    """How like a text is to the nearest part of a field."""

    function = "word_similarity"


class TrigramWordDistance(_WordLikeness):
    """How unlike a text is to the nearest part of a field."""

    operator = "<<->"


class TrigramStrictWordSimilarity(_WordLikeness):
    """How like a text is to the nearest words of a field."""

    function = "strict_word_similarity"


class TrigramStrictWordDistance(_WordLikeness):
    """How unlike a text is to the nearest words of a field."""

    operator = "<<<->"


@CharField.register_lookup
@TextField.register_lookup
class TrigramSimilar(OperatorLookup):
    """Alike by more than `pg_trgm.similarity_threshold`."""

    lookup_name, operator = "trigram_similar", "%"


@CharField.register_lookup
@TextField.register_lookup
class TrigramWordSimilar(OperatorLookup):
    """A part of it is alike by more than `pg_trgm.word_similarity_threshold`."""

    lookup_name, operator = "trigram_word_similar", "%>"


@CharField.register_lookup
@TextField.register_lookup
class TrigramStrictWordSimilar(OperatorLookup):
    """Words of it are alike by more than `pg_trgm.strict_word_similarity_threshold`."""

    lookup_name, operator = "trigram_strict_word_similar", "%>>"


@CharField.register_lookup
@TextField.register_lookup
class Unaccent(Transform):
    """The text without accents, on both sides of a lookup: `name__unaccent__icontains="jose"`."""

    lookup_name = "unaccent"
    bilateral = True
    function = "UNACCENT"
    output_field = TextField(null=True)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        require_postgresql(context, cls.__name__)
        return super().build(static, operands, context)
