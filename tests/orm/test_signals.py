"""Signals of models: who hears what when instances are made and saved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.orm.library import Author, Book, Node, Tag, statements

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.registry import registry
from vivace.orm.signals import ModelSignal, class_prepared, post_init, post_save, pre_init, pre_save

pytestmark = pytest.mark.anyio


@contextmanager
def heard(*signals: ModelSignal, sender: Any = None) -> Iterator[list[dict[str, Any]]]:
    """What the signals tell inside the block."""
    told: list[dict[str, Any]] = []

    def note(**named: Any) -> None:
        told.append(named)

    for signal in signals:
        signal.connect(note, sender=sender)
    try:
        yield told
    finally:
        for signal in signals:
            signal.disconnect(note, sender=sender)


async def test_saving_tells_before_and_after(database: Database) -> None:
    with heard(pre_save, post_save, sender=Author) as told:
        ann = Author(name="Ann")
        await ann.save()
        ann.name = "Anna"
        await ann.save(update_fields=["name"])
        await Tag.objects.create(name="red")
    assert [event["signal"] for event in told] == [pre_save, post_save, pre_save, post_save]
    assert told[0] == {
        "signal": pre_save,
        "sender": Author,
        "instance": ann,
        "raw": False,
        "using": database,
        "update_fields": None,
    }
    assert [event.get("created") for event in told] == [None, True, None, False]
    assert told[3]["update_fields"] == frozenset({"name"})
    assert not pre_save.receivers


async def test_async_receivers_are_awaited_in_the_transaction_of_the_save(database: Database) -> None:
    async def count(instance: Author, created: bool, **named: Any) -> None:
        if created:
            await Tag.objects.create(name=f"author-{instance.pk}")

    post_save.connect(count, sender=Author)
    try:
        async with database.atomic() as transaction:
            await Author.objects.create(name="Ann")
            assert await Tag.objects.count() == 1
            await transaction.rollback()
        assert await Tag.objects.count() == 0
    finally:
        post_save.disconnect(count, sender=Author)


async def test_what_a_receiver_changes_before_is_written(database: Database) -> None:
    def shout(instance: Author, **named: Any) -> None:
        instance.name = instance.name.upper()

    pre_save.connect(shout, sender="library.Author")
    try:
        ann = await Author.objects.create(name="Ann")
        ann.name = "Bea"
        await ann.save()
    finally:
        pre_save.disconnect(shout, sender="library.Author")
    assert await Author.objects.values_list("name", flat=True) == ["BEA"]


async def test_a_partly_loaded_row_tells_which_fields_it_saves(database: Database) -> None:
    await Author.objects.create(name="Ann", age=1)
    ann = await Author.objects.only("name").get()
    with heard(pre_save) as told:
        await ann.save()
    assert told[0]["update_fields"] == frozenset({"name"})
    with heard(pre_save) as told:
        await ann.save(update_fields=[])
    assert told == []


async def test_tables_that_relations_make_and_bulk_operations_tell_nothing(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    book = await Book.objects.create(title="x", author=ann)
    with heard(pre_save, post_save) as told:
        await book.tags.add(*await Tag.objects.bulk_create([Tag(name="red")]))
        await Book.tags.through(book=book, tag=await Tag.objects.create(name="b")).save()
        await Book.objects.update(pages=3)
    assert [event["sender"] for event in told] == [Tag, Tag]


async def test_making_an_instance_tells_by_constructor_and_from_a_row(database: Database) -> None:
    with heard(pre_init, post_init, sender=Node) as told:
        root = await Node.objects.create(name="root")
        await Node.objects.create(name="leaf", parent=root)
        del told[:]
        [found] = await Node.objects.select_related("parent").filter(parent__isnull=False)
    assert {event["instance"].name for event in told} == {"root", "leaf"}
    assert any(event["instance"] is found for event in told)
    given: list[Any] = []

    def note(sender: Any, args: Any, kwargs: Any, **named: Any) -> None:
        given.append((sender, args, dict(kwargs)))

    pre_init.connect(note)
    Node(name="x")
    assert given == [(Node, (), {"name": "x"})]
    pre_init.disconnect(note)


def test_a_model_is_announced_when_it_is_defined() -> None:
    with registry.isolated(), heard(class_prepared) as told:

        class Planet(models.Model):
            class Meta:
                app_label = "sky"

    assert told == [{"signal": class_prepared, "sender": Planet}]


def test_a_sender_may_be_named_before_it_exists() -> None:
    told: list[Any] = []

    def note(sender: Any, **named: Any) -> None:
        told.append(sender)

    with registry.isolated():
        post_init.connect(note, sender="sky.Moon")
        assert not post_init.receivers

        class Moon(models.Model):
            class Meta:
                app_label = "sky"

        Moon()
        assert told == [Moon]
        assert post_init.disconnect(note, sender="sky.moon")
    with pytest.raises(ValueError, match=r"label\.Model"):
        pre_save.connect(note, sender="Moon")


def test_constructors_cannot_wait_for_a_receiver() -> None:
    async def late(**named: Any) -> None: ...

    for signal in (pre_init, post_init, class_prepared):
        with pytest.raises(TypeError, match="cannot wait"):
            signal.connect(late)


async def test_nobody_listening_costs_no_statement(database: Database) -> None:
    with statements(database) as seen:
        await Author.objects.create(name="Ann")
    assert len(seen) == 1
