"""The names of `django.db.transaction`: blocks, decorators, savepoints and hooks on the database of the queries."""

from __future__ import annotations

import logging

import pytest
from tests.orm.library import Author, statements

from vivace.databases import Database
from vivace.databases.errors import InterfaceError, TransactionAborted
from vivace.orm import atomic, on_commit, transaction

pytestmark = pytest.mark.anyio


async def names() -> list[str]:
    return await Author.objects.order_by("name").values_list("name", flat=True)


async def test_the_decorator_needs_no_parentheses_and_no_database_yet() -> None:
    @atomic
    async def bare(name: str) -> str:
        await Author.objects.create(name=name)
        if name == "bad":
            raise KeyError(name)
        return name

    @atomic(durable=True, retries=2)
    async def durable() -> None:
        await bare("inner")

    assert bare.__name__ == "bare"
    assert durable.__name__ == "durable"


async def test_each_call_of_a_decorated_function_is_a_block(database: Database) -> None:
    @atomic
    async def make(name: str) -> str:
        await Author.objects.create(name=name)
        if name == "bad":
            raise KeyError(name)
        return name

    assert await make("Ann") == "Ann"
    with pytest.raises(KeyError):
        await make("bad")
    async with atomic():
        await make("Bea")
        with pytest.raises(KeyError):
            await make("bad")
    assert await names() == ["Ann", "Bea"]

    @atomic(savepoint=False)
    async def part(name: str) -> None:
        await make(name)

    async with atomic():
        await part("Cid")
    with pytest.raises(TransactionAborted):
        async with atomic():
            with pytest.raises(KeyError):
                await part("bad")
    assert await names() == ["Ann", "Bea", "Cid"]


async def test_a_block_without_a_savepoint_is_part_of_the_one_around_it(database: Database) -> None:
    with statements(database) as seen:
        async with atomic():
            async with atomic(savepoint=False):
                await Author.objects.create(name="Ann")
        async with atomic(savepoint=False):
            await Author.objects.create(name="Bea")
    assert len(seen) == 2
    assert await names() == ["Ann", "Bea"]

    async def fail() -> None:
        async with atomic(savepoint=False):
            await Author.objects.create(name="Cid")
            raise KeyError

    async def swallow() -> None:
        async with atomic():
            with pytest.raises(KeyError):
                await fail()
            assert transaction.get_rollback()

    with pytest.raises(TransactionAborted):
        await swallow()
    assert await names() == ["Ann", "Bea"]


async def test_a_durable_block_is_the_outermost(database: Database) -> None:
    async with atomic(durable=True):
        for savepoint in (True, False):
            with pytest.raises(InterfaceError, match="durable"):
                async with atomic(durable=True, savepoint=savepoint):
                    pass
        await Author.objects.create(name="Ann")
    assert await names() == ["Ann"]


async def test_savepoints_by_hand(database: Database) -> None:
    assert await transaction.savepoint() is None
    await transaction.savepoint_commit(None)
    await transaction.savepoint_rollback(None)
    async with atomic():
        await Author.objects.create(name="Ann")
        kept = await transaction.savepoint()
        await Author.objects.create(name="Bea")
        undone = await transaction.savepoint()
        await Author.objects.create(name="Cid")
        await transaction.savepoint_rollback(undone)
        await transaction.savepoint_commit(kept)
    assert await names() == ["Ann", "Bea"]


async def test_a_transaction_may_be_marked_for_rollback(database: Database) -> None:
    with pytest.raises(InterfaceError, match="inside atomic"):
        transaction.get_rollback()

    async def marked() -> None:
        async with atomic():
            await Author.objects.create(name="Ann")
            assert not transaction.get_rollback()
            transaction.set_rollback(True)
            assert transaction.get_rollback()
            with pytest.raises(InterfaceError, match="stays so"):
                transaction.set_rollback(False)

    with pytest.raises(TransactionAborted):
        await marked()
    assert await names() == []


async def test_blocks_by_hand(database: Database) -> None:
    block = await atomic().start()
    await Author.objects.create(name="Ann")
    await block.commit()
    assert block.is_committed
    block = await atomic(database).start()
    await Author.objects.create(name="Bea")
    await block.rollback()
    assert not block.is_committed
    assert await names() == ["Ann"]


async def test_hooks_run_after_the_commit(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[object] = []

    async def count() -> None:
        seen.append(await Author.objects.count())

    def fail() -> None:
        raise KeyError

    with caplog.at_level(logging.ERROR):
        async with atomic():
            on_commit(fail, robust=True)
            on_commit(count)
            await Author.objects.create(name="Ann")
            assert seen == []
    assert seen == [1]
    assert caplog.records


async def test_autocommit_is_turned_off_for_a_while(database: Database) -> None:
    assert transaction.get_autocommit()
    await transaction.set_autocommit(True)
    await transaction.set_autocommit(False)
    assert not transaction.get_autocommit()
    await Author.objects.create(name="stored")
    await transaction.commit()
    await Author.objects.create(name="undone")
    await transaction.rollback()
    async with atomic():
        await Author.objects.create(name="inside")
        with pytest.raises(InterfaceError):
            await transaction.commit()
    await transaction.set_autocommit(True)
    assert transaction.get_autocommit()
    assert await Author.objects.order_by("name").values_list("name", flat=True) == ["inside", "stored"]
    with pytest.raises(InterfaceError, match=r"behind set_autocommit\(False\)"):
        await transaction.commit()
    async with atomic():
        with pytest.raises(InterfaceError, match="cannot be turned off in a transaction"):
            await transaction.set_autocommit(False)
