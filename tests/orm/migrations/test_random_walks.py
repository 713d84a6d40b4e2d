"""Random edits of models, made into migrations and applied, end in the schema that creating from scratch gives."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from tests.orm.migrations.conftest import Project, empty, postgres_url

from vivace.databases import Database
from vivace.orm.migrations import ExistingRows, create_missing_tables, migrate

# A walk takes long to shrink: the first failing one is shown as it is. The walks are the same in every run; for others
# take derandomize away.
PHASES = (Phase.explicit, Phase.generate)

TYPES: dict[str, tuple[sa.types.TypeEngine[Any], Any]] = {
    "string": (sa.String(40), "a'b:c"),
    "long": (sa.String(200), "x"),
    "text": (sa.Text(), "%s \\ :y"),
    "number": (sa.Integer(), 7),
    "big": (sa.BigInteger(), 7),
    "price": (sa.Numeric(10, 2), 3),
    "flag": (sa.Boolean(), True),
}
DEFAULTS: dict[str, Any] = {
    "string": "it's :here",
    "long": "100%",
    "text": "",
    "number": sa.text("1 + 1"),
    "big": sa.text("0"),
    "price": sa.text("0"),
    "flag": sa.true(),
}


@dataclass(frozen=True)
class Field:
    type: str
    null: bool
    default: bool
    unique: bool
    index: bool
    check: bool
    comment: str | None


@dataclass(frozen=True)
class Model:
    app: str
    fields: dict[str, Field]
    links: dict[str, tuple[str, str | None]]
    together: bool
    lower_index: bool
    comment: str | None


fields = st.builds(
    Field,
    type=st.sampled_from(sorted(TYPES)),
    null=st.booleans(),
    default=st.booleans(),
    unique=st.booleans(),
    index=st.booleans(),
    check=st.booleans(),
    comment=st.sampled_from([None, "it's a comment"]),
)
models = st.builds(
    Model,
    app=st.just("one"),
    fields=st.dictionaries(st.sampled_from(["title", "order", "size"]), fields, min_size=1, max_size=3),
    links=st.dictionaries(
        st.sampled_from(["parent", "owner"]),
        st.tuples(st.sampled_from(["book", "shelf", "tag"]), st.sampled_from([None, "CASCADE", "SET NULL"])),
        max_size=2,
    ),
    together=st.booleans(),
    lower_index=st.booleans(),
    comment=st.sampled_from([None, "A table."]),
)
versions = st.dictionaries(st.sampled_from(["book", "shelf", "tag"]), models, max_size=3)
# An app per table name stays the same through a walk, as in life.
apps = st.fixed_dictionaries({name: st.sampled_from(["one", "two"]) for name in ("book", "shelf", "tag")})


def declare(project: Project, version: dict[str, Model], owners: dict[str, str]) -> None:
    """Let the project's models be `version`."""
    project.metadata.clear()
    for name, model in version.items():
        parts: list[Any] = []
        for column, field in model.fields.items():
            default = DEFAULTS[field.type] if field.default else None
            parts.append(
                sa.Column(
                    column,
                    TYPES[field.type][0],
                    nullable=field.null,
                    server_default=default,
                    comment=field.comment,
                    index=field.index,
                    unique=field.unique and not field.index,
                )
            )
            if field.check and field.type in ("number", "big"):
                parts.append(sa.CheckConstraint(sa.column(column) >= sa.literal_column("0"), name=f"{column}_positive"))
            if field.check and field.type in ("string", "long", "text"):
                parts.append(sa.CheckConstraint(sa.column(column) != ":no'", name=f"{column}_colon"))
        for link, (target, ondelete) in model.links.items():
            if target in version:
                parts.append(sa.Column(f"{link}_id", sa.BigInteger, sa.ForeignKey(f"{target}.id", ondelete=ondelete)))
        if model.together and len(model.fields) > 1:
            parts.append(sa.UniqueConstraint(*sorted(model.fields)[:2]))
        texts = [column for column, field in model.fields.items() if field.type in ("string", "long", "text")]
        if model.lower_index and texts:
            parts.append(
                sa.Index(f"ix_{name}_lower", sa.text(f'lower("{texts[0]}")'), postgresql_where=sa.text("id > 0"))
            )
        project.table(owners[name], name, *parts, comment=model.comment)


def answer(renames: bool) -> Any:
    def ask(question: Any) -> Any:
        if isinstance(question, ExistingRows):
            return next(value for type_, value in TYPES.values() if str(type_) == str(question.type))
        return renames

    return ask


async def schema_of(database: Database) -> dict[str, Any]:
    """What the database says of itself, without the names of keys, which a renamed table keeps."""
    if database.dialect.name == "sqlite":
        return await _sqlite_schema(database)
    columns = await database.fetch_all(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
        "regexp_replace(pg_get_expr(d.adbin, d.adrelid), 'nextval.*', 'nextval'), col_description(c.oid, a.attnum), "
        "obj_description(c.oid) "
        "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
    )
    constraints = await database.fetch_all(
        "SELECT conrelid::regclass::text, CASE WHEN contype IN ('p', 'f') THEN '' ELSE conname END, "
        "pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
    )
    indexes = await database.fetch_all("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'")
    return {
        "columns": sorted(str(tuple(row)) for row in columns if row[0] != "alembic_version"),
        "constraints": sorted(str(tuple(row)) for row in constraints if row[0] != "alembic_version"),
        "indexes": sorted(row[0] for row in indexes if " UNIQUE " not in row[0]),
    }


async def _sqlite_schema(database: Database) -> dict[str, Any]:
    tables = await database.fetch_all(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND name <> 'alembic_version' ORDER BY name"
    )
    schema: dict[str, Any] = {}
    for name, sql in tables:
        columns = await database.fetch_all(
            # A migration says true, which every database reads, and CREATE TABLE what SQLite calls so, which is 1.
            'SELECT name, type, "notnull", '
            "CASE dflt_value WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE dflt_value END, pk "
            f"FROM pragma_table_xinfo('{name}')"
        )
        keys = await database.fetch_all(
            f'SELECT "table", "from", "to", on_delete FROM pragma_foreign_key_list(\'{name}\')'
        )
        lines = [line.strip().rstrip(",") for line in sql.splitlines()]
        schema[name] = {
            "columns": sorted(str(tuple(row)) for row in columns),
            "keys": sorted(str(tuple(row)) for row in keys),
            "constraints": sorted(line for line in lines if line.startswith("CONSTRAINT") and "KEY" not in line),
        }
    indexes = await database.fetch_all("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    schema["indexes"] = sorted(row[0] for row in indexes)
    return schema


async def put_a_row(database: Database, project: Project) -> None:
    """Into each table that has none; links stay empty, every other column gets a value that any type can take."""
    for table in project.metadata.tables.values():
        if await database.fetch_val(sa.select(sa.func.count()).select_from(table)):
            continue
        names = [column.name for column in table.columns if not column.foreign_keys]
        listed = ", ".join(f'"{name}"' for name in names)
        await database.execute(f'INSERT INTO "{table.name}" ({listed}) VALUES ({", ".join("1" for _ in names)})')


async def walk_with_rows(database: Database, walked: Sequence[dict[str, Model]], renames: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        before: set[str] = set()
        for version in walked:
            declare(project, version, dict.fromkeys(("book", "shelf", "tag"), "one"))
            project.app("one")
            project.make(ask=answer(renames))
            await migrate(database, project.apps)
            for name in before & set(version):
                assert await database.fetch_val(f"SELECT count(*) FROM {name}") == 1
            await put_a_row(database, project)
            before = set(version)


async def walk(database: Database, walked: Sequence[dict[str, Model]], owners: dict[str, str], renames: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        project.app("one")
        project.app("two")
        for version in walked:
            declare(project, version, owners)
            project.make(ask=answer(renames))
            await migrate(database, project.apps)
        reached = await schema_of(database)
        for label in project.apps:
            await migrate(database, project.apps, target=(label, "zero"))
        assert not any((await schema_of(database)).values())
        await create_missing_tables(database, project.metadata)
        assert reached == await schema_of(database)


walks = given(walked=st.lists(versions, min_size=1, max_size=4), owners=apps, renames=st.booleans())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=PHASES, derandomize=True)
@walks
def test_random_walks_end_in_the_schema_of_scratch_on_sqlite(
    walked: list[dict[str, Model]], owners: dict[str, str], renames: bool
) -> None:
    async def run() -> None:
        async with Database("sqlite://") as database:
            await walk(database, walked, owners, renames)

    asyncio.run(run())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=PHASES, derandomize=True)
@walks
def test_random_walks_end_in_the_schema_of_scratch_on_postgresql(
    walked: list[dict[str, Model]], owners: dict[str, str], renames: bool
) -> None:
    async def run() -> None:
        async with Database(postgres_url()) as database:
            await empty(database)
            await walk(database, walked, owners, renames)

    asyncio.run(run())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=PHASES, derandomize=True)
@given(walked=st.lists(versions, min_size=2, max_size=5), renames=st.booleans())
def test_rows_survive_random_walks_on_sqlite(walked: list[dict[str, Model]], renames: bool) -> None:
    async def run() -> None:
        async with Database("sqlite://") as database:
            await walk_with_rows(database, walked, renames)

    asyncio.run(run())
