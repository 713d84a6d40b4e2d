"""Models as a migration has them: made from the replayed state, with the fields that the tables have at that point.

A data step that imported today's models would break as soon as one of them gets another field. Historical models have
columns, keys and relations; methods, managers and defaults in Python are not in migration files, so they have none.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from vivace.orm.base import Model, ModelBase
from vivace.orm.binding import using
from vivace.orm.expressions.base import RawSQL
from vivace.orm.fields import (
    CASCADE,
    DO_NOTHING,
    SET_NULL,
    BigAutoField,
    BigIntegerField,
    BinaryField,
    BooleanField,
    CharField,
    CompositePrimaryKey,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    Field,
    FloatField,
    ForeignKey,
    GeneratedField,
    IntegerField,
    JSONField,
    OneToOneField,
    SmallIntegerField,
    TextField,
    TimeField,
    UUIDField,
)
from vivace.orm.migrations.elements import Column, Default, Generated, Table, Unique
from vivace.orm.migrations.elements import ForeignKey as Key
from vivace.orm.options import Options
from vivace.orm.registry import registry
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.migrations.state import State

_ON_DELETE: dict[str, Any] = {"CASCADE": CASCADE, "SET NULL": SET_NULL}


class HistoricalOptions(Options):
    """Options of a model whose table is not that of today's model of the same name."""

    historical_table: sa.Table

    @property
    def table(self) -> sa.Table:
        """The SQLAlchemy table, in the MetaData of the migration's state."""
        return self.historical_table


class HistoricalApps:
    """The models of a migration's state: `apps.get_model("blog", "Note")`. They are made when first asked for."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._models: dict[str, type[Model]] | None = None

    def get_model(self, label: str, name: str | None = None) -> type[Model]:
        """The model of a table, by its label and name (`get_model("blog", "Note")` or `get_model("blog.Note")`).

        The name is that of the class, in any case; the table's own name will do, too. Raises LookupError.
        """
        if name is None:
            label, _, name = label.partition(".")
        models = self._all()
        for table in (f"{label}_{name.lower()}", _table_of_today(label, name) or name, name):
            if table in models and self._state.owners[table] == label:
                return models[table]
        known = [model._meta.label for table, model in models.items() if self._state.owners[table] == label]
        hint = did_you_mean(f"{label}.{name}", known, listed_as="Models at this point")
        raise LookupError(f'No migration has made a table for "{label}.{name}" at this point. {hint}')

    def get_models(self) -> list[type[Model]]:
        """All models at this point of the history."""
        return list(self._all().values())

    def _all(self) -> Mapping[str, type[Model]]:
        if self._models is None:
            self._models = _build(self._state)
        return self._models


def _table_of_today(label: str, name: str) -> str | None:
    try:
        return registry.get_model(f"{label}.{name}")._meta.db_table
    except LookupError:
        return None


def _build(state: State) -> dict[str, type[Model]]:
    names = {table: _class_name(table, state.owners[table]) for table in state.tables}
    models: dict[str, type[Model]] = {}
    with registry.isolated(empty=True):
        for name, found in state.tables.items():
            models[name] = _model(found, state, names)
        metadata = sa.MetaData()
        for model in models.values():
            options = model._meta
            table = options.make_table(metadata)
            options.__class__ = HistoricalOptions
            vars(options)["historical_table"] = table
    return models


def _class_name(table: str, label: str) -> str:
    for model in registry.models(include_auto_created=True):
        if model._meta.db_table == table:
            return model.__name__
    words = table.removeprefix(f"{label}_").split("_")
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if name.isidentifier() else f"Table{name}"


def _model(table: Table, state: State, names: Mapping[str, str]) -> type[Model]:
    label = state.owners[table.name]
    keys = {key.columns[0]: key for key in table.foreign_keys if len(key.columns) == 1 and key.table in state.tables}
    unique = {item.columns[0] for item in table.constraints if isinstance(item, Unique) and len(item.columns) == 1}
    composite = len(table.primary_key.columns) > 1
    body: dict[str, Any] = {"__module__": f"vivace_migrations.{label}", "__qualname__": names[table.name]}
    for column in table.columns.values():
        options: dict[str, Any] = {"null": column.nullable, "db_column": column.name}
        if table.primary_key.columns == (column.name,):
            options = {"primary_key": True, "db_column": column.name}
        elif column.name in unique:
            options["unique"] = True
        if isinstance(column.server_default, Default):
            options["db_default"] = _raw(column.server_default.sql)
        if column.name in keys:
            name, field = _relation(table, column, keys[column.name], state, names, options)
        elif isinstance(column.server_default, Generated):
            name, field = column.name, _generated(column, column.server_default)
        else:
            name, field = column.name, field_of(column, options)
        body[_field_name(name)] = field
    if composite:
        body["pk"] = CompositePrimaryKey(*[_field_name(name) for name in table.primary_key.columns])
    body["Meta"] = type("Meta", (), {"app_label": label, "db_table": table.name})
    return ModelBase(names[table.name], (Model,), body)  # type: ignore[return-value]


def _relation(
    table: Table, column: Column, key: Key, state: State, names: Mapping[str, str], options: dict[str, Any]
) -> tuple[str, Field[Any]]:
    kind = OneToOneField if options.pop("unique", False) or options.get("primary_key") else ForeignKey
    to = "self" if key.table == table.name else f"{state.owners[key.table]}.{names[key.table]}"
    others = [item for item in table.foreign_keys if item.table == key.table]
    field: Field[Any] = kind(
        to,
        on_delete=_ON_DELETE.get((key.ondelete or "").upper(), DO_NOTHING),
        to_field=None if state.tables[key.table].primary_key.columns == key.referred else _field_name(key.referred[0]),
        related_name="+" if len(others) > 1 else None,
        **options,
    )
    return column.name.removesuffix("_id") or column.name, field


def _generated(column: Column, generated: Generated) -> Field[Any]:
    return GeneratedField(
        expression=_raw(generated.sql), output_field=field_of(column, {}), db_persist=True, db_column=column.name
    )


def _raw(sql: str) -> RawSQL:
    """An expression that is never run: it says that the database has a value, or makes it."""
    return RawSQL(sql.replace("%", "%%"))


def _field_name(column: str) -> str:
    """A column's name as that of a field."""
    return column.strip("_").replace("__", "_")


_KINDS: list[tuple[type[Any], Callable[..., Field[Any]]]] = [
    (sa.Boolean, BooleanField),
    (sa.SmallInteger, SmallIntegerField),
    (sa.BigInteger, BigIntegerField),
    (sa.Integer, IntegerField),
    (sa.Float, FloatField),
    (sa.Uuid, UUIDField),
    (sa.JSON, JSONField),
    (sa.LargeBinary, BinaryField),
    (sa.DateTime, DateTimeField),
    (sa.Date, DateField),
    (sa.Time, TimeField),
    (sa.Interval, DurationField),
    (sa.Text, TextField),
]


def field_of(column: Column, options: dict[str, Any]) -> Field[Any]:
    """The plain field that reads and writes a column of this type."""
    type_ = column.type
    if options.get("primary_key") and isinstance(type_, sa.Integer) and column.autoincrement in (True, "auto"):
        return BigAutoField(**options)
    if isinstance(type_, sa.Numeric) and not isinstance(type_, sa.Float):
        return DecimalField(max_digits=type_.precision or 65, decimal_places=type_.scale or 0, **options)
    for kind, make in _KINDS:
        if isinstance(type_, kind):
            return make(**options)
    if isinstance(type_, sa.String) and type_.length is not None:
        return CharField(max_length=type_.length, **options)
    return TextField(**options)


def with_apps(function: Callable[..., Awaitable[Any]], state: State) -> Callable[[Database], Awaitable[Any]]:
    """A data step as a function of the database: one that takes two arguments gets the historical models, too.

    Its queries go to the database that is migrated.
    """
    try:
        parameters = [
            item
            for item in inspect.signature(function).parameters.values()
            if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD) and item.default is item.empty
        ]
    except (TypeError, ValueError):
        parameters = []
    wants_apps = len(parameters) > 1
    apps = HistoricalApps(state.copy())

    async def step(database: Database) -> Any:
        with using(database):
            return await (function(apps, database) if wants_apps else function(database))

    return step
