"""Steps that are done online on PostgreSQL: each looks first, goes on where an earlier run died, and cleans up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic.operations import ops

from vivace.databases import Database
from vivace.databases.errors import IntegrityError
from vivace.orm.migrations import MigrationError, ddl, migrate
from vivace.orm.migrations.backfill import BackfillOp, BackfillStep
from vivace.orm.migrations.concurrent_indexes import CreateIndexConcurrently
from vivace.orm.migrations.elements import Table
from vivace.orm.migrations.errors import LockNotFree
from vivace.orm.migrations.files import History
from vivace.orm.migrations.live import large_tables
from vivace.orm.migrations.lock_waits import hurry, with_lock_retries
from vivace.orm.migrations.online_constraints import AddConstraintOnline, SetNotNullOnline
from vivace.orm.migrations.steps import stages_of

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

FILE = """
import sqlalchemy as sa
from alembic import op
revision = "blog_{number:04d}"
down_revision = {parent}

def upgrade():
    {body}
"""
TABLES = (
    'op.create_table("author", sa.Column("id", sa.Integer, primary_key=True)); '
    'op.create_table("note", sa.Column("id", sa.Integer, primary_key=True), '
    'sa.Column("n", sa.Integer), sa.Column("author_id", sa.Integer))'
)


class Kept:
    """A checkpoint in memory, which may die."""

    def __init__(self, dies_after: int | None = None) -> None:
        self.position: Any = None
        self.saved = 0
        self.dies_after = dies_after

    async def load(self) -> Any:
        return self.position

    async def save(self, position: Any) -> None:
        if self.saved == self.dies_after:
            raise RuntimeError("killed")
        self.saved += 1
        self.position = position

    def advanced(self, done: int, total: int | None = None) -> None:
        """Nobody watches."""


async def notes(database: Database, count: int = 10) -> None:
    await database.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, n INTEGER)")
    await database.execute(f"INSERT INTO note SELECT g, g FROM generate_series(1, {count}) AS g")


def work(project: Project, database: Database, body: str, large: set[str]) -> list[list[str]]:
    """The steps of a second migration, a list for each stage, as the names of their kinds or as SQL."""
    project.write("blog", "0001_first", FILE.format(number=1, parent=None, body=TABLES))
    project.write("blog", "0002_second", FILE.format(number=2, parent='"blog_0001"', body=body))
    history = History.load(project.apps)
    migration = history.by_revision["blog_0002"]
    operations = migration.record(database.dialect)
    steps = ddl.steps(migration, operations, history.state(["blog_0001"]), database.dialect, large=frozenset(large))
    return [[getattr(step, "sql", type(step).__name__) for step in stage.steps] for stage in stages_of(steps)]


async def test_a_table_is_large_from_a_size_on(postgres: Database) -> None:
    await notes(postgres, 1000)
    assert await large_tables(postgres) == frozenset()
    assert await large_tables(postgres, 10_000) == {"note"}


async def test_a_migration_of_small_tables_is_one_transaction(postgres: Database, project: Project) -> None:
    body = (
        'op.create_index("i", "note", ["n"]); op.execute("SELECT 1"); '
        'op.add_column("author", sa.Column("x", sa.Integer))'
    )
    assert len(work(project, postgres, body, set())) == 1


async def test_what_takes_long_on_a_large_table_is_done_online(postgres: Database, project: Project) -> None:
    body = (
        (
            'op.create_index("i", "note", ["n"]); op.create_unique_constraint("u", "note", ["n"]); '
            'op.create_check_constraint("c", "note", "n > 0"); '
            'op.create_foreign_key("f", "note", "author", ["author_id"], ["id"]); '
            'op.alter_column("note", "n", existing_type=sa.Integer(), nullable=False, server_default="1"); '
            'op.drop_index("i", "note"); op.backfill("note", {"n": 0})'
        )
        .replace("{", "{{")
        .replace("}", "}}")
    )
    body = body.replace("{{", "{").replace("}}", "}")
    assert [stage[0].split(" ADD ")[0] for stage in work(project, postgres, body, {"note"})] == [
        "CREATE INDEX i ON note (n)",
        "ALTER TABLE note",
        "ALTER TABLE note",
        "ALTER TABLE note",
        "ALTER TABLE note ALTER COLUMN n SET DEFAULT '1'",
        "SetNotNullOnline",
        "DropIndexConcurrently",
        "BackfillStep",
    ]


async def test_locks_are_let_go_before_slow_work_and_before_other_tables(postgres: Database, project: Project) -> None:
    body = (
        'op.add_column("author", sa.Column("x", sa.Integer)); op.add_column("author", sa.Column("y", sa.Integer)); '
        'op.execute("SELECT 1"); op.execute("SELECT 2"); op.add_column("note", sa.Column("z", sa.Integer)); '
        'op.create_table("other", sa.Column("id", sa.Integer, primary_key=True))'
    )
    stages = work(project, postgres, body, {"note"})
    assert [len(stage) for stage in stages] == [2, 2, 2]


async def test_an_index_that_was_left_half_made_is_made_again(postgres: Database) -> None:
    await notes(postgres)
    await postgres.execute("INSERT INTO note VALUES (11, 1)")
    step = CreateIndexConcurrently("CREATE UNIQUE INDEX i ON note (n)", "i", "i")
    with pytest.raises(IntegrityError):
        await postgres.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON note (n)")
    await postgres.execute("DELETE FROM note WHERE id = 11")
    for _ in range(2):
        await step.run(postgres, Kept())
        assert await postgres.fetch_val("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")


async def test_a_unique_index_over_equal_rows_leaves_nothing_behind(postgres: Database) -> None:
    await notes(postgres)
    await postgres.execute("INSERT INTO note VALUES (11, 1)")
    with pytest.raises(IntegrityError):
        await CreateIndexConcurrently("CREATE UNIQUE INDEX i ON note (n)", "i", "i").run(postgres, Kept())
    assert await postgres.fetch_val("SELECT to_regclass('i')") is None


async def test_a_constraint_that_rows_do_not_keep_is_taken_away_again(postgres: Database) -> None:
    await notes(postgres)
    step = AddConstraintOnline("ALTER TABLE note ADD CONSTRAINT c CHECK (n < 5) NOT VALID", "note", "c", "note", "c")
    with pytest.raises(IntegrityError):
        await step.run(postgres, Kept())
    assert await postgres.fetch_val("SELECT count(*) FROM pg_constraint WHERE conname = 'c'") == 0
    await postgres.execute("DELETE FROM note WHERE n > 4")
    await postgres.execute(step.sql)  # an earlier run has come so far
    for _ in range(2):
        await step.run(postgres, Kept())
        assert await postgres.fetch_val("SELECT convalidated FROM pg_constraint WHERE conname = 'c'")


async def test_a_column_is_required_only_when_all_rows_have_a_value(postgres: Database) -> None:
    await notes(postgres)
    await postgres.execute("UPDATE note SET n = NULL WHERE id > 7")
    step = SetNotNullOnline("note", "n", "note", "n")
    with pytest.raises(MigrationError, match="3 rows of note have no n, which is to be NOT NULL"):
        await step.run(postgres, Kept())
    await postgres.execute("UPDATE note SET n = 0 WHERE n IS NULL")
    for _ in range(2):
        await step.run(postgres, Kept())
        is_required = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'note'::regclass AND attname = 'n'"
        assert await postgres.fetch_val(is_required)
        assert await postgres.fetch_val("SELECT count(*) FROM pg_constraint WHERE conname LIKE 'vivace%'") == 0


async def test_a_lock_is_asked_for_until_it_is_free(postgres: Database) -> None:
    await notes(postgres)
    attempts = 0
    waited = asyncio.Event()

    async def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 2:
            waited.set()
        async with postgres.atomic():
            await hurry(postgres)
            await postgres.execute("ALTER TABLE note ADD COLUMN x INTEGER")

    async with Database(postgres.url) as other:

        async def hold() -> None:
            async with other.atomic():
                await other.execute("UPDATE note SET n = n")
                held.set()
                await waited.wait()

        held = asyncio.Event()
        holder = asyncio.create_task(hold())
        await held.wait()
        await with_lock_retries(postgres, attempt)
        await holder
    assert attempts >= 2


async def test_a_lock_that_is_never_free_says_who_has_it(postgres: Database) -> None:
    await notes(postgres)

    async def attempt() -> None:
        async with postgres.atomic():
            await hurry(postgres)
            await postgres.execute("ALTER TABLE note ADD COLUMN x INTEGER")

    async with Database(postgres.url) as other:
        async with other.atomic():
            await other.execute("UPDATE note SET n = n")
            with pytest.raises(LockNotFree, match=r"holds RowExclusiveLock on note: UPDATE note SET n = n"):
                await with_lock_retries(postgres, attempt, patience=0)


KEYS: dict[str, tuple[dict[str, Any], Callable[[int], dict[str, Any]]]] = {
    "integer": ({"id": sa.Integer}, lambda n: {"id": n}),
    "text": ({"id": sa.String(9)}, lambda n: {"id": f"k{n:03d}"}),
    "both": (
        {"a": sa.Integer, "b": sa.String(9)},
        lambda n: {"a": n // 10, "b": f"k{n:03d}"},
    ),
}


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def each(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(request.param)
    return database


@pytest.mark.parametrize("keys", KEYS)
async def test_a_backfill_goes_on_where_it_died(each: Database, keys: str) -> None:
    columns, key_of = KEYS[keys]
    table = sa.Table(
        "note",
        sa.MetaData(),
        *[sa.Column(name, type_, primary_key=True) for name, type_ in columns.items()],
        sa.Column("n", sa.Integer),
    )
    await each.execute(str(sa.schema.CreateTable(table).compile(dialect=each.dialect)))
    await each.execute_many(sa.insert(table), [{**key_of(number), "n": 0} for number in range(1, 96)])
    operation = BackfillOp(
        "note", {"n": sa.text("n + 1")}, where="true" if each.dialect.name != "sqlite" else "1", batch_size=10
    )
    step = BackfillStep(operation, Table.of(table))
    checkpoint = Kept(dies_after=2)
    with pytest.raises(RuntimeError, match="killed"):
        await step.run(each, checkpoint)
    done = await each.fetch_val("SELECT count(*) FROM note WHERE n = 1")
    assert 20 <= done < 95
    checkpoint.dies_after = None
    await step.run(each, checkpoint)
    # Each row once, though the step was begun twice.
    assert await each.fetch_val("SELECT count(*) FROM note WHERE n = 1") == 95


@pytest.mark.parametrize("value", [{}, {"x": 1}])
def test_a_backfill_of_nothing_is_refused(value: dict[str, int]) -> None:
    table = Table.of(sa.Table("note", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True)))
    with pytest.raises((ValueError, MigrationError)):
        BackfillOp("note", value).check(table)


def test_a_backfill_is_written_as_it_is_read() -> None:
    from alembic.autogenerate import render_python_code

    operation = BackfillOp("note", {"n": 0, "s": sa.text("lower(t)")}, where="n > 3")
    code = render_python_code(ops.UpgradeOps([operation]))
    assert "op.backfill('note', {'n': 0, 's': sa.text('lower(t)')}, where=sa.text('n > 3'))" in code


async def test_a_run_that_was_killed_while_it_built_an_index_is_gone_on_with(
    postgres: Database, project: Project
) -> None:
    project.write("blog", "0001_first", FILE.format(number=1, parent=None, body=TABLES))
    body = (
        'op.create_index("i", "note", ["n"]); op.create_foreign_key("f", "note", "author", ["author_id"], ["id"]); '
        'op.add_column("note", sa.Column("x", sa.Integer))'
    )
    await migrate(postgres, project.apps)
    project.write("blog", "0002_second", FILE.format(number=2, parent='"blog_0001"', body=body))
    begun = "SELECT count(*) FROM pg_index WHERE indrelid = 'note'::regclass AND NOT indisvalid"
    async with Database(postgres.url) as other:
        async with other.atomic():
            await other.execute("LOCK TABLE note IN ROW EXCLUSIVE MODE")  # CREATE INDEX CONCURRENTLY waits for its end
            async with Database(postgres.url) as killed:
                run = asyncio.create_task(migrate(killed, project.apps, large_from=0))
                while not run.done() and not await postgres.fetch_val(begun):
                    await asyncio.sleep(0.01)
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)
            assert await postgres.fetch_val(begun) == 1
    assert [str(step) for step in await migrate(postgres, project.apps, large_from=0)] == ["Apply blog 0002_second"]
    assert await postgres.fetch_val(begun) == 0
    assert await postgres.fetch_val("SELECT convalidated FROM pg_constraint WHERE conname = 'f'")
    assert await postgres.fetch_val("SELECT to_regclass('vivace_migration_progress')") is None


async def test_what_failed_halfway_goes_on_when_the_rows_are_mended(postgres: Database, project: Project) -> None:
    project.write("blog", "0001_first", FILE.format(number=1, parent=None, body=TABLES))
    await migrate(postgres, project.apps)
    await postgres.execute("INSERT INTO note VALUES (1, 1, 7)")
    body = (
        'op.create_index("i", "note", ["n"]); op.create_foreign_key("f", "note", "author", ["author_id"], ["id"]); '
        'op.add_column("note", sa.Column("x", sa.Integer))'
    )
    project.write("blog", "0002_second", FILE.format(number=2, parent='"blog_0001"', body=body))
    with pytest.raises(MigrationError, match="violates foreign key constraint"):
        await migrate(postgres, project.apps, large_from=0)
    assert await postgres.fetch_val("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")
    await postgres.execute("UPDATE note SET author_id = NULL")
    await migrate(postgres, project.apps, large_from=0)
    assert await postgres.fetch_all("SELECT x FROM note") == [(None,)]


async def test_an_index_that_the_file_wants_concurrently_needs_no_flag(postgres: Database, project: Project) -> None:
    project.write("blog", "0001_first", FILE.format(number=1, parent=None, body=TABLES))
    body = 'op.create_index("i", "note", ["n"], postgresql_concurrently=True)'
    project.write("blog", "0002_second", FILE.format(number=2, parent='"blog_0001"', body=body))
    await migrate(postgres, project.apps)
    assert await postgres.fetch_val("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")


async def test_mysql_lets_readers_through_while_it_waits_for_a_table(mysql: Database, project: Project) -> None:
    project.write("blog", "0001_first", FILE.format(number=1, parent=None, body=TABLES))
    await migrate(mysql, project.apps)
    body = 'op.add_column("note", sa.Column("x", sa.Integer))'
    project.write("blog", "0002_second", FILE.format(number=2, parent='"blog_0001"', body=body))
    waiting = "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%'"
    async with Database(mysql.url) as holder, Database(mysql.url) as reader:
        async with holder.atomic():
            await holder.execute("INSERT INTO note (id) VALUES (1)")
            run = asyncio.create_task(migrate(mysql, project.apps))
            while not await reader.fetch_val(waiting):
                await asyncio.sleep(0.01)
            # Without an end to its wait, this would wait for the migration, and the migration for us.
            assert await reader.fetch_val("SELECT count(*) FROM note") == 0
        await run
        assert await reader.fetch_all("SELECT x FROM note") == [(None,)]
