"""Random edits of models, made into migrations and applied, end in the schema that creating from scratch gives.

Each walk is told by its seed. For more of them: `VIVACE_WALKS=500 pytest tests/orm/migrations/test_random_walks.py`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from tests.orm.migrations.catalogs import catalog, difference
from tests.orm.migrations.walks import APPS, KEYS, KINDS, Walk, build

from vivace.databases import Database
from vivace.databases.plan import Plan
from vivace.orm.migrations import ExistingRows, History, make, migrate
from vivace.orm.registry import registry
from vivace.orm.schema import metadata, statements

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::vivace.orm.exceptions.SchemaWarning"),
]

WALKS = int(os.environ.get("VIVACE_WALKS", "4"))
FIRST = int(os.environ.get("VIVACE_FIRST_WALK", "0"))
VERSIONS = 5


class Road:
    """One walk on one database."""

    def __init__(self, database: Database, folder: Path, seed: int) -> None:
        self.database = database
        self.walk = Walk(Random(seed))
        self.apps = {label: folder / label / "migrations" for label in APPS}
        self.tables = sa.MetaData()
        self.creation: list[str] = []
        # After each version: the last migration of each app, and what the database looked like.
        self.milestones: list[tuple[dict[str, str], dict[str, list[str]]]] = []

    def answer(self, question: Any) -> Any:
        if isinstance(question, ExistingRows):
            for spec in self.walk.version.values():
                for name, each in spec.fields.items():
                    if name == question.column and question.table in (spec.table, f"{spec.app}_{spec.name.lower()}"):
                        return KINDS[each.kind][2]
            raise AssertionError(question)
        return (question.old, question.new) in self.walk.renamed or (
            # The tables and columns of a many-to-many relation follow the model.
            any(question.old.replace(old, new, 1) == question.new for old, new in self._words())
        )

    def _words(self) -> list[tuple[str, str]]:
        parts = [(old.partition("_"), new.partition("_")) for old, new in self.walk.renamed]
        return [*self.walk.renamed, *((old[2], new[2]) for old, new in parts if old[1] and new[1])]

    def next_version(self) -> None:
        with registry.isolated(empty=True):
            self.tables = metadata(build(self.walk.step()))
            make(self.apps, self.tables, ask=self.answer)
            left = make(self.apps, self.tables, check=True)
            assert left == [], left[0].changes
            self.creation = statements(self.tables.tables.values(), self.database.dialect)

    async def forward(self) -> None:
        await migrate(self.database, self.apps)
        chains = History.load(self.apps).chains
        heads = {label: chain[-1].name if chain else "zero" for label, chain in chains.items()}
        self.milestones.append((heads, await catalog(self.database)))

    async def clear(self) -> None:
        """A column that is gone comes back without values, so rows cannot go back with it."""
        for table in self.tables.tables.values():
            await self.database.execute(sa.delete(table))

    async def back(self) -> None:
        for heads, looked in reversed(self.milestones[:-1]):
            for label, name in heads.items():
                await migrate(self.database, self.apps, target=(label, name))
            assert difference(await catalog(self.database), looked) == []
        for label in self.apps:
            await migrate(self.database, self.apps, target=(label, "zero"))
        assert await catalog(self.database) == {}

    async def put_rows(self) -> None:
        """A row into each table that has none; links stay empty."""
        for table in self.tables.tables.values():
            if await self.database.fetch_val(sa.select(sa.func.count()).select_from(table)):
                continue
            names = {column.name for column in table.columns if not column.foreign_keys and column.computed is None}
            spec = next((each for each in self.walk.version.values() if each.label == table.info["model"]), None)
            if spec is not None:
                values = {name: value_of(each.kind) for name, each in spec.fields.items() if name in names}
                values["id"] = KEYS[spec.key][1]
                await self.database.execute(sa.insert(table).values(values))

    async def rows(self) -> dict[str, int]:
        return {
            name: await self.database.fetch_val(sa.select(sa.func.count()).select_from(table))
            for name, table in self.tables.tables.items()
            if not name.endswith(("_parent", "_owner"))
        }

    async def scratch(self) -> dict[str, list[str]]:
        """What creating the last version from nothing gives."""
        for sql in self.creation:
            await self.database.execute_plan(Plan(sql, reads=False, returns_rows=False))
        return await catalog(self.database)


def value_of(kind: str) -> Any:
    """A value for an INSERT; JSON as the text that every database takes."""
    return sa.literal_column("'{}'") if kind == "data" else KINDS[kind][2]


async def walk_on(database: Database, seed: int, *, with_rows: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        road = Road(database, Path(folder), seed)
        try:
            for _ in range(VERSIONS):
                road.next_version()
                await road.forward()
                if with_rows:
                    await road.put_rows()
                    assert set((await road.rows()).values()) <= {1}
            await road.clear()
            await road.back()
            assert difference(road.milestones[-1][1], await road.scratch()) == []
        except BaseException as error:
            error.add_note(f"walk {seed}: {' '.join(road.walk.said)}")
            raise


def seeds() -> Sequence[int]:
    return range(FIRST, FIRST + WALKS)


@pytest.mark.parametrize("seed", seeds())
async def test_a_walk_ends_in_the_schema_of_scratch_on_sqlite(seed: int) -> None:
    async with Database("sqlite://") as database:
        await walk_on(database, seed, with_rows=seed % 2 == 0)


@pytest.mark.parametrize("seed", seeds())
async def test_a_walk_ends_in_the_schema_of_scratch_on_postgresql(postgres: Database, seed: int) -> None:
    await walk_on(postgres, seed, with_rows=seed % 2 == 0)


@pytest.mark.parametrize("seed", seeds())
async def test_a_walk_ends_in_the_schema_of_scratch_on_mysql(mysql: Database, seed: int) -> None:
    await walk_on(mysql, seed, with_rows=seed % 2 == 0)
