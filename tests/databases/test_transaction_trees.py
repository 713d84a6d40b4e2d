"""Random trees of tasks, transactions, savepoints, failures and timeouts, against a model.

The model: a row is there in the end exactly when its INSERT returned and every block around it ended normally. Only of
an autocommit INSERT that was cancelled, and of a block cancelled during its COMMIT, nobody knows.
`VIVACE_TREES=10000` tries as many trees.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivace.databases import Database
from vivace.databases.errors import DatabaseError

TREES = int(os.environ.get("VIVACE_TREES", "40"))


class Boom(Exception):
    """A block fails."""


Node = tuple[Any, ...]

leaves: st.SearchStrategy[Node] = st.one_of(
    st.just(("write",)), st.just(("read",)), st.tuples(st.just("sleep"), st.sampled_from([0, 0.001, 0.003]))
)


def branches(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(children, min_size=1, max_size=4)
    return st.one_of(
        st.tuples(st.just("block"), several, st.sampled_from(["transaction", "atomic"]), st.booleans()),
        st.tuples(st.just("gather"), several),
        st.tuples(st.just("timeout"), several, st.sampled_from([0, 0.0005, 0.002, 0.004])),
    )


trees = st.lists(st.recursive(leaves, branches, max_leaves=14), min_size=1, max_size=4)


@dataclass(eq=False)
class Block:
    """A transaction or savepoint of the tree."""

    reached_its_end: bool = False
    ended_well: bool = False
    failed: bool = False

    @property
    def is_unknown(self) -> bool:
        """Cancelled during COMMIT, which is then done or not, but never half."""
        return self.reached_its_end and not self.ended_well and not self.failed


@dataclass
class Run:
    """One tree being run, and what was seen of it."""

    database: Database
    written: dict[int, tuple[tuple[Block, ...], bool]] = field(default_factory=dict)

    async def sequence(self, nodes: list[Node], blocks: tuple[Block, ...]) -> None:
        for node in nodes:
            await self.node(node, blocks)

    async def node(self, node: Node, blocks: tuple[Block, ...]) -> None:
        kind = node[0]
        if kind == "write":
            number = len(self.written)
            self.written[number] = (blocks, False)
            await self.database.execute("INSERT INTO tree VALUES (:id)", {"id": number})
            self.written[number] = (blocks, True)
        elif kind == "read":
            await self.database.fetch_all("SELECT id FROM tree")
        elif kind == "sleep":
            await asyncio.sleep(node[1])
        elif kind == "gather":
            results = await asyncio.gather(*[self.node(child, blocks) for child in node[1]], return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException) and not isinstance(result, (Boom, DatabaseError)):
                    raise result
        elif kind == "timeout":
            try:
                await asyncio.wait_for(self.sequence(node[1], blocks), node[2])
            except TimeoutError:
                return
        else:
            await self.block(node, blocks)

    async def block(self, node: Node, blocks: tuple[Block, ...]) -> None:
        _, children, kind, fails = node
        block = Block()
        try:
            async with getattr(self.database, kind)():
                await self.sequence(children, (*blocks, block))
                if fails:
                    raise Boom
                block.reached_its_end = True
            block.ended_well = True
        except (Boom, DatabaseError):
            block.failed = True

    async def check(self) -> None:
        assert not self.database.in_transaction
        found = {row[0] for row in await self.database.fetch_all("SELECT id FROM tree")}
        done = {number: blocks for number, (blocks, is_done) in self.written.items() if is_done}
        must = {number for number, blocks in done.items() if all(block.ended_well for block in blocks)}
        may = {number for number, (blocks, is_done) in self.written.items() if not is_done and not blocks}
        assert must <= found, f"lost: {must - found}"
        for unknown in {block for blocks in done.values() for block in blocks if block.is_unknown}:
            together = {
                number
                for number, blocks in done.items()
                if unknown in blocks and all(block.ended_well or block is unknown for block in blocks)
            }
            assert together <= found or not together & found, f"half committed: {together}"
            may |= together
        assert found <= must | may, f"written outside its transaction: {found - must - may}"
        async with asyncio.timeout(3):
            # A connection that was being opened for a cancelled statement comes to the pool a moment later.
            while self.database.statistics().get("in_use", 0):
                await asyncio.sleep(0.001)


async def run_tree(url: str, tree: list[Node], **options: Any) -> None:
    async with Database(url, **options) as database:
        await database.execute("DROP TABLE IF EXISTS tree")
        await database.execute("CREATE TABLE tree (id INTEGER)")
        run = Run(database)
        with suppress(DatabaseError):
            await run.sequence(tree, ())
        async with asyncio.timeout(3):
            # Connections of cancelled statements are cleaned in the background.
            while database.statistics().get("in_use", 0):
                await asyncio.sleep(0.001)
        await database.execute("INSERT INTO tree VALUES (-1)")
        await database.execute("DELETE FROM tree WHERE id = -1")
        await run.check()


def slow_settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@slow_settings(TREES)
@given(tree=trees)
def test_random_trees_on_a_sqlite_file(tree: list[Node], tmp_path: Path) -> None:
    asyncio.run(run_tree(f"sqlite:///{tmp_path / 'tree.db'}", tree))


@slow_settings(TREES)
@given(tree=trees)
def test_random_trees_on_sqlite_in_memory(tree: list[Node]) -> None:
    asyncio.run(run_tree("sqlite:///:memory:", tree))


@slow_settings(TREES)
@given(tree=trees)
def test_random_trees_on_postgresql(tree: list[Node], postgres_url: str) -> None:
    asyncio.run(run_tree(postgres_url, tree, max_size=3))


@slow_settings(TREES)
@given(tree=trees)
def test_random_trees_on_mysql(tree: list[Node], mysql_url: str) -> None:
    asyncio.run(run_tree(mysql_url, tree, max_size=3))


@pytest.mark.parametrize("kind", ["transaction", "atomic"])
def test_the_model_catches_a_lost_write(kind: str, tmp_path: Path) -> None:
    async def lose() -> None:
        async with Database(f"sqlite:///{tmp_path / 'tree.db'}") as database:
            await database.execute("CREATE TABLE tree (id INTEGER)")
            run = Run(database)
            await run.sequence([("block", [("write",)], kind, False)], ())
            await database.execute("DELETE FROM tree")
            with pytest.raises(AssertionError, match="lost"):
                await run.check()

    asyncio.run(lose())
