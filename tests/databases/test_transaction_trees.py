"""Random trees of tasks, transactions, savepoints, failures and cancellations, against a model, on every database.

The model: a row is there in the end exactly when its INSERT returned and every block around it ended normally; an
`on_commit` function has run exactly when every block around it ended normally. Not known is only what became of an
autocommit INSERT that was cancelled, of a block cancelled during its COMMIT, and whether a task that outlives a block
wrote just before or just after that block's end.

`VIVACE_TREES=10000` tries as many trees.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivace.databases import Database
from vivace.databases.errors import DatabaseError, SerializationFailure

TREES = int(os.environ.get("VIVACE_TREES", "40"))
# A tree that takes longer hangs.
DEADLINE = 40.0


class Boom(Exception):
    """A block fails."""


Node = tuple[Any, ...]

pauses = st.sampled_from([0, 0.0005, 0.002, 0.004])
leaves: st.SearchStrategy[Node] = st.one_of(
    st.just(("write",)),
    st.just(("write",)),
    st.just(("write many",)),
    st.just(("read",)),
    st.tuples(st.just("iterate"), pauses),
    st.just(("hook",)),
    st.tuples(st.just("error"), st.booleans()),
    st.tuples(st.just("sleep"), pauses),
)


def branches(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(children, min_size=1, max_size=4)
    kinds = ["transaction", "transaction", "atomic", "force_rollback", "retries"]
    return st.one_of(
        st.tuples(st.just("block"), several, st.sampled_from(kinds), st.booleans()),
        st.tuples(st.just("block"), several, st.sampled_from(kinds), st.booleans()),
        st.tuples(st.just("gather"), several),
        st.tuples(st.just("group"), several),
        st.tuples(st.just("cut short"), several, st.sampled_from(["wait_for", "timeout", "anyio", "cancel"]), pauses),
        st.tuples(st.just("connection"), several),
        st.tuples(st.just("late"), several),
        st.tuples(st.just("other"), several),
    )


trees = st.lists(st.recursive(leaves, branches, max_leaves=16), min_size=1, max_size=4)


@dataclass(eq=False)
class Block:
    """A transaction or savepoint of the tree."""

    run: Run
    is_left: bool = False  # its body has ended
    is_over: bool = False  # so has its COMMIT or ROLLBACK
    reached_its_end: bool = False
    ended_well: bool = False
    failed: bool = False

    @property
    def is_unknown(self) -> bool:
        """Cancelled during COMMIT, which is then done or not, but never half."""
        return self.reached_its_end and not self.ended_well and not self.failed


Blocks = tuple[Block, ...]


@dataclass(eq=False)
class Write:
    """One statement that writes, or one function given to `on_commit`."""

    numbers: list[int]
    blocks: tuple[Block, ...]
    is_done: bool = False
    # A task that outlives a block: was this before or after the block's end? Those it was in for certain are `sure`.
    is_ambiguous: bool = False
    sure: Blocks = ()

    @property
    def must_be_there(self) -> bool:
        return self.is_done and not self.is_ambiguous and all(block.ended_well for block in self.blocks)

    @property
    def may_be_there(self) -> bool:
        certain = self.sure if self.is_ambiguous else self.blocks
        if not self.is_done and certain:
            return False
        return all(block.ended_well or block.is_unknown for block in certain)


@dataclass(eq=False)
class Run:
    """One tree being run on one database, and what was seen of it."""

    database: Database
    other: Run | None = None
    late: list[asyncio.Task[None]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    hooks: list[Write] = field(default_factory=list)
    called: list[int] = field(default_factory=list)
    count: int = 0

    async def sequence(self, nodes: list[Node], blocks: Blocks) -> None:
        for node in nodes:
            await self.node(node, blocks)

    async def node(self, node: Node, blocks: Blocks) -> None:
        await getattr(self, "do_" + node[0].replace(" ", "_"))(*node[1:], blocks)

    async def at_once(self, nodes: list[Node], blocks: Blocks) -> None:
        results = await asyncio.gather(*[self.node(child, blocks) for child in nodes], return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, (Boom, DatabaseError)):
                raise result

    def around(self, blocks: Blocks) -> Blocks:
        return tuple(block for block in blocks if not block.is_over and block.run is self)

    def number(self) -> int:
        self.count += 1
        return self.count

    async def write(self, numbers: list[int], statement: Coroutine[Any, Any, object], blocks: Blocks) -> None:
        write = Write(numbers, self.around(blocks))
        self.writes.append(write)
        try:
            await statement
            write.is_done = True
        finally:
            write.is_ambiguous = any(block.is_left for block in write.blocks)
            write.sure = tuple(block for block in write.blocks if not block.is_left)

    async def do_write(self, blocks: Blocks) -> None:
        number = self.number()
        await self.write([number], self.database.execute("INSERT INTO tree VALUES (:id)", {"id": number}), blocks)

    async def do_write_many(self, blocks: Blocks) -> None:
        numbers = [self.number() for _ in range(3)]
        rows = [{"id": number} for number in numbers]
        await self.write(numbers, self.database.execute_many("INSERT INTO tree VALUES (:id)", rows), blocks)

    async def do_read(self, blocks: Blocks) -> None:
        await self.database.fetch_all("SELECT id FROM tree")

    async def do_iterate(self, pause: float, blocks: Blocks) -> None:
        async with aclosing(self.database.iterate("SELECT id FROM tree")) as rows:
            async for _ in rows:
                await asyncio.sleep(pause)

    async def do_hook(self, blocks: Blocks) -> None:
        number = self.number()
        around = self.around(blocks)
        sure = tuple(block for block in around if not block.is_left)
        self.hooks.append(Write([number], around, True, is_ambiguous=sure != around, sure=sure))
        try:
            self.database.on_commit(lambda: self.called.append(number))
        except DatabaseError:
            self.hooks.pop()
            raise

    async def do_error(self, is_caught: bool, blocks: Blocks) -> None:
        try:
            await self.database.execute("INSERT INTO missing VALUES (1)")
        except DatabaseError:
            if not is_caught:
                raise

    async def do_sleep(self, pause: float, blocks: Blocks) -> None:
        await asyncio.sleep(pause)

    async def do_gather(self, nodes: list[Node], blocks: Blocks) -> None:
        await self.at_once(nodes, blocks)

    async def do_group(self, nodes: list[Node], blocks: Blocks) -> None:
        async def in_group() -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    for node in nodes:
                        group.create_task(self.node(node, blocks))
            except* (Boom, DatabaseError):
                pass

        # In a task of its own: Python 3.11's group leaves its task with a count of cancellations that is one too high
        # when a child fails, and timeouts around it then let CancelledError through.
        await asyncio.create_task(in_group())

    async def do_cut_short(self, nodes: list[Node], way: str, pause: float, blocks: Blocks) -> None:
        if way == "wait_for":
            with suppress(TimeoutError):
                await asyncio.wait_for(self.sequence(nodes, blocks), pause)
        elif way == "timeout":
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.sequence(nodes, blocks)
        elif way == "anyio":
            with anyio.move_on_after(pause):
                await self.sequence(nodes, blocks)
        else:
            task = asyncio.create_task(self.sequence(nodes, blocks))
            try:
                await asyncio.sleep(pause)
            finally:
                task.cancel()
                await asyncio.wait([task])
                if (
                    not task.cancelled()
                    and (error := task.exception())
                    and not isinstance(error, (Boom, DatabaseError))
                ):
                    raise error

    async def do_connection(self, nodes: list[Node], blocks: Blocks) -> None:
        async with self.database.connection():
            await self.sequence(nodes, blocks)

    async def do_late(self, nodes: list[Node], blocks: Blocks) -> None:
        self.late.append(asyncio.create_task(self.sequence(nodes, blocks)))

    async def do_other(self, nodes: list[Node], blocks: Blocks) -> None:
        # Always in this order: two tasks that take two databases crosswise wait for each other, as everywhere.
        await (self.other or self).sequence(nodes, blocks)

    async def do_block(self, nodes: list[Node], kind: str, fails: bool, blocks: Blocks) -> None:
        attempts: list[Block] = []

        async def body() -> None:
            block = Block(self)
            attempts.append(block)
            try:
                await self.sequence(nodes, (*blocks, block))
                if kind == "retries" and len(attempts) == 1:
                    raise SerializationFailure("try again")
                if fails:
                    raise Boom
                block.reached_its_end = kind != "force_rollback"
            finally:
                block.is_left = True

        try:
            if kind == "retries":
                await self.database.transaction(retries=2)(body)()
            elif kind == "force_rollback":
                async with self.database.transaction(force_rollback=True):
                    await body()
            else:
                async with getattr(self.database, kind)():
                    await body()
            attempts[-1].ended_well = kind != "force_rollback"
        except (Boom, DatabaseError):
            if attempts:
                attempts[-1].failed = True
        finally:
            for attempt in attempts:
                attempt.is_over = True

    async def check(self) -> None:
        assert not self.database.in_transaction
        found = {row[0] for row in await self.database.fetch_all("SELECT id FROM tree")}
        check_against(found, self.writes, "rows")
        check_against(set(self.called), self.hooks, "on_commit functions")
        for write in self.writes:
            assert not found & set(write.numbers) or set(write.numbers) <= found, f"half of {write.numbers}"
        for unknown in {block for write in self.writes for block in write.blocks if block.is_unknown}:
            together = {
                number
                for write in self.writes
                if write.is_done and not write.is_ambiguous and unknown in write.blocks
                if all(block.ended_well or block is unknown for block in write.blocks)
                for number in write.numbers
            }
            assert together <= found or not together & found, f"half committed: {together}"


def check_against(found: set[int], writes: list[Write], what: str) -> None:
    must = {number for write in writes if write.must_be_there for number in write.numbers}
    may = {number for write in writes if write.may_be_there for number in write.numbers}
    assert must <= found, f"{what} lost: {must - found}"
    assert found <= must | may, f"{what} outside their transaction: {found - must - may}"


async def run_tree(url: str, other_url: str, tree: list[Node], **options: Any) -> None:
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(str(context)))
    async with asyncio.timeout(DEADLINE), Database(url, **options) as database, Database(other_url) as other:
        runs = [Run(database, Run(other))]
        runs += [run for run in (runs[0].other,) if run is not None]
        for each in runs:
            await each.database.execute("CREATE TABLE IF NOT EXISTS tree (id INTEGER PRIMARY KEY)")
            await each.database.execute("DELETE FROM tree")
        # A task too, as with several timeouts at the same moment asyncio and anyio may let a CancelledError through.
        late = [asyncio.create_task(runs[0].sequence(tree, ()))]
        while late:
            await asyncio.wait(late)
            for task in late:
                error = None if task.cancelled() else task.exception()
                if error is not None and not isinstance(error, (Boom, DatabaseError)):
                    raise error
            late = [task for each in runs for task in each.late]
            for each in runs:
                each.late.clear()
        for each in runs:
            # Connections of cancelled statements are cleaned in the background.
            while each.database.statistics().get("in_use", 0):
                await asyncio.sleep(0.001)
            await each.database.execute("INSERT INTO tree VALUES (-1)")
            await each.database.execute("DELETE FROM tree WHERE id = -1")
            await each.check()
    assert complaints == []


def run_on(loop_factory: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(work)


loops = st.sampled_from([asyncio.new_event_loop, uvloop.new_event_loop])


def slow_settings(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@slow_settings(TREES)
@given(tree=trees, loop=loops)
def test_random_trees_on_a_sqlite_file(tree: list[Node], loop: Any, tmp_path: Path) -> None:
    run_on(loop, run_tree(f"sqlite:///{tmp_path / 'tree.db'}", f"sqlite:///{tmp_path / 'other.db'}", tree))


@slow_settings(TREES)
@given(tree=trees, loop=loops)
def test_random_trees_on_sqlite_in_memory(tree: list[Node], loop: Any) -> None:
    run_on(loop, run_tree("sqlite:///:memory:", "sqlite:///:memory:", tree))


@slow_settings(TREES)
@given(tree=trees, loop=loops)
def test_random_trees_on_postgresql(tree: list[Node], loop: Any, postgres_url: str, tmp_path: Path) -> None:
    run_on(loop, run_tree(postgres_url, f"sqlite:///{tmp_path / 'other.db'}", tree, max_size=3))


@slow_settings(TREES)
@given(tree=trees, loop=loops)
def test_random_trees_on_mysql(tree: list[Node], loop: Any, mysql_url: str, tmp_path: Path) -> None:
    run_on(loop, run_tree(mysql_url, f"sqlite:///{tmp_path / 'other.db'}", tree, max_size=3))


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
