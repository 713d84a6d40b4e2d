"""`kill -9` in the middle of `migrate`: the next run completes, and elsewhere than on MySQL nothing is half done."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.orm.migrations.migrating import migrating

from vivace.databases import Database
from vivace.orm.migrations import History, migrate, show

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

COUNT = 8


def migrations(project: Project) -> None:
    """Each adds a table, waits for a moment, fills the table, and changes one in a way that SQLite copies."""
    project.write(
        "blog",
        "0001_a",
        "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'blog_0001'\ndown_revision = None\n"
        "def upgrade():\n"
        "    op.create_table('log', sa.Column('id', sa.Integer, primary_key=True), sa.Column('n', sa.Integer))\n",
    )
    for number in range(2, COUNT + 1):
        project.write(
            "blog",
            f"{number:04d}_a",
            f"""
import asyncio
import sqlalchemy as sa
from alembic import op
revision = 'blog_{number:04d}'
down_revision = 'blog_{number - 1:04d}'

async def wait(database):
    await database.execute('INSERT INTO log (n) VALUES ({number})')
    await asyncio.sleep(0.03)

def upgrade():
    op.create_table('t{number}', sa.Column('id', sa.Integer, primary_key=True))
    op.run_python(wait)
    op.alter_column('log', 'n', server_default='{number}', existing_type=sa.Integer)
""",
        )


TABLES = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name GLOB 't[0-9]*'",
    "postgresql": "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^t[0-9]'",
    "mysql": (
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name REGEXP '^t[0-9]'"
    ),
}


async def is_whole(database: Database, project: Project) -> int:
    """See that what the version table says is what is there; gives the number of the last migration."""
    [app] = await show(database, project.apps)
    applied = sum(is_applied for _, is_applied in app.migrations)
    if database.dialect.name == "sqlite":
        leftovers = await database.fetch_val("SELECT count(*) FROM sqlite_master WHERE name LIKE 'vivace_new%'")
        assert leftovers == 0
    tables = await database.fetch_val(TABLES[database.dialect.name])
    numbers = [] if not tables and not applied else await database.fetch_all("SELECT n FROM log ORDER BY n")
    if app.half_done is None:
        assert tables == max(applied - 1, 0)
        assert [row[0] for row in numbers] == list(range(2, applied + 1))
    else:
        assert database.dialect.name == "mysql"
        assert applied - 1 <= tables <= applied
    return applied


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.05])
async def test_killed_at_any_moment_leaves_whole_migrations_only(
    database: Database, project: Project, delay: float
) -> None:
    migrations(project)
    for number in (1, 2, 3, 6):
        await kill_within(database, project, number, delay)
        # However slow the machine: it waited for leave to begin this one, and has none to begin the next.
        assert number - 1 <= await settled(database, project) <= number
    await migrate(database, project.apps)
    assert await is_whole(database, project) == COUNT


async def kill_within(database: Database, project: Project, number: int, delay: float) -> None:
    """Let a process migrate up to migration `number`, and kill it `delay` seconds after it may begin that one."""
    with migrating(database, project.apps["blog"], waits=True) as (process, said):
        assert await asyncio.to_thread(said.recv) == "started"
        while True:
            revision = await asyncio.to_thread(said.recv)
            said.send("go on")
            if revision == f"blog_{number:04d}":
                break
        await asyncio.sleep(delay)
    assert process.exitcode == -signal.SIGKILL


async def settled(database: Database, project: Project) -> int:
    """A server notices that its client is gone at its next word to it; wait until nobody holds the lock."""
    held = {
        "postgresql": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
        "mysql": "SELECT IS_USED_LOCK(LEFT(CONCAT('vivace migrations ', DATABASE()), 64))",
    }
    if database.dialect.name in held:
        give_up = time.monotonic() + 60
        while await database.fetch_val(held[database.dialect.name]):
            assert time.monotonic() < give_up
            await asyncio.sleep(0.01)
    return await is_whole(database, project)


async def test_processes_that_migrate_at_once_do_not_collide(database: Database, project: Project) -> None:
    migrations(project)
    folder = project.apps["blog"]
    with ExitStack() as stack:
        processes = [stack.enter_context(migrating(database, folder)) for _ in range(3)]
        for process, said in processes:
            assert [await asyncio.to_thread(said.recv) for _ in range(2)] == ["started", "done"]
            await asyncio.to_thread(process.join)
            assert process.exitcode == 0
    assert await is_whole(database, project) == COUNT == len(History.load(project.apps).order)
