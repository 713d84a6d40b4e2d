"""Full-text search: documents (`SearchVector`), queries, ranks and headlines.

https://docs.djangoproject.com/en/5.2/ref/contrib/postgres/search/
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy import func
from sqlalchemy.dialects import postgresql

from vivace.orm.expressions.base import Bare, Expression, Value, as_field_or_expression
from vivace.orm.expressions.kinds import TEXT_KINDS, kind_of
from vivace.orm.expressions.literals import text_literal
from vivace.orm.expressions.lookups.base import Clause, Lookup, Right
from vivace.orm.expressions.operand import Operand
from vivace.orm.fields.numbers import FloatField
from vivace.orm.fields.text import CharField, TextField
from vivace.orm.postgresql.only import PostgreSQLField, require_postgresql

if TYPE_CHECKING:
    from vivace.orm.expressions.operands import Context

_CONFIG = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?\Z")
_WEIGHTS = ("A", "B", "C", "D")
_QUERIES = {
    "plain": "plainto_tsquery",
    "phrase": "phraseto_tsquery",
    "raw": "to_tsquery",
    "websearch": "websearch_to_tsquery",
}


class SearchVectorField(PostgreSQLField[str]):
    """A document prepared for full-text search (`tsvector`), kept by a trigger or as a generated column."""

    kind = "text"
    search_config: str | None = None
    """The configuration by which plain texts that are searched for are read."""

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return postgresql.TSVECTOR()

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return self.sql_type()


class SearchQueryField(PostgreSQLField[str]):
    """A full-text query (`tsquery`)."""

    kind = "text"

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return postgresql.TSQUERY()

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return self.sql_type()


class SearchConfig(Expression):
    """A configuration by its name ("english"), or by an expression that gives it for each row."""

    def __init__(self, config: Any) -> None:
        if isinstance(config, Value):
            config = config.value
        if isinstance(config, str) and not _CONFIG.match(config):
            raise ValueError(f"config={config!r}: a search configuration has a plain name, such as english")
        self.config = config

    @classmethod
    def from_parameter(cls, config: Any) -> SearchConfig | None:
        """A configuration as functions take it, or None."""
        return config if config is None or isinstance(config, cls) else cls(config)

    def get_source_expressions(self) -> Sequence[Any]:
        return () if isinstance(self.config, str) else (self.config,)

    def static_options(self) -> Hashable:
        return self.config if isinstance(self.config, str) else None

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        # A name stands in the SQL, because an index on to_tsvector('english', …) is known only by it.
        name: Any = text_literal(static, context.dialect) if static is not None else operands[0].element
        return context.operand(sqlalchemy.cast(name, postgresql.REGCONFIG()), CharField(null=True), operands)


class SearchVector(Expression):
    """The words of one or more texts; null counts as empty. Vectors are joined by `+`.

    `weight` is A, B, C or D. Raises ValueError for other weights and for names of configurations that are none.
    """

    def __init__(self, *expressions: Any, config: Any = None, weight: Any = None) -> None:
        if not expressions:
            raise TypeError("SearchVector() takes one or more texts")
        weight = weight.value if isinstance(weight, Value) else weight
        if weight is not None and weight not in _WEIGHTS:
            raise ValueError(f"weight={weight!r}: a weight is one of {', '.join(_WEIGHTS)}")
        self.expressions = [as_field_or_expression(each) for each in expressions]
        self.config, self.weight = SearchConfig.from_parameter(config), weight

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.config, *self.expressions)

    def static_options(self) -> Hashable:
        name = self.config.config if self.config is not None and isinstance(self.config.config, str) else None
        return (self.weight, name)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        require_postgresql(context, cls.__name__)
        weight, config_name = static
        config, *parts = operands
        text: Any = _text_of(parts[0])
        for part in parts[1:]:
            text = text.concat(sqlalchemy.literal_column("' '")).concat(_text_of(part))
        arguments = (text,) if config is None else (config.element, text)
        vector = func.to_tsvector(*arguments, type_=postgresql.TSVECTOR())
        if weight is not None:
            letter = text_literal(weight, context.dialect)
            vector = func.setweight(vector, letter, type_=postgresql.TSVECTOR())
        return context.operand(vector, _vector_field(config_name), operands, nullable=False)

    def __add__(self, other: Any) -> Any:
        return CombinedSearchVector(self, other)

    def __repr__(self) -> str:
        return f"SearchVector({', '.join(map(repr, self.expressions))})"


def _vector_field(config: str | None) -> SearchVectorField:
    field = SearchVectorField(null=True)
    field.search_config = config
    return field


def _text_of(operand: Operand) -> Any:
    element: Any = operand.element
    if kind_of(operand.field) not in TEXT_KINDS:
        element = sqlalchemy.cast(element, sqlalchemy.Text())
    return func.coalesce(element, sqlalchemy.literal_column("''"), type_=sqlalchemy.Text())


class CombinedSearchVector(Expression):
    """Two documents one after the other."""

    def __init__(self, left: Any, right: Any) -> None:
        if not isinstance(right, SearchVector | CombinedSearchVector):
            raise TypeError(
                f"SearchVector can only be combined with other SearchVector instances, got {type(right).__name__}."
            )
        self.left, self.right = left, right

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.left, self.right)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        left, right = operands
        element = left.element.op("||", return_type=postgresql.TSVECTOR())(right.element)
        return context.operand(element, left.field, operands)

    def __add__(self, other: Any) -> Any:
        return CombinedSearchVector(self, other)


class _Query(Expression):
    """What `&`, `|` and `~` make queries of."""

    def __and__(self, other: Any) -> Any:
        return CombinedSearchQuery(self, "&&", other)

    def __or__(self, other: Any) -> Any:
        return CombinedSearchQuery(self, "||", other)


class SearchQuery(_Query):
    """What is searched for. `search_type` says how the text is read: "plain", "phrase", "raw" or "websearch".

    Queries are joined by `&` and `|` and turned round by `~`. Raises ValueError for another `search_type`.
    """

    def __init__(self, value: Any, *, config: Any = None, invert: bool = False, search_type: str = "plain") -> None:
        if search_type not in _QUERIES:
            raise ValueError(f"Unknown search_type argument {search_type!r}: one of {', '.join(_QUERIES)}")
        self.value = value if hasattr(value, "freeze") else Value(value, TextField())
        self.config, self.invert, self.search_type = SearchConfig.from_parameter(config), invert, search_type

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.config, self.value)

    def static_options(self) -> Hashable:
        return (self.search_type, self.invert)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        require_postgresql(context, cls.__name__)
        search_type, invert = static
        given = [operand.element for operand in operands if operand is not None]
        query: Any = getattr(func, _QUERIES[search_type])(*given, type_=postgresql.TSQUERY())
        if invert:
            query = sqlalchemy.type_coerce(func.tsquery_not(query), postgresql.TSQUERY())
        return context.operand(query, SearchQueryField(null=True), operands)

    def __invert__(self) -> Any:
        return SearchQuery(self.value, config=self.config, invert=not self.invert, search_type=self.search_type)

    def __repr__(self) -> str:
        return f"{'~' if self.invert else ''}SearchQuery({self.value!r})"


class CombinedSearchQuery(_Query):
    """Two queries, of which both or one must match."""

    def __init__(self, left: Any, operator: str, right: Any) -> None:
        if not isinstance(right, _Query):
            raise TypeError(
                f"SearchQuery can only be combined with other SearchQuery instances, got {type(right).__name__}."
            )
        self.left, self.operator, self.right = left, operator, right

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.left, self.right)

    def static_options(self) -> Hashable:
        return self.operator

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        left, right = operands
        element = left.element.op(static, return_type=postgresql.TSQUERY())(right.element)
        return context.operand(element, SearchQueryField(null=True), operands)


def _as_vector(vector: Any) -> Any:
    return vector if hasattr(vector, "freeze") else SearchVector(vector)


def _as_query(query: Any) -> Any:
    return query if hasattr(query, "freeze") else SearchQuery(query)


class SearchRank(Expression):
    """How well a document matches a query; `weights` are those of the letters D, C, B and A."""

    def __init__(
        self,
        vector: Any,
        query: Any,
        weights: Sequence[float] | None = None,
        normalization: Any = None,
        cover_density: bool = False,
    ) -> None:
        if weights is not None and len(weights) != len(_WEIGHTS):
            raise ValueError(f"weights={weights!r}: four numbers, for D, C, B and A")
        self.vector, self.query = _as_vector(vector), _as_query(query)
        self.weights = None if weights is None else Bare([float(each) for each in weights])
        plain = normalization is None or hasattr(normalization, "freeze")
        self.normalization = normalization if plain else Bare(int(normalization))
        self.cover_density = cover_density

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.weights, self.vector, self.query, self.normalization)

    def static_options(self) -> Hashable:
        return self.cover_density

    @classmethod
    def build_node(cls, static: Any, children: Sequence[Any], context: Context) -> Operand:
        require_postgresql(context, cls.__name__)
        weights, vector, query, normalization = children
        parts = [context.build(vector), context.build(query)]
        arguments = [part.element for part in parts]
        if weights is not None:
            arguments.insert(0, context.binds.add(weights[-1], list, postgresql.ARRAY(sqlalchemy.REAL())))
        if normalization is not None and normalization[0] == "bare":
            arguments.append(context.binds.add(normalization[-1], int, sqlalchemy.Integer()))
        elif normalization is not None:
            arguments.append(sqlalchemy.cast(context.build(normalization).element, sqlalchemy.Integer()))
        rank = func.ts_rank_cd if static else func.ts_rank
        return context.operand(rank(*arguments, type_=sqlalchemy.REAL()), FloatField(null=True), parts)


class SearchHeadline(Expression):
    """The part of a text in which a query matches, with the matches marked.

    The text and the marks come as they are: escape them, or mark with what cannot be HTML, before showing a headline
    of other people's texts on a page.
    """

    def __init__(
        self,
        expression: Any,
        query: Any,
        *,
        config: Any = None,
        start_sel: str | None = None,
        stop_sel: str | None = None,
        max_words: int | None = None,
        min_words: int | None = None,
        short_word: int | None = None,
        highlight_all: bool | None = None,
        max_fragments: int | None = None,
        fragment_delimiter: str | None = None,
    ) -> None:
        self.expression, self.query = as_field_or_expression(expression), _as_query(query)
        self.config = SearchConfig.from_parameter(config)
        options = _headline_options(
            {
                "StartSel": start_sel,
                "StopSel": stop_sel,
                "MaxWords": max_words,
                "MinWords": min_words,
                "ShortWord": short_word,
                "HighlightAll": highlight_all,
                "MaxFragments": max_fragments,
                "FragmentDelimiter": fragment_delimiter,
            }
        )
        self.options = Value(options, TextField()) if options else None

    def get_source_expressions(self) -> Sequence[Any]:
        return (self.config, self.expression, self.query, self.options)

    @classmethod
    def build(cls, static: Any, operands: Sequence[Any], context: Context) -> Operand:
        require_postgresql(context, cls.__name__)
        given = [operand.element for operand in operands if operand is not None]
        headline = func.ts_headline(*given, type_=sqlalchemy.Text())
        return context.operand(headline, TextField(null=True), operands)


def _headline_options(options: Mapping[str, Any]) -> str:
    """The options as ts_headline takes them: one text, each value in quotes."""

    def quoted(value: Any) -> str:
        return str(value).replace("\\", "\\\\").replace("'", "''")

    return ", ".join(f"{name}='{quoted(value)}'" for name, value in options.items() if value is not None)


@SearchVectorField.register_lookup
class SearchVectorExact(Lookup):
    """Matches a query; a plain text is read as one, by the document's configuration."""

    lookup_name = "exact"

    @classmethod
    def of_none(cls, lhs: Operand, context: Context) -> Clause:
        return lhs.element.is_(None)

    @classmethod
    def of_value(cls, lhs: Operand, right: Right, context: Context) -> Operand:
        require_postgresql(context, "Full-text search")
        text: Any = context.binds.add(right.payload, str, sqlalchemy.Text())
        config = getattr(lhs.field, "search_config", None)
        given = (text,) if config is None else (SearchConfig.build(config, (), context).element, text)
        return Operand(func.plainto_tsquery(*given, type_=postgresql.TSQUERY()), SearchQueryField(), nullable=False)

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        query: Any = rhs.element
        if kind_of(rhs.field) in TEXT_KINDS and not isinstance(rhs.field, SearchQueryField):
            query = func.plainto_tsquery(query)
        clause: Clause = lhs.element.op("@@", is_comparison=True)(query)
        return clause


@CharField.register_lookup
@TextField.register_lookup
class SearchLookup(SearchVectorExact):
    """A text of which the words match a query."""

    lookup_name = "search"

    @classmethod
    def as_sql(cls, lhs: Operand, rhs: Operand, context: Context) -> Clause:
        require_postgresql(context, "The lookup search")
        vector = Operand(func.to_tsvector(_text_of(lhs)), SearchVectorField(), nullable=False)
        return super().as_sql(vector, rhs, context)


SearchVectorField.register_lookup(SearchVectorExact, "search")
