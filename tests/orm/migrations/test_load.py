"""Old and new code under load through each kind of migration on PostgreSQL: no request fails.

`VIVACE_SHOW_LOCKS=1 … pytest -s` prints how long requests waited for locks, by kind.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.orm.migrations.load import ROWS

from vivace.databases import Database
from vivace.orm.migrations import migrate

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

LOAD = Path(__file__).with_name("load.py")
WAITS = """
SELECT max(extract(epoch FROM clock_timestamp() - l.waitstart)) FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid WHERE NOT l.granted AND a.application_name = 'load'
"""
INITIAL = """
    op.create_table("blog_author",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True), sa.Column("name", sa.String(80)))
    op.create_table("blog_note",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=True),
        sa.Column("title", sa.String(100), nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("stars", sa.Integer),
        sa.Column("unread", sa.Integer))
"""
# The old release runs through these, and the new one is started after them.
EXPANDING = {
    "add column": 'op.add_column("blog_note", sa.Column("slug", sa.String(20)))',
    "add column with default": """
    op.add_column("blog_note", sa.Column("rank", sa.Integer, server_default="7", nullable=False))""",
    "add foreign key": """
    op.add_column("blog_note", sa.Column("author_id", sa.BigInteger))
    op.create_foreign_key("fk_note_author", "blog_note", "blog_author", ["author_id"], ["id"])""",
    "create index": 'op.create_index("i_title", "blog_note", ["title"])',
    "unique constraint": 'op.create_unique_constraint("u_title_id", "blog_note", ["title", "id"])',
    "check constraint": 'op.create_check_constraint("c_rank", "blog_note", "rank >= 0")',
    "backfill": 'op.backfill("blog_note", {"stars": 0, "body": ""})',
    "not null": """
    op.alter_column("blog_note", "body", existing_type=sa.Text(), nullable=False)
    op.alter_column("blog_note", "stars", existing_type=sa.Integer(), nullable=False)""",
    "longer text": 'op.alter_column("blog_note", "title", existing_type=sa.String(100), type_=sa.String(200))',
    "set default": """
    op.alter_column("blog_note", "stars", existing_type=sa.Integer(), server_default=sa.text("0"))""",
    "run python": """
    async def shout(apps, database):
        Note = apps.get_model("blog", "Note")
        for start in range(0, 1000, 100):
            await Note.objects.filter(id__gt=start, id__lte=start + 100).update(slug="a")
    op.run_python(shout)""",
    "several tables": """
    op.add_column("blog_author", sa.Column("born", sa.Date))
    op.add_column("blog_note", sa.Column("read_at", sa.DateTime(True)))
    op.create_table("blog_tag", sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("note_id", sa.BigInteger, sa.ForeignKey("blog_note.id", name="fk_tag_note"), nullable=False))""",
}
# Both run through these: they take away what neither uses.
CONTRACTING = {
    "rename index": 'op.rename_index("i_title", "i_headline", "blog_note")',
    "drop index": 'op.drop_index("i_headline", "blog_note")',
    "drop constraints": """
    op.drop_constraint("u_title_id", "blog_note", type_="unique")
    op.drop_constraint("c_rank", "blog_note", type_="check")""",
    "drop column nobody uses": 'op.drop_column("blog_note", "unread")',
    "drop table nobody uses": 'op.drop_table("blog_tag")',
}


def write(project: Project, number: int, body: str) -> None:
    parent = f"blog_{number - 1:04d}" if number > 1 else None
    project.write(
        "blog",
        f"{number:04d}_step",
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = 'blog_{number:04d}'\ndown_revision = {parent!r}\n\ndef upgrade():\n    {body.strip()}\n",
    )


class Release:
    """A process that runs one release of the application."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._more = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._more:
                self.lines.append(line.decode())
                self._more.notify_all()

    async def answers(self, count: int = 6) -> None:
        """Wait until it has answered some more requests."""
        goal = len(self.lines) + count
        async with self._more:
            await self._more.wait_for(lambda: len(self.lines) >= goal or self._reading.done())

    async def stop(self) -> list[str]:
        """What failed."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        await self._reading
        await self.process.wait()
        failures: list[str] = json.loads(self.lines[-1])
        return failures


@asynccontextmanager
async def running(database: Database, name: str) -> AsyncIterator[Release]:
    """A release at work; what of its requests failed fails the test."""
    command = [sys.executable, str(LOAD), f"{database.url}?application_name=load", name]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        release = Release(process)
        await release.answers()
        yield release
        assert await release.stop() == []
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Watch:
    """Looks at how long the requests wait for locks."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def look(self, database: Database) -> None:
        """Look until cancelled."""
        while True:
            seconds = float(await database.fetch_val(WAITS) or 0)
            self.longest = max(self.longest, seconds)
            await asyncio.sleep(0.002)


async def test_no_request_fails_through_each_kind_of_migration(postgres: Database, project: Project) -> None:
    write(project, 1, INITIAL)
    await migrate(postgres, project.apps)
    await postgres.execute(
        "INSERT INTO blog_note (title, body, stars) "
        "SELECT 'note ' || n, CASE WHEN n % 2 = 0 THEN repeat('x', 100) END, NULLIF(n % 5, 0) "
        f"FROM generate_series(1, {ROWS}) AS n"
    )
    watch = Watch()
    async with Database(postgres.url) as watched, running(postgres, "old") as old:
        watching = asyncio.create_task(watch.look(watched))
        for number, (kind, body) in enumerate(EXPANDING.items(), start=2):
            write(project, number, body)
            await step(postgres, project, kind, watch, old)
        async with running(postgres, "new") as new:
            for number, (kind, body) in enumerate(CONTRACTING.items(), start=2 + len(EXPANDING)):
                write(project, number, body)
                await step(postgres, project, kind, watch, old, new)
        watching.cancel()


async def step(postgres: Database, project: Project, kind: str, watch: Watch, *releases: Release) -> None:
    """Migrate while the releases work, and let them go on for a while."""
    watch.longest = 0.0
    await migrate(postgres, project.apps, large_from=0)
    for release in releases:
        await release.answers()
    if "VIVACE_SHOW_LOCKS" in os.environ:
        print(f"{kind:28} {watch.longest * 1000:6.1f} ms")
