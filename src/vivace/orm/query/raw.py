"""`Book.objects.raw("SELECT …")`: instances from SQL written by hand."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from vivace.orm import binding
from vivace.orm.exceptions import FieldDoesNotExist, FieldError
from vivace.orm.expressions.base import kind_of_value
from vivace.orm.expressions.kinds import field_of_kind
from vivace.orm.query.hydrate import Node, instances_decoder
from vivace.orm.query.prefetch import Prefetch, prefetch

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

M = TypeVar("M", covariant=True)
Parameters = Sequence[Any] | Mapping[str, Any] | None

_PERCENT = re.compile(r"%(?:%|s|\((?P<name>[^\W\d]\w*)\)s)")
# Drivers take these as they are; what else has a type of its own is written as the ORM's fields write it.
_AS_THEY_ARE = (int, float, str, bytes)


class RawQuerySet(Generic[M]):
    """The rows of a statement as instances, not fetched until awaited.

    Columns are matched with fields by name. Fields without a column are deferred, columns without a field become
    attributes. Source: https://docs.djangoproject.com/en/stable/topics/db/sql/
    """

    def __init__(
        self,
        model: type[Model],
        raw_query: str,
        params: Parameters = (),
        translations: Mapping[str, str] | None = None,
        using: Database | str | None = None,
    ) -> None:
        if isinstance(params, str | bytes):
            raise TypeError(f"raw() takes parameters as a list or a dict, got {params!r}")
        self.model, self.raw_query, self.params = model, raw_query, params
        self.translations = dict(translations or {})
        self._database = using
        self._prefetch: tuple[str | Prefetch, ...] = ()
        self._result: list[Any] | None = None

    def _clone(self) -> Self:
        made = type(self)(self.model, self.raw_query, self.params, self.translations, self._database)
        made._prefetch = self._prefetch
        return made

    @property
    def db(self) -> Database:
        """The database that the rows come from."""
        return binding.resolve(self._database, self.model)

    def using(self, alias: Database | str | None) -> Self:
        """The same statement on another database, given itself or by its alias."""
        made = self._clone()
        made._database = alias
        return made

    def prefetch_related(self, *lookups: str | Prefetch | None) -> Self:
        """Loads related objects by one more query for each relation."""
        made = self._clone()
        made._prefetch = () if lookups == (None,) else (*self._prefetch, *(each for each in lookups if each))
        return made

    def __await__(self) -> Generator[Any, None, list[M]]:
        return self._fetch().__await__()

    async def _fetch(self) -> list[M]:
        if self._result is None:
            database = self.db
            sql, values = _statement(self.raw_query, self.params, database.dialect.name)
            self._result = await self._instances(await database.fetch_all(sql, values), database)
        return self._result

    async def __aiter__(self) -> AsyncIterator[M]:
        for instance in await self:
            yield instance

    async def iterator(self, chunk_size: int = 2000) -> AsyncIterator[M]:
        """Instances one by one as they come, `chunk_size` at a time in memory, none of them kept."""
        if chunk_size < 1:
            raise ValueError(f"chunk_size is at least 1, got {chunk_size}")
        database, chunk = self.db, []
        sql, values = _statement(self.raw_query, self.params, database.dialect.name)
        async for row in database.iterate(sql, values):
            chunk.append(row)
            if len(chunk) == chunk_size:
                for instance in await self._instances(chunk, database):
                    yield instance
                chunk = []
        for instance in await self._instances(chunk, database):
            yield instance

    async def _instances(self, rows: list[Any], database: Database) -> list[Any]:
        if not rows:
            return []
        columns = rows[0]._fields
        build = _builder(self.model, columns, tuple(sorted(self.translations.items())), database.dialect.name)
        instances = build([tuple(row) for row in rows], database)
        if self._prefetch:
            await prefetch(instances, self._prefetch, database)
        return instances

    def __iter__(self) -> Iterator[M]:
        return iter(self._loaded())

    def __len__(self) -> int:
        return len(self._loaded())

    def __bool__(self) -> bool:
        return bool(self._loaded())

    def __getitem__(self, key: Any) -> Any:
        return self._loaded()[key]

    def _loaded(self) -> list[Any]:
        if self._result is None:
            raise TypeError("The rows of this raw() query are not loaded: `await` it or use `async for`")
        return self._result

    def __repr__(self) -> str:
        return f"<RawQuerySet: {self.raw_query}>"


def _statement(sql: str, params: Parameters, dialect: str) -> tuple[str, dict[str, Any] | None]:
    """The statement with `:name` for each parameter, and the values.

    A list goes with `%s`, a dict with `%(name)s` or `:name`; where there are percent signs for parameters, a plain one
    is written twice, as in Django.
    """
    if params is None:
        return sql, None
    if isinstance(params, Mapping):
        if any(match["name"] for match in _PERCENT.finditer(sql)):
            sql = _PERCENT.sub(lambda match: f":{match['name']}" if match["name"] else match[0][1:], sql)
        return sql, {name: _converted(value, dialect) for name, value in params.items()} or None
    names: list[str] = []

    def placeholder(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if match["name"]:
            raise TypeError(f"raw(): {match[0]} takes its value from a dict, and the parameters are a list")
        names.append(f"raw_{len(names)}")
        return f":{names[-1]}"

    sql = _PERCENT.sub(placeholder, sql)
    if len(names) != len(params):
        raise TypeError(f"raw(): the statement has {len(names)} places (%s) for {len(params)} parameters")
    return sql, {name: _converted(value, dialect) for name, value in zip(names, params, strict=True)} or None


def _converted(value: Any, dialect: str) -> Any:
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    return field_of_kind(kind_of_value(value)).bind_converter(dialect)(value)


Build = Callable[[list[Any], "Database"], list[Any]]


@lru_cache(maxsize=512)
def _builder(
    model: type[Model], columns: tuple[str, ...], translations: tuple[tuple[str, str], ...], dialect: str
) -> Build:
    """A function from rows with these columns to instances."""
    meta, names = model._meta, dict(translations)
    by_column = {field.column.lower(): field for field in meta.concrete_fields}
    places: dict[Any, int] = {}
    others: list[tuple[str, int]] = []
    for index, column in enumerate(columns):
        name = names.get(column, column)
        field = meta.forward.get(name) if column in names else by_column.get(name.lower())
        if field is not None and field.concrete:
            places.setdefault(field, index)
        elif hasattr(model, name) or name.startswith("_"):
            raise FieldError(f'raw(): the column "{name}" would hide {meta.object_name}.{name}; name it otherwise (AS)')
        else:
            others.append((name, index))
    if meta.pk not in places:
        raise FieldDoesNotExist("Raw query must include the primary key")
    fields = [field for field in meta.concrete_fields if field in places]
    order = [places[field] for field in fields]
    decode = instances_decoder(Node(model, fields, 0), [], len(fields), dialect)

    def build(rows: list[Any], database: Database) -> list[Any]:
        instances = decode([tuple([row[index] for index in order]) for row in rows], database, True)
        for name, index in others:
            for instance, row in zip(instances, rows, strict=True):
                setattr(instance, name, row[index])
        return instances

    return build
