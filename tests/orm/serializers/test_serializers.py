"""Rows as text and back, on each database."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.orm.library import Author, Book, Everything, Node, Stamped, Tag

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.exceptions import IntegrityError
from vivace.orm.migrations import create_missing_tables
from vivace.orm.registry import registry
from vivace.orm.schema import metadata
from vivace.orm.serializers import (
    DeserializationError,
    SerializationError,
    deserialize,
    dump,
    load,
    serialize,
    sort_dependencies,
)
from vivace.orm.serializers.loading import Fixture, Loaded
from vivace.orm.signals import post_save, pre_save

pytestmark = pytest.mark.anyio


async def loaded(database: Database, *records: dict[str, Any], **options: Any) -> Loaded:
    return await load(database, [Fixture("given", "json", json.dumps(records))], **options)


def node(pk: Any, parent: Any = None, **fields: Any) -> dict[str, Any]:
    return {"model": "library.node", "pk": pk, "fields": {"name": f"node {pk}", "parent": parent, **fields}}


async def test_every_kind_of_column_comes_back(database: Database) -> None:
    before = await Everything.objects.create(json={"a": [1, None, "é"]}, maybe=None)
    for name in ("json", "jsonl", "yaml"):
        text = await serialize(name, Everything.objects.all())
        await Everything.objects.all().delete()
        async for found in deserialize(name, text):
            await found.save()
        after = await Everything.objects.get()
        for field in Everything._meta.fields:
            assert getattr(after, field.name) == getattr(before, field.name), (name, field.name)


async def test_chosen_fields_and_plain_objects(database: Database) -> None:
    author = await Author.objects.create(name="Ann", age=3)
    assert await serialize("python", [author], fields=["age"]) == [
        {"model": "library.author", "pk": author.pk, "fields": {"age": 3}}
    ]
    into = io.BytesIO((await serialize("json", Author.objects)).encode())
    assert [each.object.name async for each in deserialize("json", into)] == ["Ann"]


async def test_a_row_may_come_before_what_it_refers_to(database: Database) -> None:
    done = await loaded(database, node(1, 2), node(2, 3), node(3, 1))
    assert done == Loaded(found=3, installed=3)
    assert [each async for each in Node.objects.order_by("pk").values_list("pk", "parent_id")] == [
        (1, 2),
        (2, 3),
        (3, 1),
    ]


async def test_a_row_that_refers_to_none_takes_all_others_with_it(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await loaded(database, node(1), node(2, 77))
    assert not await Node.objects.exists()
    # And the connection checks as before.
    with pytest.raises(IntegrityError):
        await Node.objects.create(name="x", parent_id=77)


async def test_new_keys_go_on_behind_those_that_were_loaded(database: Database) -> None:
    await loaded(database, node(41))
    assert (await Node.objects.create(name="next")).pk > 41


async def test_rows_take_the_place_of_those_with_their_keys(database: Database) -> None:
    await Node.objects.create(pk=1, name="old")
    await loaded(database, node(1), node(2), node(2, name="last"))
    assert [each async for each in Node.objects.order_by("pk").values_list("name", flat=True)] == ["node 1", "last"]


async def test_values_are_written_as_they_are(database: Database) -> None:
    moment = "2001-02-03T04:05:06Z"
    await loaded(database, {"model": "library.stamped", "pk": 1, "fields": {"made": moment, "changed": moment}})
    found = await Stamped.objects.get()
    assert found.changed == found.made
    assert found.made.year == 2001


async def test_many_rows_take_few_statements(database: Database) -> None:
    assert await loaded(database, *[node(number) for number in range(1, 1201)]) == Loaded(1200, 1200)
    assert await Node.objects.count() == 1200


async def test_relations_to_many_rows_are_set(database: Database) -> None:
    author = await Author.objects.create(name="Ann")
    red, blue = await Tag.objects.create(name="red"), await Tag.objects.create(name="blue")
    book = await Book.objects.create(title="One", author=author)
    await book.tags.set([red])
    record = (await serialize("python", Book.objects))[0]
    assert record["fields"]["tags"] == [red.pk]
    record["fields"]["tags"] = [red.pk, blue.pk]
    await loaded(database, json.loads(json.dumps(record)))
    assert await book.tags.count() == 2


async def test_receivers_learn_that_the_data_is_raw(database: Database) -> None:
    told: list[bool] = []

    def receive(sender: Any, raw: bool, **more: Any) -> None:
        told.append(raw)

    pre_save.connect(receive, sender=Node)
    post_save.connect(receive, sender=Node)
    try:
        await loaded(database, node(1))
    finally:
        pre_save.disconnect(receive, sender=Node)
        post_save.disconnect(receive, sender=Node)
    assert told == [True, True]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (
            {"model": "library.nod", "fields": {}},
            'Invalid model identifier: "library.nod".*Did you mean "library.Node"',
        ),
        ({"model": "library.node", "fields": {"nam": 1}}, 'no field "nam".*Did you mean "name"'),
        ({"model": "library.node", "pk": "x", "fields": {}}, "pk was 'x'"),
        ({"model": "library.node", "pk": 1}, "A record is"),
        ({"model": "library.book", "pk": 1, "fields": {"tags": 3}}, "list of keys"),
        ({"model": "library.book", "pk": 1, "fields": {"published": "soon"}}, "published was 'soon'"),
        ({"model": "library.everything", "fields": {"binary": "ä"}}, "binary was"),
        (3, "where an object should be"),
    ],
)
async def test_what_does_not_fit_is_named(record: Any, said: str, database: Database) -> None:
    with pytest.raises(DeserializationError, match=f'(?s)Problem installing fixture "given": .*{said}'):
        await loaded(database, record)


async def test_what_is_not_there_any_more_can_be_passed_over(database: Database) -> None:
    records = [{"model": "library.gone", "pk": 1, "fields": {}}, node(1, gone=3)]
    assert await loaded(database, *records, ignorenonexistent=True) == Loaded(found=2, installed=1)


async def test_models_can_be_left_out(database: Database) -> None:
    done = await loaded(database, node(1), {"model": "library.tag", "pk": 1, "fields": {"name": "x"}}, exclude=[Tag])
    assert done == Loaded(found=2, installed=1)
    assert not await Tag.objects.exists()


async def test_an_empty_fixture_is_refused(database: Database) -> None:
    with pytest.raises(DeserializationError, match="nothing in it"):
        await loaded(database)


async def test_a_value_that_json_cannot_say_is_refused(database: Database) -> None:
    unsaved = Node(name="x")
    unsaved.__dict__["parent_id"] = 1
    with pytest.raises(SerializationError, match="cannot be written as JSON"):
        await serialize("json", [Everything(json={"a": {1, 2}})])
    assert unsaved.pk is None


async def test_a_dump_is_of_one_moment_and_ordered_by_keys(database: Database) -> None:
    await loaded(database, node(2), node(1, 2))
    into = io.StringIO()
    assert await dump(database, [Node], into, format="jsonl") == 2
    assert [json.loads(line)["pk"] for line in into.getvalue().splitlines()] == [1, 2]
    into = io.StringIO()
    assert await dump(database, [Node], into, primary_keys=["2"]) == 1


# Natural keys


class PersonManager(models.Manager[Any]):
    async def get_by_natural_key(self, name: str) -> Any:
        return await self.get(name=name)


@contextmanager
def natural_models() -> Iterator[tuple[Any, Any]]:
    with registry.isolated(empty=True):

        class Person(models.Model):
            name = models.CharField(max_length=20, unique=True)
            boss: models.ForeignKey[Any] = models.ForeignKey("self", models.CASCADE, null=True)
            objects = PersonManager()

            class Meta:
                app_label = "natural"

            def natural_key(self) -> tuple[str]:
                return (self.name,)

        class Pet(models.Model):
            name = models.CharField(max_length=20)
            owner = models.ForeignKey(Person, models.CASCADE)
            friends = models.ManyToManyField(Person, related_name="friends_of")

            class Meta:
                app_label = "natural"

        yield Person, Pet


@pytest.fixture
async def natural(database: Database) -> AsyncIterator[tuple[Any, Any]]:
    """Models with natural keys, and their tables."""
    with natural_models() as (person, pet):
        await create_missing_tables(database, metadata([person, pet]))
        yield person, pet
        for table in (pet.friends.through._meta.db_table, pet._meta.db_table, person._meta.db_table):
            await database.execute(f"DROP TABLE {table}")


async def test_natural_keys_stand_for_rows_in_another_database(natural: Any, database: Database) -> None:
    person, pet = natural
    ann = await person.objects.create(pk=7, name="Ann")
    bob = await person.objects.create(pk=8, name="Bob", boss=ann)
    ann.boss = bob
    await ann.save()
    rex = await pet.objects.create(name="Rex", owner=ann)
    await rex.friends.set([bob])
    into = io.StringIO()
    await dump(database, [pet, person], into, use_natural_foreign_keys=True, use_natural_primary_keys=True)
    records = json.loads(into.getvalue())
    assert records[0] == {"model": "natural.person", "fields": {"name": "Ann", "boss": ["Bob"]}}
    assert records[-1]["fields"] == {"name": "Rex", "owner": ["Ann"], "friends": [["Bob"]]}

    await pet.objects.all().delete()
    await person.objects.all().delete()
    other = await person.objects.create(pk=99, name="Bob")
    # The last first: every natural key is looked up when its row is there.
    assert await loaded(database, *reversed(records)) == Loaded(3, 3)
    assert (await person.objects.get(name="Ann")).boss_id == other.pk
    found = await pet.objects.get()
    assert (await found.owner).name == "Ann"
    assert [each.name async for each in found.friends.all()] == ["Bob"]


async def test_a_natural_key_of_nobody_is_named(natural: Any, database: Database) -> None:
    record = {"model": "natural.pet", "pk": 1, "fields": {"name": "Rex", "owner": ["Zoe"]}}
    with pytest.raises(DeserializationError, match=r"natural.pet:pk=1\) owner was \['Zoe'\]"):
        await loaded(database, record)


def test_circles_of_natural_keys_are_broken_up_where_that_is_asked_for() -> None:
    with registry.isolated(empty=True):

        class One(models.Model):
            other: models.ForeignKey[Any] = models.ForeignKey("circle.Two", models.CASCADE)

            class Meta:
                app_label = "circle"

            def natural_key(self) -> tuple[int]:
                return (1,)

        class Two(models.Model):
            other = models.ForeignKey(One, models.CASCADE)

            class Meta:
                app_label = "circle"

            def natural_key(self) -> tuple[int]:
                return (2,)

        with pytest.raises(RuntimeError, match=r"circle\.One, circle\.Two"):
            sort_dependencies([One, Two])
        assert sort_dependencies([Two, One], allow_cycles=True) == [Two, One]
