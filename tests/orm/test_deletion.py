"""Deleting: every form of `on_delete`, order, batches, circles, signals."""

from __future__ import annotations

from typing import Any

import pytest
from tests.orm.conftest import create_tables
from tests.orm.library import Author, Book, Loan, Node, statements
from tests.orm.places import (
    MODELS,
    Below,
    Cascaded,
    Changed,
    InDatabase,
    Place,
    Protecting,
    Restaurant,
    Restricting,
    Root,
    Tree,
    Visit,
)

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.exceptions import ModelDefinitionError, ProtectedError, RestrictedError
from vivace.orm.query import deletion
from vivace.orm.signals import post_delete, pre_delete

pytestmark = pytest.mark.anyio


@pytest.fixture
async def tables(database: Database) -> Database:
    await create_tables(database, MODELS)
    await Root.objects.bulk_create([Root(code=f"c{number}") for number in range(1, 6)])
    return database


async def test_a_cascade_takes_what_hangs_on_what_hangs(tables: Database) -> None:
    for root in (1, 1, 2):
        cascaded = await Cascaded.objects.create(root_id=root)
        await Below.objects.create(up=cascaded)
    with statements(tables) as seen:
        assert await Root.objects.filter(pk=1).delete() == (
            5,
            {"places.Below": 2, "places.Cascaded": 2, "places.Root": 1},
        )
    assert len(seen) < 20
    assert await Below.objects.count() == 1


async def test_protected_rows_are_named_from_all_relations(tables: Database) -> None:
    below = await Below.objects.create(up=await Cascaded.objects.create(root_id=1))
    guard = await Protecting.objects.create(below=below)
    with pytest.raises(ProtectedError, match=r"protected foreign keys: 'Protecting\.below'") as caught:
        await Root.objects.filter(pk=1).delete()
    assert caught.value.protected_objects == {guard}
    assert await Root.objects.filter(pk=1).exists()


async def test_restricted_rows_may_go_with_a_cascade_but_not_stay(tables: Database) -> None:
    cascaded = await Cascaded.objects.create(root_id=1)
    going = await Restricting.objects.create(root_id=1, cascaded=cascaded)
    assert (await Root.objects.filter(pk=1).delete())[0] == 3
    assert not await Restricting.objects.filter(pk=going.pk).exists()
    staying = await Restricting.objects.create(root_id=2)
    with pytest.raises(RestrictedError, match=r"restricted foreign keys: 'Restricting\.root'") as caught:
        await Root.objects.filter(pk=2).delete()
    assert caught.value.restricted_objects == {staying}


async def test_keys_are_set_to_null_to_the_default_and_to_a_value(tables: Database) -> None:
    await Changed.objects.create(nulled_id=3, defaulted_id=3, given_id=3)
    gone = await Changed.objects.create(by_code_id="c3", defaulted_id=None)
    await Root.objects.filter(pk=3).delete()
    left = await Changed.objects.get()
    assert (left.nulled_id, left.defaulted_id, left.given_id) == (None, 1, 2)  # type: ignore[attr-defined]
    assert left.pk != gone.pk


async def test_the_database_does_what_is_left_to_it(tables: Database) -> None:
    await InDatabase.objects.create(root_id=1)
    await InDatabase.objects.create(nulled_id=1)
    with statements(tables) as seen:
        assert (await InDatabase.objects.filter(root_id=5).delete()) == (0, {})
    assert len(seen) == 1
    total, counts = await Root.objects.filter(pk=1).delete()
    assert counts == {"places.Root": 1}
    assert total == 1
    left = await InDatabase.objects.get()
    assert left.nulled_id is None  # type: ignore[attr-defined]


def test_database_forms_are_checked_where_they_are_declared() -> None:
    wrong: Any = models
    with pytest.raises(ModelDefinitionError, match="DB_SET_NULL needs null=True"):
        wrong.ForeignKey(Root, wrong.DB_SET_NULL)
    with pytest.raises(ModelDefinitionError, match="DB_SET_DEFAULT needs a db_default"):
        wrong.ForeignKey(Root, wrong.DB_SET_DEFAULT)
    with pytest.raises(ModelDefinitionError, match="db_constraint=False"):
        wrong.ForeignKey(Root, wrong.DB_CASCADE, db_constraint=False)


async def test_a_tree_goes_with_its_root_however_deep(tables: Database) -> None:
    top = await Tree.objects.create()
    last = top
    for _ in range(30):
        last = await Tree.objects.create(parent=last)
    assert await top.delete() == (31, {"places.Tree": 31})


async def test_a_circle_of_rows_goes_whole(tables: Database) -> None:
    first = await Tree.objects.create()
    second = await Tree.objects.create(parent=first)
    first.parent = second
    await first.save()
    assert await Tree.objects.filter(pk=first.pk).delete() == (2, {"places.Tree": 2})


async def test_many_rows_go_in_batches(tables: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "BATCH", 10)
    made = await Cascaded.objects.bulk_create([Cascaded(root_id=1 + number % 3) for number in range(45)])
    await Below.objects.bulk_create([Below(up=each) for each in made for _ in range(2)])
    with statements(tables) as seen:
        assert (await Root.objects.all().delete())[1] == {"places.Below": 90, "places.Cascaded": 45, "places.Root": 5}
    assert max(statement.count(",") for statement in seen) < 40
    assert len(seen) < 60


async def test_signals_are_sent_for_each_row_in_django_s_order(tables: Database) -> None:
    await Below.objects.create(up=await Cascaded.objects.create(root_id=1))
    told: list[tuple[str, str, bool]] = []

    async def before(sender: Any, instance: Any, using: Database, origin: Any, **kwargs: Any) -> None:
        told.append(("pre", sender.__name__, await Root.objects.filter(pk=1).exists()))
        assert using is tables

    def after(sender: Any, instance: Any, origin: Any, **kwargs: Any) -> None:
        told.append(("post", sender.__name__, origin is root))

    for model in (Root, Cascaded, Below):
        pre_delete.connect(before, model)
        post_delete.connect(after, model)
    try:
        root = await Root.objects.get(pk=1)
        assert (await root.delete())[0] == 3
    finally:
        for model in (Root, Cascaded, Below):
            pre_delete.disconnect(before, model)
            post_delete.disconnect(after, model)
    assert sorted(told[:3]) == [("pre", "Below", True), ("pre", "Cascaded", True), ("pre", "Root", True)]
    assert told[3:] == [("post", "Below", True), ("post", "Cascaded", True), ("post", "Root", True)]


async def test_a_failing_receiver_keeps_the_rows(tables: Database) -> None:
    def refuse(**kwargs: Any) -> None:
        raise RuntimeError("no")

    pre_delete.connect(refuse, Root)
    try:
        with pytest.raises(RuntimeError):
            await Root.objects.all().delete()
    finally:
        pre_delete.disconnect(refuse, Root)
    assert await Root.objects.count() == 5


async def test_parents_children_and_those_who_point_to_them(tables: Database) -> None:
    restaurant = await Restaurant.objects.create(name="r")
    await Visit.objects.create(place_id=restaurant.pk)
    place = await Place.objects.get(pk=restaurant.pk)
    assert (await place.delete())[1] == {"places.Restaurant": 1, "places.Visit": 1, "places.Place": 1}


async def test_what_nothing_hangs_on_is_one_statement(database: Database) -> None:
    author = await Author.objects.create(name="a")
    book = await Book.objects.create(title="t", author=author)
    await Loan.objects.create(book=book, reader=author)
    with statements(database) as seen:
        assert await Loan.objects.filter(book__title="t").delete() == (1, {"library.Loan": 1})
    assert len(seen) == 1
    assert (await Node.objects.all().delete()) == (0, {})
