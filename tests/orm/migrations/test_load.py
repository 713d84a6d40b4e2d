"""Old and new code under load through each kind of migration on PostgreSQL: no request fails."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.orm.migrations.load import ROWS, Load, NewNote, OldNote

from vivace.databases import Database
from vivace.orm.migrations import migrate

if TYPE_CHECKING:
    from tests.orm.migrations.conftest import Project

pytestmark = pytest.mark.anyio

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
# After these the old code runs on; what the new code needs is there at the end.
KINDS = {
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


async def test_no_request_fails_through_each_kind_of_migration(postgres: Database, project: Project) -> None:
    write(project, 1, INITIAL)
    await migrate(postgres, project.apps)
    await postgres.execute(
        "INSERT INTO blog_note (title, body, stars) "
        "SELECT 'note ' || n, CASE WHEN n % 2 = 0 THEN repeat('x', 100) END, NULLIF(n % 5, 0) "
        f"FROM generate_series(1, {ROWS}) AS n"
    )
    async with Database(postgres.url) as served:
        load = Load(served)
        async with load.running():
            for number, (kind, body) in enumerate(KINDS.items(), start=2):
                write(project, number, body)
                load.longest_wait, before = 0.0, load.requests
                await load.some()
                await migrate(postgres, project.apps, large_from=0)
                if number > 12:
                    load.releases = [OldNote, NewNote]
                await load.some()
                assert load.failures == [], kind
                if "VIVACE_SHOW_LOCKS" in os.environ:
                    print(f"{kind:28} {load.longest_wait * 1000:6.1f} ms, {load.requests - before} requests")
