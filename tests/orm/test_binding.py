"""Which database a query goes to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.orm.conftest import create_tables
from tests.orm.library import Tag

from vivace.databases import Database
from vivace.orm import atomic, binding, on_commit, using
from vivace.orm.exceptions import NoDatabase

pytestmark = pytest.mark.anyio


async def test_the_order_of_choice(tmp_path: Path) -> None:
    async with (
        Database(f"sqlite:///{tmp_path / 'a.db'}") as first,
        Database(f"sqlite:///{tmp_path / 'b.db'}") as second,
    ):
        for database in (first, second):
            await create_tables(database)
        with pytest.raises(NoDatabase, match="2 are connected"):
            await Tag.objects.count()
        before = binding.set_default(first)
        await Tag.objects.create(name="in-first")
        async with second.transaction():
            assert await Tag.objects.count() == 0
            assert binding.resolve() is second
            with using(first):
                assert await Tag.objects.count() == 1
                assert await Tag.objects.using(second).count() == 0
        binding.set_default(before)
        async with atomic(using=second):
            await Tag.objects.create(name="in-second")
        assert await Tag.objects.using(second).count() == 1
    with pytest.raises(NoDatabase, match="no Database is connected"):
        await Tag.objects.count()


async def test_a_database_whose_loop_is_gone_is_no_choice(tmp_path: Path) -> None:
    left_behind = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await asyncio.to_thread(asyncio.run, left_behind.connect())
    assert left_behind.is_left_behind
    async with Database(f"sqlite:///{tmp_path / 'b.db'}") as database:
        assert not database.is_left_behind
        assert binding.resolve() is database
    await left_behind.disconnect()


async def test_an_object_is_saved_where_it_came_from(tmp_path: Path) -> None:
    async with (
        Database(f"sqlite:///{tmp_path / 'a.db'}") as first,
        Database(f"sqlite:///{tmp_path / 'b.db'}") as second,
    ):
        for database in (first, second):
            await create_tables(database)
        tag = await Tag.objects.using(second).create(name="x")
        with using(first):
            tag.name = "y"
            await tag.save()
            assert await Tag.objects.count() == 0
            await tag.save(using=first)
            assert await Tag.objects.count() == 1
        assert (await Tag.objects.using(second).get()).name == "y"


async def test_a_rolled_back_transaction_leaves_nothing(database: Database) -> None:
    seen: list[str] = []
    with pytest.raises(RuntimeError):
        async with atomic():
            await Tag.objects.create(name="x")
            on_commit(lambda: seen.append("never"))
            raise RuntimeError
    assert await Tag.objects.count() == 0
    async with atomic():
        await Tag.objects.create(name="x")
        on_commit(lambda: seen.append("committed"))
        assert seen == []
    assert seen == ["committed"]
