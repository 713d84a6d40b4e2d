"""SQLAlchemy Core expressions, compiled through SQLAlchemy's own compiled cache.

The only module here that uses SQLAlchemy's private names: `_compile_w_cache`, `_bind_processors`, `_result_columns`,
`_process_parameters_for_postcompile`, `_within_exec_param_key_getter`, `_default_description_tuple`,
`_onupdate_description_tuple`, `_cached_result_processor`, `_ordered_columns`.
tests/databases/test_expressions.py has a canary for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import ClauseElement, Dialect, Insert, Update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

from vivace.databases.errors import InterfaceError, ProgrammingError
from vivace.databases.plan import Plan
from vivace.databases.records import LooseShape, RecordShape

# Statement shapes kept for each database, as many as SQLAlchemy's engine keeps.
CACHE_SIZE = 500

Values = Mapping[str, Any]
Bind = Callable[[Values], tuple[Any, ...]]


class Expression:
    """One compiled shape of expression: its plans (one for each length of an IN list) and its record shape."""

    __slots__ = ("_bare_plan", "_plans", "compiled", "returns_key", "shape")

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.compiled = compiled
        self._plans: dict[str, Plan] = {}
        self._bare_plan: Plan | None = None
        # INSERT that SQLAlchemy gave a RETURNING of its own, to learn the new key.
        self.returns_key = bool(compiled.isinsert and compiled.implicit_returning)
        self.shape: RecordShape | None = None
        columns = compiled._result_columns
        if columns and not compiled._ordered_columns:
            # text().columns(name=String): in whatever order.
            self.shape = LooseShape(
                {str(column.keyname): column.type._cached_result_processor(dialect, None) for column in columns}
            )
        elif columns:
            elements: dict[Any, int] = {}
            for position, column in enumerate(columns):
                for thing in column.objects or ():
                    if isinstance(thing, ClauseElement):
                        elements.setdefault(thing, position)
            processors = [column.type._cached_result_processor(dialect, None) for column in columns]
            self.shape = RecordShape(tuple([str(column.keyname) for column in columns]), processors, elements)

    def plan(self, sql: str | None = None) -> Plan:
        """The plan of the statement as compiled, or of `sql` when an IN list was spelled out."""
        if sql is None:
            if self._bare_plan is None:
                self._bare_plan = self._make_plan(self.compiled.string)
            return self._bare_plan
        plan = self._plans.get(sql)
        if plan is None:
            if len(self._plans) > CACHE_SIZE:
                self._plans.clear()
            plan = self._plans[sql] = self._make_plan(sql)
        return plan

    def _make_plan(self, sql: str) -> Plan:
        compiled = self.compiled
        writes = bool(compiled.isinsert or compiled.isupdate or compiled.isdelete)
        # A SELECT may hold an INSERT … RETURNING as CTE.
        writes = writes or any(getattr(cte.element, "is_dml", False) for cte in compiled.ctes or ())
        return Plan(
            sql,
            reads=not writes,
            returns_rows=bool(compiled._result_columns) or self.returns_key,
            inserts=bool(compiled.isinsert) and not _is_upsert(compiled),
            returns_key=self.returns_key,
        )


def _is_upsert(compiled: SQLCompiler) -> bool:
    clause = getattr(compiled.statement, "_post_values_clause", None)
    return clause is not None and clause.__visit_name__ in (
        "on_conflict_do_update",
        "on_duplicate_key_update",
    )


class Call:
    """An expression with its values: what to run."""

    __slots__ = ("args", "expression", "plan")

    def __init__(self, expression: Expression | None, plan: Plan, args: Any) -> None:
        self.expression = expression
        self.plan = plan
        self.args = args


class ExpressionCompiler:
    """The expressions of one database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._cache: LRUCache[Any, Any] = LRUCache(CACHE_SIZE)
        self._expressions: LRUCache[Any, Expression] = LRUCache(CACHE_SIZE)

    def call(self, element: ClauseElement, values: Mapping[str, Any] | None) -> Call:
        """`element` ready to run with `values` (parameters of an INSERT or UPDATE, or of `bindparam()`)."""
        if isinstance(element, ExecutableDDLElement):
            return Call(None, self._ddl(element), ())
        if values and isinstance(element, (Insert, Update)) and _has_expressions(values):
            element, values = element.values(**values), None
        compiled, extracted, collected = self._compile(element, tuple(values) if values else ())
        expression = self._expression(compiled)
        sql, args = self._arguments(compiled, extracted, collected, values)
        return Call(expression, expression.plan(sql), args)

    def call_many(self, element: ClauseElement, first: Values, rows: Iterable[Values]) -> Call:
        """`element` ready to run once for each of `rows`, which all have the names of the first."""
        compiled, extracted, collected = self._compile(element, tuple(first), many=True)
        expression = self._expression(compiled)
        bind = self._binder(compiled, extracted, collected, first)
        return Call(expression, expression.plan(), self._bound(bind, first, rows))

    def _bound(self, bind: Bind, first: Values, rows: Iterable[Values]) -> Iterator[tuple[Any, ...]]:
        names = first.keys()
        for number, row in enumerate(rows):
            if row.keys() != names:
                raise InterfaceError(
                    f"execute_many() takes rows of the same names; row {number} differs from the first"
                )
            yield bind(row)

    def _binder(self, compiled: SQLCompiler, extracted: Any, collected: Any, first: Values) -> Bind:
        """What makes the arguments of one row. SQLAlchemy's own way takes longer than the database."""
        if (
            compiled.insert_prefetch
            or compiled.update_prefetch
            or compiled.literal_execute_params
            or compiled.post_compile_params
        ):
            return lambda row: self._arguments(compiled, extracted, collected, row)[1]
        # Where does each value go? Looked up once, with a mark for each name instead of its value.
        marks = {name: object() for name in first}
        names = {id(mark): name for name, mark in marks.items()}
        processors: Mapping[str, Any] = compiled._bind_processors
        parameters = self._parameters(compiled, extracted, collected, marks)
        places = [(names.get(id(parameters[name])), processors.get(name), name) for name in compiled.positiontup or ()]
        keys = [key for key, _, _ in places if key is not None]
        if len(keys) == len(places) > 1:
            return _picking(keys, [(place, processor) for place, (_, processor, _) in enumerate(places) if processor])
        constants = {name: parameters[name] for key, _, name in places if key is None}

        def bind(row: Values) -> tuple[Any, ...]:
            values = ((row[key] if key is not None else constants[name], processor) for key, processor, name in places)
            return tuple([value if processor is None else processor(value) for value, processor in values])

        return bind

    def _ddl(self, element: ExecutableDDLElement) -> Plan:
        try:
            return Plan(str(element.compile(dialect=self._dialect)), reads=False, returns_rows=False)
        except SQLAlchemyError as error:
            raise ProgrammingError(f"SQLAlchemy could not compile the statement: {error}") from error

    def _compile(
        self, element: ClauseElement, names: tuple[str, ...], *, many: bool = False
    ) -> tuple[SQLCompiler, Any, Any]:
        try:
            compiled, extracted, collected, _ = element._compile_w_cache(
                self._dialect, compiled_cache=self._cache, column_keys=list(names), for_executemany=many
            )
        except SQLAlchemyError as error:
            raise ProgrammingError(f"SQLAlchemy could not compile the statement: {error}") from error
        return cast(SQLCompiler, compiled), extracted, collected

    def _expression(self, compiled: SQLCompiler) -> Expression:
        expression: Expression | None = self._expressions.get(compiled)
        if expression is None:
            expression = self._expressions[compiled] = Expression(compiled, self._dialect)
        return expression

    def _arguments(
        self, compiled: SQLCompiler, extracted: Any, collected: Any, values: Mapping[str, Any] | None
    ) -> tuple[str | None, tuple[Any, ...]]:
        """The SQL when it depends on the values (None otherwise), and the values in the order of the placeholders."""
        parameters = self._parameters(compiled, extracted, collected, values)
        if compiled.insert_prefetch or compiled.update_prefetch:
            self._add_defaults(compiled, parameters)
        processors: Mapping[str, Any] = compiled._bind_processors
        sql: str | None = None
        order: Iterable[str] = compiled.positiontup or ()
        if compiled.literal_execute_params or compiled.post_compile_params:
            expanded = compiled._process_parameters_for_postcompile(parameters)
            sql = expanded.statement
            parameters = {**parameters, **expanded.parameters}
            processors = {**processors, **expanded.processors}
            order = expanded.positiontup or ()
        args = [processors[name](parameters[name]) if name in processors else parameters[name] for name in order]
        return sql, tuple(args)

    def _parameters(
        self, compiled: SQLCompiler, extracted: Any, collected: Any, values: Values | None
    ) -> MutableMapping[str, Any]:
        """All parameters of the statement by name, not yet converted."""
        try:
            return compiled.construct_params(
                dict(values) if values else None,
                extracted_parameters=extracted,
                escape_names=False,
                _collected_params=collected,
            )
        except SQLAlchemyError as error:
            raise InterfaceError(str(error), sql=compiled.string) from error

    def _add_defaults(self, compiled: SQLCompiler, parameters: MutableMapping[str, Any]) -> None:
        """Python-side `Column(default=…, onupdate=…)`, which SQLAlchemy's own execution would fill in."""
        key_of = compiled._within_exec_param_key_getter
        context = _DefaultContext(parameters, self._dialect)
        pairs = [(column, column._default_description_tuple) for column in compiled.insert_prefetch or ()]
        pairs += [(column, column._onupdate_description_tuple) for column in compiled.update_prefetch or ()]
        for column, description in pairs:
            if description.is_scalar:
                parameters[key_of(column)] = description.arg
            elif description.is_callable:
                context.current_column = column
                parameters[key_of(column)] = description.arg(context)


def _has_expressions(values: Mapping[str, Any]) -> bool:
    """Whether something in `values` is no value but SQL, such as `func.now()`."""
    return any([isinstance(value, ClauseElement) for value in values.values()])  # noqa: C419 (twice as fast so)


def _picking(keys: Sequence[str], processors: Sequence[tuple[int, Callable[[Any], Any]]]) -> Bind:
    """What takes the values of a row in the order of `keys`, and converts those that have a processor."""
    pick: Bind = itemgetter(*keys)
    if not processors:
        return pick

    def bind(row: Values) -> tuple[Any, ...]:
        values = list(pick(row))
        for place, processor in processors:
            values[place] = processor(values[place])
        return tuple(values)

    return bind


class _DefaultContext:
    """What a `Column(default=function)` that takes a context gets: the parameters of its row."""

    def __init__(self, parameters: MutableMapping[str, Any], dialect: Dialect) -> None:
        self.current_parameters = parameters
        self.dialect = dialect
        self.current_column: Any = None

    def get_current_parameters(self, isolate_multiinsert_groups: bool = True) -> MutableMapping[str, Any]:
        """The values of the row that is being inserted, as SQLAlchemy's method of this name gives them."""
        return self.current_parameters
