"""What a migration knows of one table: frozen parts that convert losslessly from and to SQLAlchemy's schema objects.

SQLAlchemy's own Table, Column and constraint objects are tied to one MetaData and to each other, so they cannot be
edited or compared safely. These parts hold names and SQL text only; an edit is `dataclasses.replace`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.sql.elements import ClauseElement, TextClause

from vivace.orm.migrations.words import DIALECTS, Words, clause, sql_text, told


@dataclass(frozen=True)
class Default:
    """A server default, as SQL. A quoted string is written into files as the plain string it means."""

    sql: str

    def to_argument(self) -> str | TextClause:
        if not isinstance(self.sql, Words) and re.fullmatch(r"'(?:[^']|'')*'", self.sql):
            return self.sql[1:-1].replace("''", "'")
        return clause(self.sql)


@dataclass(frozen=True)
class Generated:
    """A column computed by the database from others."""

    sql: str
    persisted: bool | None


@dataclass(frozen=True)
class IdentityOptions:
    """GENERATED … AS IDENTITY and the options of its sequence."""

    options: tuple[tuple[str, Any], ...]


_IDENTITY_OPTIONS = (
    "always",
    "on_null",
    "start",
    "increment",
    "minvalue",
    "maxvalue",
    "nominvalue",
    "nomaxvalue",
    "cycle",
    "cache",
)


def default_of(server_default: Any) -> Default | Generated | IdentityOptions | None:
    """The server default of a column, or of an ALTER COLUMN, as a plain value."""
    if server_default is None or isinstance(server_default, (Default, Generated, IdentityOptions)):
        return server_default
    if isinstance(server_default, sa.Computed):
        return Generated(sql_text(server_default.sqltext), server_default.persisted)
    if isinstance(server_default, sa.Identity):
        pairs = [(name, getattr(server_default, name, None)) for name in _IDENTITY_OPTIONS]
        return IdentityOptions(tuple((name, value) for name, value in pairs if value is not None))
    if isinstance(server_default, sa.DefaultClause):
        server_default = server_default.arg
    if isinstance(server_default, str):
        return Default("'{}'".format(server_default.replace("'", "''")))
    if isinstance(server_default, ClauseElement):
        return Default(sql_text(server_default))
    return None  # FetchedValue: the database does something that the schema does not say


@dataclass(frozen=True)
class Column:
    """A column as its migration declares it."""

    name: str
    type: sa.types.TypeEngine[Any]
    nullable: bool
    server_default: Default | Generated | IdentityOptions | None = None
    autoincrement: Any = "auto"
    comment: str | None = None
    # What rows got when the column was added, if that default was taken away since: undoing a drop gives it again.
    filled: Default | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, column: sa.Column[Any]) -> Column:
        return cls(
            name=str(column.name),
            type=column.type,
            nullable=bool(column.nullable),
            server_default=_bare_on_mysql(default_of(column.server_default), column.type),
            autoincrement=column.autoincrement if column.primary_key else "auto",  # means nothing elsewhere
            comment=column.comment,
        )

    def build(self) -> sa.Column[Any]:
        arguments: list[Any] = []
        default: Any = None
        if isinstance(self.server_default, Generated):
            arguments.append(sa.Computed(clause(self.server_default.sql), persisted=self.server_default.persisted))
        elif isinstance(self.server_default, IdentityOptions):
            arguments.append(sa.Identity(**dict(self.server_default.options)))
        elif self.server_default is not None:
            default = self.server_default.to_argument()
        return sa.Column(
            self.name,
            self.type,
            *arguments,
            nullable=self.nullable,
            server_default=default,
            autoincrement=self.autoincrement,
            comment=self.comment,
        )


def _bare_on_mysql(
    default: Default | Generated | IdentityOptions | None, type_: sa.types.TypeEngine[Any]
) -> Default | Generated | IdentityOptions | None:
    """A literal default without the parentheses that MySQL needs for some types only."""
    if not isinstance(default, Default) or not isinstance(default.sql, Words):
        return default
    said = default.sql.said()
    if re.search("TEXT|BLOB|JSON|GEOMETRY", type_.compile(dialect=DIALECTS["mysql"])):
        return default
    for name in ("mysql", "mariadb"):
        literal = re.fullmatch(r"\(('(?:[^'\\]|''|\\.)*'|-?[\d.]+|true|false|NULL)\)", said[name] or "")
        if literal is not None:
            said[name] = literal[1]
    return Default(told(said))


@dataclass(frozen=True)
class PrimaryKey:
    """The primary key of a table."""

    columns: tuple[str, ...]
    name: str | None = None

    def build(self) -> sa.PrimaryKeyConstraint:
        return sa.PrimaryKeyConstraint(*self.columns, name=self.name)


@dataclass(frozen=True)
class Unique:
    """A unique constraint."""

    columns: tuple[str, ...]
    name: str | None = None
    deferrable: bool | None = None
    initially: str | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def build(self) -> sa.UniqueConstraint:
        made = sa.UniqueConstraint(
            *self.columns, name=self.name, deferrable=self.deferrable, initially=self.initially, **dict(self.options)
        )
        # The other databases have none that is checked later.
        return made.ddl_if(dialect="postgresql") if self.deferrable else made


@dataclass(frozen=True)
class Check:
    """A check constraint; `columns` are those its SQL names."""

    sql: str
    name: str | None = None
    columns: tuple[str, ...] = ()

    def build(self) -> sa.CheckConstraint:
        return sa.CheckConstraint(clause(self.sql), name=self.name)


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key to columns of `table`."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]
    name: str | None = None
    ondelete: str | None = None
    onupdate: str | None = None
    deferrable: bool | None = None
    initially: str | None = None
    match: str | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def build(self) -> sa.ForeignKeyConstraint:
        return sa.ForeignKeyConstraint(
            list(self.columns),
            [f"{self.table}.{column}" for column in self.referred],
            name=self.name,
            ondelete=self.ondelete,
            onupdate=self.onupdate,
            deferrable=self.deferrable,
            initially=self.initially,
            match=self.match,
            link_to_name=True,
            **dict(self.options),
        )


@dataclass(frozen=True)
class Index:
    """`expressions` holds column names and, as `Expression`, everything else (`lower(title)`, `created DESC`)."""

    name: str | None
    expressions: tuple[str | Expression, ...]
    unique: bool = False
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(item for item in self.expressions if isinstance(item, str))

    def build(self) -> sa.Index:
        items = [item if isinstance(item, str) else clause(item.sql) for item in self.expressions]
        options: dict[str, Any] = {
            key: clause(value.sql) if isinstance(value, Expression) else value for key, value in self.options
        }
        return sa.Index(self.name, *items, unique=self.unique, **options)


@dataclass(frozen=True)
class Expression:
    """A piece of SQL that is not simply a column's name."""

    sql: str


@dataclass(frozen=True)
class Exclusion:
    """PostgreSQL's exclusion constraint: pairs of an SQL expression and an operator. Other databases have none."""

    expressions: tuple[tuple[str, str], ...]
    name: str | None = None
    using: str = "gist"
    where: str | None = None
    deferrable: bool | None = None
    initially: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return ()  # its expressions may name any

    def build(self) -> ExcludeConstraint:
        made = ExcludeConstraint(
            *[(sa.literal_column(sql), operator) for sql, operator in self.expressions],
            name=self.name,
            using=self.using,
            where=None if self.where is None else clause(self.where),
            deferrable=self.deferrable,
            initially=self.initially,
        )
        return made.ddl_if(dialect="postgresql")


_REQUIREMENTS = ("required_db_vendor", "required_db_features")
Constraint = Unique | Check | ForeignKey | Exclusion


@dataclass(frozen=True)
class Table:
    """A table with all that belongs to it."""

    name: str
    columns: Mapping[str, Column]
    primary_key: PrimaryKey
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    comment: str | None = None
    options: tuple[tuple[str, Any], ...] = field(default=(), repr=False)
    # Which databases have the table: `Meta.required_db_vendor` and `required_db_features`, as in `Table.info`.
    requires: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def of(cls, table: sa.Table) -> Table:
        """What `table` says; parts are put in a fixed order, because SQLAlchemy keeps them in sets."""
        constraints = [constraint_of(item) for item in table.constraints]
        for column in table.columns:
            constraints += [constraint_of(item) for item in column.constraints]
        return cls(
            name=str(table.name),
            columns={str(column.name): Column.of(column) for column in table.columns},
            primary_key=primary_key_of(table.primary_key),
            constraints=tuple(sorted((item for item in constraints if item is not None), key=_sort_key)),
            indexes=tuple(sorted((index_of(item) for item in table.indexes), key=_sort_key)),
            comment=table.comment,
            options=tuple(sorted(table.dialect_kwargs.items())),
            requires=tuple((name, table.info[name]) for name in _REQUIREMENTS if table.info.get(name)),
        )

    def build(self, metadata: sa.MetaData) -> sa.Table:
        """A new SQLAlchemy Table in `metadata`; foreign keys name their targets and need not be there yet."""
        parts: list[Any] = [column.build() for column in self.columns.values()]
        if self.primary_key.columns:
            parts.append(self.primary_key.build())
        parts += [constraint.build() for constraint in self.constraints]
        parts += [index.build() for index in self.indexes]
        options = dict(self.options)
        return sa.Table(self.name, metadata, *parts, comment=self.comment, info=dict(self.requires), **options)

    @property
    def foreign_keys(self) -> tuple[ForeignKey, ...]:
        """The foreign keys among the constraints."""
        return tuple(item for item in self.constraints if isinstance(item, ForeignKey))

    def constraint(self, name: str) -> Constraint:
        """The constraint of that name, which must be there."""
        return next(item for item in self.constraints if item.name == name)

    def index(self, name: str) -> Index:
        """The index of that name, which must be there."""
        return next(item for item in self.indexes if item.name == name)

    def without_foreign_keys(self, removed: Iterable[ForeignKey]) -> Table:
        gone = list(removed)
        return replace(self, constraints=tuple(item for item in self.constraints if item not in gone))


def constraint_of(constraint: Any) -> Constraint | None:
    """The part for an SQLAlchemy constraint; None for a primary key and for what a type brings along by itself."""
    name = None if constraint.name is None else str(constraint.name)
    if isinstance(constraint, sa.ForeignKeyConstraint):
        elements = constraint.elements
        targets = [element.target_fullname.rsplit(".", 1) for element in elements]
        return ForeignKey(
            columns=tuple(str(element.parent.name) for element in elements),
            table=targets[0][0],
            referred=tuple(column for _, column in targets),
            name=name,
            ondelete=constraint.ondelete,
            onupdate=constraint.onupdate,
            deferrable=constraint.deferrable,
            initially=constraint.initially,
            match=constraint.match,
            options=tuple(sorted(constraint.dialect_kwargs.items())),
        )
    if isinstance(constraint, sa.UniqueConstraint):
        return Unique(
            columns=tuple(str(column.name) for column in constraint.columns),
            name=name,
            deferrable=constraint.deferrable,
            initially=constraint.initially,
            options=tuple(sorted(constraint.dialect_kwargs.items())),
        )
    if isinstance(constraint, ExcludeConstraint):
        pairs = [(sql_text(sql, "postgresql"), str(operator)) for sql, _, operator in constraint._render_exprs]
        return Exclusion(
            tuple(pairs),
            name,
            constraint.using,
            None if constraint.where is None else sql_text(constraint.where, "postgresql"),
            constraint.deferrable,
            constraint.initially,
        )
    if isinstance(constraint, sa.CheckConstraint):
        return Check(sql_text(constraint.sqltext), name)
    return None


def foreign_keys_of(table: sa.Table) -> list[ForeignKey]:
    """The foreign keys of an SQLAlchemy table."""
    parts = [constraint_of(item) for item in table.foreign_key_constraints]
    return [part for part in parts if isinstance(part, ForeignKey)]


def primary_key_of(constraint: sa.PrimaryKeyConstraint) -> PrimaryKey:
    """SQLAlchemy's primary key as an element."""
    name = None if constraint.name is None else str(constraint.name)
    return PrimaryKey(tuple(str(column.name) for column in constraint.columns), name)


def index_of(index: sa.Index) -> Index:
    """The part for an SQLAlchemy index; options such as `postgresql_where` are kept as SQL text."""
    items = [
        str(item.name) if isinstance(item, sa.Column) else Expression(sql_text(item)) for item in index.expressions
    ]
    options = {
        key: Expression(sql_text(value, key.partition("_")[0])) if isinstance(value, ClauseElement) else value
        for key, value in index.dialect_kwargs.items()
    }
    name = None if index.name is None else str(index.name)
    return Index(name, tuple(items), bool(index.unique), tuple(sorted(options.items())))


def _sort_key(part: Constraint | Index) -> tuple[str, str, str]:
    return (type(part).__name__, part.name or "", repr(part))
