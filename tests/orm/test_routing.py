"""Several databases: aliases, routers, and what may be related."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.orm.conftest import create_tables
from tests.orm.library import Author, Book, Tag, statements

from vivace.databases import Database
from vivace.orm import Databases, databases, models, using
from vivace.orm.exceptions import NoDatabase

pytestmark = pytest.mark.anyio


class Router:
    """Tags live in the archive; authors are read there and written to the default; all may be related."""

    def __init__(self) -> None:
        self.hints: list[dict[str, Any]] = []

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        self.hints.append(hints)
        return "archive" if model in (Tag, Author) else None

    def db_for_write(self, model: type[models.Model], **hints: Any) -> str | None:
        return "archive" if model is Tag else None

    def allow_migrate(self, alias: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        return alias == "archive" if model_name == "tag" else None


class Permissive:
    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool | None:
        return True


@pytest.fixture
async def archive(sqlite: Database, tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(f"sqlite:///{tmp_path / 'archive.db'}") as database:
        await create_tables(database)
        yield database


@pytest.fixture
async def both(sqlite: Database, archive: Database) -> Databases:
    return Databases({"default": sqlite, "archive": archive})


async def test_aliases_stand_wherever_a_database_may_be_given(both: Databases, archive: Database) -> None:
    with databases(both), using("default"):
        await Author(name="a").save(using="archive")
        assert await Author.objects.count() == 0
        assert await Author.objects.using("archive").count() == 1
        assert await Author.objects.db_manager("archive").count() == 1
        found = await Author.objects.using("archive").get()
        assert found._state.db is archive
        found.name = "b"
        await found.save()
        with using("archive"):
            assert await Author.objects.filter(name="b").exists()
        await found.refresh_from_db(using="archive")
        assert await found.delete(using="archive") == (1, {"library.Author": 1})
        with pytest.raises(NoDatabase, match=r'no database "archiv"\. Did you mean "archive"'):
            await Author.objects.using("archiv")
    with pytest.raises(NoDatabase, match="DATABASES"):
        await Author.objects.using("archive")


async def test_routers_choose_by_model_and_by_reading_or_writing(sqlite: Database, archive: Database) -> None:
    router = Router()
    with databases(Databases({"default": sqlite, "archive": archive}, [Permissive(), router])):
        async with sqlite.atomic():
            tag = await Tag.objects.create(name="t")
            assert tag._state.db is archive
            with statements(sqlite) as seen:
                assert [each.name for each in await Tag.objects.all()] == ["t"]
                assert await Tag.objects.update(name="u") == 1
                assert await Tag.objects.filter(name="u").delete() == (1, {"library.Tag": 1})
        assert seen == []
        with using(sqlite):
            author = await Author.objects.create(name="a")
            await Book.objects.create(title="b", author=author)
        await Author(pk=author.pk, name="copy").save(using="archive", force_insert=True)
        with using(sqlite):
            book = await Book.objects.get()
        assert (await book.author).name == "copy"
        assert "instance" in router.hints[-1]
        changed, created = await Author.objects.using(None).get_or_create(name="copy")
        assert not created
        assert [each.title for each in await changed.books.all()] == []


async def test_objects_of_two_databases_are_related_only_if_a_router_says_so(both: Databases) -> None:
    with databases(both):
        author = await Author.objects.using("archive").create(name="a")
        book = await Book.objects.using("default").create(
            title="b", author=await Author.objects.using("default").create(name="x")
        )
        tag = await Tag.objects.using("archive").create(name="t")
        with pytest.raises(ValueError, match="router prevents this relation"):
            book.author = author
        with pytest.raises(ValueError, match="instance is on database"):
            await book.tags.add(tag)
        with pytest.raises(ValueError, match="isn't saved in the database"):
            await author.books.add(book)
        allowing = Databases(dict(both), [Permissive()])
        with databases(allowing):
            book.author = author


async def test_databases_know_where_tables_belong(both: Databases) -> None:
    routed = Databases(dict(both), [Router()])
    assert routed.allow_migrate_model("archive", Tag)
    assert not routed.allow_migrate_model("default", Tag)
    assert routed.allow_migrate_model("default", Book)
    assert (routed.db_for_read(Tag), routed.db_for_write(Author), routed.db_for_read(Book)) == (
        "archive",
        "default",
        "default",
    )
    assert routed.alias_of(both["archive"]) == "archive"
    assert list(both) == ["default", "archive"]
    assert "archive" in both
    with pytest.raises(ValueError, match='One of the databases is called "default"'):
        Databases({"other": both["archive"]})
    with pytest.raises(TypeError, match="is no router"):
        Databases(dict(both), [object()])
