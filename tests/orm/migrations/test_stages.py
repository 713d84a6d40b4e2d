"""Migrations that cannot be one transaction: how far they came is recorded, and the next run goes on from there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from vivace.databases import Database
from vivace.orm.migrations import MigrationError, PlannedStep, Progress, migrate, progress, show
from vivace.orm.migrations.errors import MigrationFailed
from vivace.orm.migrations.progress import Journal, Record

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

HEAD = "import sqlalchemy as sa\nfrom alembic import op\nrevision = 'blog_000{number}'\ndown_revision = {parent!r}\n"
FIRST = "    op.create_table('note', sa.Column('id', sa.Integer, primary_key=True), sa.Column('title', sa.String(9)))\n"
SECOND = "    op.add_column('note', sa.Column('stars', sa.Integer))\n"
FILL = "    op.run_sql(\"INSERT INTO note (id, title) VALUES (1, 'one')\")\n"
WRONG = "    op.run_sql('ALTER TABLE missing ADD COLUMN x INTEGER')\n"
RIGHT = "    op.run_sql('CREATE INDEX by_title ON note (title)')\n"
BACK = "def downgrade():\n    op.drop_table('note')\n"


def write(project: Project, *steps: str, atomic: bool = False, number: int = 1, back: str = BACK) -> None:
    """A migration of those steps."""
    head = HEAD.format(number=number, parent=f"blog_000{number - 1}" if number > 1 else None)
    project.write("blog", f"000{number}_note", f"{head}atomic = {atomic}\ndef upgrade():\n{''.join(steps)}\n{back}")


async def applied(database: Database, project: Project) -> list[str]:
    [app] = await show(database, project.apps)
    return [migration.revision for migration, is_applied in app.migrations if is_applied]


async def columns(database: Database) -> int:
    """How many columns the table has; counted without rows, too."""
    async with database.transaction(force_rollback=True):
        await database.execute("INSERT INTO note (id, title) VALUES (99, 'x')")
        row = await database.fetch_one("SELECT * FROM note WHERE id = 99")
    assert row is not None
    return len(row)


async def test_a_migration_that_fails_halfway_is_gone_on_with_after_it_was_corrected(
    database: Database, project: Project
) -> None:
    write(project, FIRST, FILL, SECOND, FILL.replace("1,", "2,"), WRONG)
    with pytest.raises(MigrationFailed, match=r"(?s)\[X\] .*CREATE TABLE note.*\[!\] .*missing.*it goes on with step"):
        await migrate(database, project.apps)
    assert await applied(database, project) == []
    [app] = await show(database, project.apps)
    assert app.half_done is not None
    assert app.half_done.revision == "blog_0001"

    write(project, FIRST, FILL, SECOND, FILL.replace("1,", "2,"), RIGHT)
    await migrate(database, project.apps)
    assert await applied(database, project) == ["blog_0001"]
    assert await database.fetch_val("SELECT count(*) FROM note") == 2
    assert await columns(database) == 3
    assert await progress.read(database) is None


async def test_a_beginning_that_was_edited_after_it_was_run_is_refused(database: Database, project: Project) -> None:
    write(project, FIRST, FILL, SECOND, FILL.replace("1,", "2,"), WRONG)
    with pytest.raises(MigrationFailed):
        await migrate(database, project.apps)
    write(project, FIRST.replace("sa.String(9)", "sa.Text"), FILL, SECOND, FILL.replace("1,", "2,"), RIGHT)
    with pytest.raises(MigrationFailed, match=r"(?s)the beginning of upgrade\(\) .* is not what it was.*--fake"):
        await migrate(database, project.apps)
    assert await applied(database, project) == []


async def test_what_is_half_done_comes_first_and_elsewhere_is_refused(database: Database, project: Project) -> None:
    write(project, FIRST, FILL, atomic=True)
    write(project, SECOND, FILL.replace("1,", "2,"), WRONG, number=2, back="def downgrade(): pass")
    with pytest.raises(MigrationFailed):
        await migrate(database, project.apps)
    with pytest.raises(MigrationError, match=r"blog 0002_note is half done.*`vivace migrate blog 0002`.*--fake"):
        await migrate(database, project.apps, target=("blog", "zero"))
    assert await applied(database, project) == ["blog_0001"]

    # By hand to where it was: the record is forgotten.
    await database.execute("ALTER TABLE note DROP COLUMN stars")
    await database.execute("DELETE FROM note WHERE id = 2")
    await migrate(database, project.apps, target=("blog", "0001"), fake=True)
    assert await progress.unfinished(database) is None
    write(project, SECOND, FILL.replace("1,", "2,"), number=2, back="def downgrade(): pass")
    await migrate(database, project.apps)
    assert await applied(database, project) == ["blog_0001", "blog_0002"]


async def test_by_hand_to_its_end_and_marked(database: Database, project: Project) -> None:
    write(project, FIRST, FILL, WRONG)
    with pytest.raises(MigrationFailed):
        await migrate(database, project.apps)
    await migrate(database, project.apps, target=("blog", "0001"), fake=True)
    assert await applied(database, project) == ["blog_0001"]
    assert await progress.read(database) is None
    assert await migrate(database, project.apps) == []


async def test_going_back_is_recorded_too(database: Database, project: Project) -> None:
    back = f"def downgrade():\n    op.drop_column('note', 'stars')\n{FILL}"
    write(project, FIRST, FILL, SECOND, back=back + WRONG)
    await migrate(database, project.apps)
    with pytest.raises(MigrationFailed, match="failed while undoing it"):
        await migrate(database, project.apps, target=("blog", "zero"))
    assert await applied(database, project) == ["blog_0001"]
    await database.execute("DELETE FROM note")
    write(project, FIRST, FILL, SECOND, back=f"{back}    op.drop_table('note')\n")
    await migrate(database, project.apps, target=("blog", "zero"))
    assert await applied(database, project) == []


@asynccontextmanager
async def began(database: Database, project: Project, *steps: str) -> AsyncIterator[None]:
    """A migration whose process died after it had begun a step, and maybe done it (what the block does)."""
    write(project, *steps)
    with pytest.raises(MigrationFailed):
        await migrate(database, project.apps)
    record = await progress.read(database)
    assert record is not None
    await Journal(database, record).begin()
    yield


@pytest.mark.parametrize("was_done", [True, False])
async def test_a_step_whose_end_nobody_saw_is_done_once(mysql: Database, project: Project, was_done: bool) -> None:
    async with began(mysql, project, FIRST, WRONG):
        if was_done:
            await mysql.execute("ALTER TABLE note ADD COLUMN stars INTEGER")
    write(project, FIRST, SECOND, FILL)
    await migrate(mysql, project.apps)
    assert await columns(mysql) == 3
    assert await mysql.fetch_val("SELECT count(*) FROM note") == 1


async def test_rows_of_mysql_are_written_once(mysql: Database, project: Project) -> None:
    """A step that only writes rows is one transaction with its record, whatever stands in a comment before it."""
    update = "    op.run_sql('-- all of them\\nUPDATE note SET id = id + 1')\n"
    write(project, FIRST, FILL, update, update, WRONG)
    with pytest.raises(MigrationFailed):
        await migrate(mysql, project.apps)
    assert await mysql.fetch_val("SELECT id FROM note") == 3
    record = await progress.read(mysql)
    assert record is not None
    assert (record.done, record.in_flight) == (4, False)


async def test_a_failure_in_the_first_step_leaves_nothing_to_finish(mysql: Database, project: Project) -> None:
    write(project, WRONG, FIRST)
    with pytest.raises(MigrationFailed):
        await migrate(mysql, project.apps)
    assert await progress.unfinished(mysql) is None
    write(project, FIRST, SECOND)
    await migrate(mysql, project.apps)
    assert await columns(mysql) == 3


async def test_a_connection_that_is_cut_leaves_what_can_be_gone_on_with(database: Database, project: Project) -> None:
    """The database was restarted, or the network failed: only this connection is gone."""
    if database.dialect.name == "sqlite":
        pytest.skip("SQLite has no connection to lose")
    cut = "SELECT pg_terminate_backend(pg_backend_pid())"
    if database.dialect.name == "mysql":
        cut = "KILL CONNECTION_ID()"
    write(project, FIRST, FILL, "    op.run_python(cut)\n", SECOND)
    path = next(project.apps["blog"].glob("0001*"))
    path.write_text(f"async def cut(database):\n    await database.execute({cut!r})\n\n" + path.read_text())
    with pytest.raises(MigrationFailed, match=r"Run `vivace migrate` again when the database is back"):
        await migrate(database, project.apps)
    path.write_text(path.read_text().replace(cut, "SELECT 1"))
    await migrate(database, project.apps)
    assert await columns(database) == 3
    assert await database.fetch_val("SELECT count(*) FROM note") == 1


async def test_statements_are_told_with_their_numbers_when_gone_on_with(database: Database, project: Project) -> None:
    write(project, FIRST, FILL, SECOND, WRONG)
    with pytest.raises(MigrationFailed):
        await migrate(database, project.apps)
    write(project, FIRST, FILL, SECOND, RIGHT)
    told: list[Any] = []

    class Told(Progress):
        def running(self, step: PlannedStep, number: int, count: int, text: str) -> None:
            told.append((number, count, text.split()[0]))

    await migrate(database, project.apps, progress=Told())
    assert told[-1] == (4, 4, "CREATE")
    assert (1, 4, "CREATE") not in told


async def test_a_record_without_a_file_is_refused(database: Database, project: Project) -> None:
    write(project, FIRST, atomic=True)
    await Journal(database, Record("blog_0009", backwards=False)).create()
    await Journal(database, Record("blog_0009", backwards=False)).begin()
    with pytest.raises(MigrationError, match="blog_0009 is half done, but no file"):
        await migrate(database, project.apps)
