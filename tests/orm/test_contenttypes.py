"""Content types and generic relations."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from tests.orm.conftest import create_tables
from tests.orm.library import statements

from vivace.databases import Database
from vivace.orm import atomic, models
from vivace.orm.contenttypes import ContentType, GenericForeignKey, GenericPrefetch, GenericRelation
from vivace.orm.exceptions import FieldError, FieldFetchBlocked, ModelDefinitionError, NotLoaded
from vivace.orm.models import FETCH_RAISE, Count, FilteredRelation, Prefetch
from vivace.orm.registry import registry

pytestmark = pytest.mark.anyio


class TaggedItem(models.Model):
    word = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, models.CASCADE)
    object_id = models.CharField(max_length=50)
    content_object = GenericForeignKey()
    content_type_id: int


class Song(models.Model):
    title = models.CharField(max_length=50)
    tags = GenericRelation(TaggedItem)


class Picture(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    tags = GenericRelation(TaggedItem)


class Cover(Song):
    """A song by somebody else."""


class Film(models.Model):
    title = models.CharField(max_length=50)
    tags = GenericRelation(TaggedItem, related_query_name="%(class)s")


class Remake(Film):
    year = models.IntegerField(default=2000)


class Untagged(models.Model):
    name = models.CharField(max_length=9)


MODELS = (ContentType, TaggedItem, Song, Picture, Cover, Film, Remake, Untagged)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    ContentType.objects.clear_cache()
    yield
    ContentType.objects.clear_cache()


@pytest.fixture
async def tagged(database: Database) -> Database:
    await create_tables(database, MODELS)
    for number in range(3):
        song = await Song.objects.create(title=f"song {number}")
        for word in ("loud", "long")[: number + 1]:
            await song.tags.create(word=word)
    picture = await Picture.objects.create()
    await TaggedItem.objects.create(word="loud", content_object=picture)
    return database


# Content types


async def test_content_types_are_made_once_and_remembered(database: Database) -> None:
    await create_tables(database, MODELS)
    found = await ContentType.objects.get_for_model(Song)
    with statements(database) as seen:
        assert await ContentType.objects.get_for_model(Song(title="x")) is found
        assert await ContentType.objects.get_for_id(found.pk) is found
        assert await ContentType.objects.get_by_natural_key(*found.natural_key()) is found
    assert seen == []
    assert (found.model_class(), found.name, str(found)) == (Song, "song", f"{found.app_label} | song")
    both = await ContentType.objects.get_for_models(Song, Picture)
    assert both[Song] is found
    assert await ContentType.objects.count() == 2
    await Song.objects.create(title="a")
    assert (await found.get_object_for_this_type(title="a")).title == "a"
    assert await found.get_all_objects_for_this_type(title="b").count() == 0
    stale = await ContentType.objects.create(app_label="gone", model="away")
    assert (stale.model_class(), stale.name) == (None, "away")
    with pytest.raises(ContentType.DoesNotExist):
        await ContentType.objects.get_for_id(99)


async def test_what_a_transaction_made_is_forgotten_when_it_is_rolled_back(database: Database) -> None:
    await create_tables(database, MODELS)
    with pytest.raises(RuntimeError):
        async with atomic():
            await ContentType.objects.get_for_model(Song)
            raise RuntimeError
    assert (await ContentType.objects.get_for_model(Song)).pk is not None
    assert await ContentType.objects.count() == 1


# Forward


async def test_objects_of_all_models_are_loaded_for_all_peers(tagged: Database) -> None:
    items = await TaggedItem.objects.order_by("pk")
    with statements(tagged) as seen:
        found = [await item.content_object for item in items]
    assert len(seen) <= 3
    assert [type(each) for each in found] == [Song] * 5 + [Picture]
    assert items[0].content_object is found[0]
    with pytest.raises(NotLoaded, match="prefetch_related"):
        _ = (await TaggedItem.objects.get(pk=1)).content_object.title


async def test_what_is_assigned_is_typed_when_it_is_saved(tagged: Database) -> None:
    song = await Song.objects.get(title="song 1")
    item: Any = TaggedItem(word="new", content_object=song)
    assert item.content_object is song
    await item.save()
    assert await (await TaggedItem.objects.get(word="new")).content_object == song
    item.content_object = None
    assert item.content_type_id is None
    fresh = Song(title="unsaved")
    with pytest.raises(ValueError, match="unsaved related object 'content_object'"):
        await TaggedItem.objects.create(word="x", content_object=fresh)
    with pytest.raises(TypeError, match="instance of a model"):
        item.content_object = 3
    made = [TaggedItem(word="bulk", content_object=each) for each in await Song.objects.all()]
    await TaggedItem.objects.bulk_create(made)
    assert await TaggedItem.objects.filter(word="bulk").count() == 3


async def test_a_refreshed_object_reads_what_it_points_to_again(tagged: Database) -> None:
    item = await TaggedItem.objects.select_related("content_type").order_by("pk")[0]
    song = await item.content_object
    await Song.objects.filter(pk=song.pk).update(title="renamed")
    assert item.content_object.title == song.title
    await item.refresh_from_db()
    assert (await item.content_object).title == "renamed"


async def test_objects_that_are_gone_are_none(tagged: Database) -> None:
    item = await TaggedItem.objects.create(
        word="lost", content_type=await ContentType.objects.get_for_model(Song), object_id="999"
    )
    assert await (await TaggedItem.objects.get(pk=item.pk)).content_object is None
    nonsense = await TaggedItem.objects.create(word="?", content_type_id=item.content_type_id, object_id="no number")
    again = await TaggedItem.objects.get(pk=nonsense.pk)
    assert await again.content_object is None
    assert again.content_object is None


async def test_generic_foreign_keys_are_prefetched(tagged: Database) -> None:
    with statements(tagged) as seen:
        items = await TaggedItem.objects.prefetch_related("content_object").order_by("pk")
        assert items[0].content_object.title == "song 0"
    assert len(seen) <= 4
    prefetch = GenericPrefetch("content_object", [Song.objects.only("title"), Picture.objects.all()])
    items = await TaggedItem.objects.prefetch_related(prefetch, "content_object__tags").order_by("pk")
    assert sorted(tag.word for tag in items[-1].content_object.tags) == ["loud"]
    with pytest.raises(ValueError, match="GenericPrefetch"):
        await TaggedItem.objects.prefetch_related(Prefetch("content_object", Song.objects.all()))
    with pytest.raises(FieldFetchBlocked):
        await (await TaggedItem.objects.fetch_mode(FETCH_RAISE).first()).content_object  # type: ignore[union-attr]


# Reverse


async def test_generic_relations_are_managers(tagged: Database) -> None:
    song = await Song.objects.get(title="song 2")
    assert sorted([tag.word for tag in await song.tags.all()]) == ["long", "loud"]
    assert (await song.tags.get_or_create(word="loud"))[1] is False
    assert (await song.tags.update_or_create(word="new", defaults={"word": "newer"}))[1] is True
    assert (await song.tags.acreate(word="last")).object_id == str(song.pk)
    assert await song.tags.count() == 4
    other = await TaggedItem.objects.filter(word="loud").order_by("pk").first()
    await song.tags.add(other)
    assert await song.tags.count() == 5
    await song.tags.remove(other)
    assert other is not None
    assert not await TaggedItem.objects.filter(pk=other.pk).exists()
    keep = await song.tags.get(word="newer")
    await song.tags.set([keep, TaggedItem(word="extra")], bulk=False)
    await song.tags.set(TaggedItem.objects.filter(pk__in=await song.tags.values_list("pk", flat=True)))
    assert sorted(await song.tags.values_list("word", flat=True)) == ["extra", "newer"]
    await song.tags.clear()
    assert await song.tags.count() == 0
    with pytest.raises(ValueError, match="must be saved"):
        await Song(title="x").tags.all()
    with pytest.raises(TypeError, match=r"set\(\[…\]\)"):
        song.tags = []


async def test_generic_relations_are_names_in_lookups(tagged: Database) -> None:
    assert await Song.objects.filter(tags__word="long").order_by("pk").values_list("title", flat=True) == [
        "song 1",
        "song 2",
    ]
    assert await Song.objects.exclude(tags__word="long").values_list("title", flat=True) == ["song 0"]
    assert await Picture.objects.filter(tags__word="loud").count() == 1
    counted = await Song.objects.annotate(n=Count("tags")).order_by("pk").values_list("n", flat=True)
    assert counted == [1, 2, 2]
    with pytest.raises(FieldError, match="no field"):
        await TaggedItem.objects.filter(content_object=1)


async def test_generic_relations_are_prefetched(tagged: Database) -> None:
    with statements(tagged) as seen:
        songs = await Song.objects.prefetch_related("tags").order_by("pk")
        assert [len(list(song.tags)) for song in songs] == [1, 2, 2]
    assert len(seen) == 2
    songs = await Song.objects.prefetch_related(
        Prefetch("tags", TaggedItem.objects.filter(word="long"), to_attr="longs")
    ).order_by("pk")
    assert [len(song.longs) for song in songs] == [0, 1, 1]  # type: ignore[attr-defined]


async def test_what_points_to_an_object_goes_with_it(tagged: Database) -> None:
    label = TaggedItem._meta.app_label
    song = await Song.objects.get(title="song 2")
    assert await song.delete() == (3, {f"{label}.TaggedItem": 2, f"{label}.Song": 1})
    assert (await Picture.objects.all().delete())[0] == 2
    cover = await Cover.objects.create(title="cover")
    await cover.tags.create(word="again")
    item: Any = await TaggedItem.objects.get(word="again")
    assert await item.content_object == cover
    assert (await cover.delete())[1] == {f"{label}.TaggedItem": 1, f"{label}.Cover": 1, f"{label}.Song": 1}


# related_query_name


async def test_lookups_lead_back_by_the_related_query_name(tagged: Database) -> None:
    """A film and a song of the same key are told apart."""
    first, second = await Film.objects.create(title="first"), await Film.objects.create(title="second")
    await first.tags.create(word="loud")
    await first.tags.create(word="quiet")
    await second.tags.create(word="quiet")
    items = TaggedItem.objects.order_by("pk")
    assert await items.filter(film__title="first").values_list("word", flat=True) == ["loud", "quiet"]
    assert await items.filter(film=second).values_list("word", "film__title") == [("quiet", "second")]
    assert await items.filter(film__in=Film.objects.filter(title="second")).count() == 1
    assert await items.exclude(film__title="first").count() == 7
    assert await items.filter(film__isnull=True).count() == 6
    assert await items.filter(word="quiet").order_by("-film__title").values_list("film__title", flat=True) == [
        "second",
        "first",
    ]
    counted = await TaggedItem.objects.values("word").annotate(films=Count("film")).order_by("word")
    assert [(row["word"], row["films"]) for row in counted] == [("long", 0), ("loud", 1), ("quiet", 2)]
    # There and back again: the other tags of what has this one.
    assert await items.filter(film__tags__word="loud").values_list("word", flat=True) == ["loud", "quiet"]


async def test_each_model_that_inherits_a_relation_has_a_name_of_its_own(tagged: Database) -> None:
    remake = await Remake.objects.create(title="again")
    await remake.tags.create(word="new")
    assert await TaggedItem.objects.filter(remake__title="again").values_list("word", flat=True) == ["new"]
    assert not await TaggedItem.objects.filter(film__title="again").exists()


async def test_a_filtered_relation_narrows_a_generic_one(tagged: Database) -> None:
    songs = Song.objects.annotate(loud=FilteredRelation("tags", condition=models.Q(tags__word="loud")))
    assert await songs.filter(loud__isnull=False).count() == 3
    assert await songs.annotate(n=Count("loud")).order_by("pk").values_list("n", flat=True) == [1, 1, 1]


def test_a_related_query_name_that_is_taken_is_refused() -> None:
    with registry.isolated(), pytest.raises(ModelDefinitionError, match='related_query_name "word" is taken'):

        class Play(models.Model):
            tags = GenericRelation(TaggedItem, related_query_name="word")

    with registry.isolated(), pytest.raises(ModelDefinitionError, match='related_query_name "film" is taken'):

        class Opera(models.Model):
            tags = GenericRelation(TaggedItem, related_query_name="film")

    with registry.isolated():

        class Dance(models.Model):
            tags = GenericRelation("LateItem", related_query_name="dance")

        class LateItem(models.Model):
            content_type = models.ForeignKey(ContentType, models.CASCADE)
            object_id = models.IntegerField()

        class LaterItem(LateItem):
            pass

        assert str(LateItem.objects.filter(dance=1)) == str(LateItem.objects.filter(dance=1))
        LaterItem.objects.filter(dance__pk__gt=1)

    with pytest.raises(FieldError, match='no field "dance"'):
        TaggedItem.objects.filter(dance=1)
