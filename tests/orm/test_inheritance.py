"""Multi-table, proxy and abstract inheritance: definitions, queries, and rows that are in several tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.orm.conftest import create_tables
from tests.orm.library import statements
from tests.orm.places import (
    MODELS,
    AddressedPlace,
    Bar,
    Franchise,
    Italian,
    Label,
    Owned,
    Place,
    Restaurant,
    Review,
    Visit,
    Waiter,
)

from vivace.databases import Database
from vivace.databases.errors import IntegrityError
from vivace.orm import F, models
from vivace.orm.exceptions import FieldError, ModelDefinitionError
from vivace.orm.registry import registry

pytestmark = pytest.mark.anyio


@pytest.fixture
async def town(database: Database) -> Database:
    await create_tables(database, MODELS)
    await Place.objects.create(name="square")
    await Restaurant.objects.create(name="grill", stars=1, address="a", rating=3)
    await Italian.objects.create(name="trattoria", stars=2, gnocchi=True, rating=5)
    await Bar.objects.create(name="pub", beers=9, address="b")
    return database


# Definitions


def test_a_child_has_its_parents_fields_and_a_link_as_its_key() -> None:
    meta = Italian._meta
    assert [field.name for field in meta.concrete_fields] == [
        *("id", "name", "address", "changed", "place_ptr", "rating", "pizza", "stars", "restaurant_ptr", "gnocchi")
    ]
    assert [field.name for field in meta.local_fields] == ["restaurant_ptr", "gnocchi"]
    assert meta.pk.name == "restaurant_ptr"
    assert meta.forward["name"].model is Place
    assert Bar._meta.pk.name == "place"
    assert [name for name in Place._meta.names if name in ("restaurant", "bar", "italian", "visits")] == [
        *("restaurant", "bar", "visits")
    ]
    # A child sees what points to its parents, but not its siblings.
    assert "visits" in Bar._meta.names
    assert "restaurant" not in Bar._meta.names
    assert set(Franchise._meta.links) == {Owned, Place}
    assert Franchise._meta.pk.name == "owned_ptr"


def test_meta_is_inherited_as_in_django() -> None:
    assert Restaurant._meta.ordering == ["name"]
    assert AddressedPlace._meta.ordering == ["-name"]
    assert (AddressedPlace._meta.db_table, AddressedPlace._meta.proxy) == (Place._meta.db_table, True)
    assert AddressedPlace._meta.concrete_model is Place
    assert issubclass(Restaurant.DoesNotExist, Place.DoesNotExist)


@pytest.fixture
def isolated() -> Iterator[None]:
    with registry.isolated():
        yield


def made(called: str, *bases: Any, **body: Any) -> Any:
    metaclass: Any = type(models.Model)
    return metaclass(called, bases, {"__module__": __name__, **body})


def meta(**options: Any) -> type:
    return type("Meta", (), options)


MISTAKES = [
    (lambda: made("A", Place, name=models.TextField()), "clashes with field of the same name from base class 'Place'"),
    (lambda: made("A", Place, name=None), "cannot be taken away"),
    (lambda: made("A", Place, place_ptr=models.TextField()), "clashes with declared field"),
    (lambda: made("A", Place, Label), "the field 'id' from parent model"),
    (lambda: made("A", models.Model, Meta=meta(proxy=True)), "no non-abstract model base class"),
    (lambda: made("A", Place, Label, Meta=meta(proxy=True)), "more than one non-abstract"),
    (lambda: made("A", Place, extra=models.TextField(), Meta=meta(proxy=True)), "contains model fields"),
    (
        lambda: made("A", models.Model, to=models.OneToOneField(Place, models.CASCADE, parent_link=True)),
        "not derived from Place",
    ),
]


@pytest.mark.usefixtures("isolated")
@pytest.mark.parametrize(("define", "message"), MISTAKES)
def test_mistakes_are_told_where_they_are_made(define: Any, message: str) -> None:
    with pytest.raises(ModelDefinitionError, match=message):
        define()


@pytest.mark.usefixtures("isolated")
def test_managers_of_the_model_itself_come_first_and_those_of_bases_follow() -> None:
    class Named(models.Model):
        first = models.Manager[Any]()

        class Meta:
            abstract = True

    class Child(Named):
        second = models.Manager[Any]()

    class Hidden(Named):
        first = None  # type: ignore[assignment]

    assert list(Child._meta.managers) == ["second", "first"]
    assert Child._meta.default_manager.name == "second"
    assert not hasattr(Child, "objects")
    assert list(Hidden._meta.managers) == ["objects"]
    assert list(AddressedPlace._meta.managers) == ["addressed", "objects"]
    assert Restaurant.objects.model is Restaurant


@pytest.mark.usefixtures("isolated")
def test_managers_are_named_in_meta() -> None:
    class Chosen(models.Model):
        all_rows = models.Manager[Any]()
        some = models.Manager[Any]()

        class Meta:
            default_manager_name = "some"
            base_manager_name = "all_rows"

    assert Chosen._meta.default_manager.name == "some"
    assert Chosen._meta.base_manager.name == "all_rows"
    assert Chosen._default_manager is Chosen.some
    assert Place._base_manager.model is Place

    class Wrong(models.Model):
        class Meta:
            default_manager_name = "objekts"

    with pytest.raises(ModelDefinitionError, match='Did you mean "objects"'):
        _ = Wrong._meta.default_manager


@pytest.mark.usefixtures("isolated")
def test_a_model_without_a_meta_takes_that_of_its_first_abstract_base() -> None:
    class First(models.Model):
        class Meta:
            abstract = True
            ordering = ["id"]

    class Second(models.Model):
        class Meta:
            abstract = True
            verbose_name = "two"

    class Both(First, Second):  # type: ignore[misc]  # two Metas
        pass

    class Own(First):
        class Meta:
            verbose_name = "own"

    assert (Both._meta.ordering, Both._meta.verbose_name) == (["id"], "both")
    assert (Own._meta.ordering, Own._meta.verbose_name) == ((), "own")


@pytest.mark.usefixtures("isolated")
def test_another_model_may_stand_in_the_place_of_a_swappable_one() -> None:
    registry.swap("AUTH_USER_MODEL", "test_inheritance.Person")

    class User(models.Model):
        class Meta:
            swappable = "AUTH_USER_MODEL"

    class Post(models.Model):
        author: models.ForeignKey[Any] = models.ForeignKey("User", models.CASCADE, related_name="posts")

    class Person(models.Model):
        class Meta:
            swappable = "AUTH_USER_MODEL"

    assert User._meta.swapped == "test_inheritance.Person"
    assert Person._meta.swapped is None
    assert Post._meta.forward["author"].related_model is Person
    assert User not in registry.models()
    with pytest.raises(AttributeError, match=r"'test_inheritance.User' has been swapped for 'test_inheritance.Person'"):
        _ = User.objects


# Reading


async def test_children_are_read_with_their_parents_columns(town: Database) -> None:
    with statements(town) as seen:
        found = await Italian.objects.get(name="trattoria")
    assert len(seen) == 1
    assert (found.pk, found.id, found.name, found.stars, found.gnocchi) == (3, 3, "trattoria", 2, True)
    assert [each.name for each in await Place.objects.all()] == ["grill", "pub", "square", "trattoria"]
    assert await Restaurant.objects.values_list("name", "stars", "id") == [("grill", 1, 2), ("trattoria", 2, 3)]
    assert await Restaurant.objects.filter(pk__gt=2, name__startswith="t").count() == 1
    assert await Italian.objects.exclude(address="a").aggregate(most=models.Max("stars")) == {"most": 2}


async def test_from_parent_to_child_and_back(town: Database) -> None:
    assert await Place.objects.filter(restaurant__italian__gnocchi=True).values_list("name", flat=True) == ["trattoria"]
    assert await Place.objects.filter(bar__isnull=False).values_list("name", flat=True) == ["pub"]
    place = await Place.objects.get(name="pub")
    assert (await place.bar).beers == 9
    assert await Place.objects.select_related("restaurant__italian").count() == 4
    with statements(town) as seen:
        places = await Place.objects.select_related("restaurant__italian", "bar").order_by("pk")
        assert [hasattr(each, "restaurant") for each in places] == [False, True, True, False]
        assert places[2].restaurant.italian.gnocchi is True
        assert places[3].bar.place is places[3]
        with pytest.raises(Bar.DoesNotExist):
            _ = places[0].bar
    assert len(seen) == 1
    found = await Italian.objects.get()
    with statements(town) as seen:
        assert isinstance(found.restaurant_ptr, Restaurant)
        assert found.restaurant_ptr.place_ptr.name == "trattoria"
    assert seen == []


async def test_relations_to_and_from_parents(town: Database) -> None:
    italian = await Italian.objects.get()
    await Waiter.objects.create(name="Anna", restaurant=italian)
    await Visit.objects.create(place=italian)
    label = await italian.tags.create(word="good")
    assert await label.places.get() == await Place.objects.get(name="trattoria")
    assert [waiter.name for waiter in await italian.waiters.all()] == ["Anna"]
    assert await italian.visits.count() == 1
    assert await Italian.objects.filter(visits__isnull=False, tags__word="good", waiters__name="Anna").count() == 1
    assert await Waiter.objects.filter(restaurant__place_ptr__visits__isnull=False).count() == 1
    waiter = await Waiter.objects.select_related("restaurant").get(restaurant__name="trattoria")
    assert waiter.restaurant.name == "trattoria"
    waiter = await Waiter.objects.get(restaurant__id=3)
    assert (await waiter.restaurant).stars == 2
    fetched = await Italian.objects.prefetch_related("tags", "visits", "waiters").get()
    assert [each.word for each in fetched.tags] == ["good"]
    assert len(list(fetched.visits)) == 1
    assert len(list(fetched.waiters)) == 1


async def test_deferred_fields_of_parents_are_loaded_later(town: Database) -> None:
    found = await Italian.objects.only("name", "gnocchi").get()
    assert "stars" in found.get_deferred_fields()
    await found
    assert found.stars == 2
    await found.refresh_from_db(fields=["name", "stars"])
    await found.refresh_from_db()
    assert found.name == "trattoria"


async def test_of_a_partial_parent_too_the_absence_of_a_child_is_told(town: Database) -> None:
    place = await Place.objects.only("name").select_related("bar").get(name="square")
    assert not hasattr(place, "bar")
    with pytest.raises(Bar.DoesNotExist, match=r"Place has no bar\."):
        _ = place.bar
    with pytest.raises(AttributeError, match="no attribute 'barn'"):
        _ = place.barn  # type: ignore[attr-defined]


async def test_grouping_by_a_parents_columns(town: Database) -> None:
    await Visit.objects.create(place_id=2)
    rows = await Restaurant.objects.annotate(times=models.Count("visits")).order_by("name")
    assert [(each.name, each.times) for each in rows] == [("grill", 1), ("trattoria", 0)]  # type: ignore[attr-defined]
    found = await Restaurant.objects.values("address").annotate(n=models.Count("pk")).order_by("address")
    assert found == [{"address": "", "n": 1}, {"address": "a", "n": 1}]


# Writing


async def test_saving_writes_only_the_tables_that_changed(town: Database) -> None:
    found = await Italian.objects.get()
    found.gnocchi = False
    with statements(town) as seen:
        await found.save(update_fields=["gnocchi"])
    assert len(seen) == 1
    assert "italian" in seen[0]
    found.stars, found.name = 3, "pizzeria"
    await found.save()
    fresh = await Italian.objects.get(pk=found.pk)
    assert (fresh.name, fresh.stars, fresh.gnocchi) == ("pizzeria", 3, False)
    found.stars = F("stars") + 1  # type: ignore[assignment]
    await found.save()
    assert found.stars == 4


async def test_a_parent_that_exists_becomes_a_child(town: Database) -> None:
    square = await Place.objects.get(name="square")
    child = Restaurant(place_ptr=square, name="square", stars=7)
    await child.save()
    assert child.pk == square.pk
    assert await Place.objects.count() == 4
    assert (await Restaurant.objects.get(pk=square.pk)).stars == 7
    with pytest.raises(IntegrityError):
        await Place(pk=square.pk, name="x").save(force_insert=True)
    with pytest.raises(IntegrityError):
        await Restaurant(id=square.pk, name="x").save(force_insert=(Place,))
    with pytest.raises(TypeError, match="must be a base of Restaurant"):
        await Restaurant(name="x").save(force_insert=(Bar,))


async def test_a_copy_is_a_new_row_in_each_table(town: Database) -> None:
    found = await Italian.objects.get()
    found.pk = found.id = found.place_ptr_id = None
    found._state.adding = True
    await found.save()
    assert await Italian.objects.count() == 2
    assert await Place.objects.count() == 5
    assert found.pk == found.id == found.place_ptr_id == 5


async def test_two_parents_with_tables(town: Database) -> None:
    both = await Franchise.objects.create(owner="Ann", name="chain")
    assert (both.key, both.id) == (1, 5)
    found = await Franchise.objects.get(owner="Ann", name="chain")
    assert (found.owned_ptr_id, found.place_ptr_id) == (1, 5)
    assert await both.delete() == (3, {"places.Franchise": 1, "places.Owned": 1, "places.Place": 1})


async def test_update_reaches_the_columns_of_parents(town: Database) -> None:
    assert await Restaurant.objects.filter(name="grill").update(name="bistro", stars=5) == 1
    assert await Restaurant.objects.filter(stars=5).values_list("name", flat=True) == ["bistro"]
    assert await Italian.objects.update(address=F("name")) == 1
    assert (await Place.objects.get(name="trattoria")).address == "trattoria"
    assert await Franchise.objects.update(name="x", owner="y") == 0
    with pytest.raises(FieldError, match="no column"):
        await Restaurant.objects.update(visits=1)


async def test_changed_and_deleted_rows_are_returned(town: Database) -> None:
    rows = await Restaurant.objects.filter(stars=2).update(stars=3, name="new").returning()
    assert [(row.name, row.stars, row.pk) for row in rows] == [("new", 3, 3)]
    gone = await Italian.objects.filter(name="new").delete().returning("name")
    assert [row.name for row in gone] == ["new"]
    assert await Place.objects.count() == 3


async def test_rows_of_several_tables_are_locked_and_got_or_created(town: Database) -> None:
    async with town.atomic():
        assert (await Restaurant.objects.select_for_update().get(name="grill")).stars == 1
    assert (await Restaurant.objects.get_or_create(name="grill"))[1] is False
    made, created = await Restaurant.objects.update_or_create(name="diner", defaults={"stars": 4, "address": "x"})
    assert created
    assert (made.stars, made.address) == (4, "x")
    again, created = await Restaurant.objects.update_or_create(name="diner", defaults={"stars": 5, "address": "y"})
    assert not created
    fresh = await Restaurant.objects.get(pk=again.pk)
    assert (fresh.stars, fresh.address) == (5, "y")


async def test_set_operations_and_subqueries_of_children(town: Database) -> None:
    both = Restaurant.objects.filter(stars=1).union(Restaurant.objects.filter(stars=2))
    assert sorted([row.name for row in await both]) == ["grill", "trattoria"]
    assert await Place.objects.filter(pk__in=Restaurant.objects.filter(stars=2)).count() == 1
    outer = Restaurant.objects.filter(pk=models.OuterRef("pk"), name__startswith="t")
    assert await Place.objects.filter(models.Exists(outer)).values_list("name", flat=True) == ["trattoria"]


async def test_bulk_operations_write_every_table(town: Database) -> None:
    made = await Italian.objects.bulk_create([Italian(name=f"i{number}", stars=number) for number in range(5)])
    assert [each.pk for each in made] == [5, 6, 7, 8, 9]
    assert (await Italian.objects.get(name="i3")).stars == 3
    for each in made:
        each.name, each.stars, each.gnocchi = f"{each.name}!", 9, True
    await Italian.objects.bulk_update(made, ["name", "stars", "gnocchi"])
    assert await Italian.objects.filter(name__endswith="!", stars=9, gnocchi=True).count() == 5
    with pytest.raises(ValueError, match="conflicts"):
        await Italian.objects.bulk_create([Italian(name="x")], ignore_conflicts=True)


async def test_deleting_takes_the_row_out_of_every_table(town: Database) -> None:
    await Waiter.objects.create(name="Anna", restaurant_id=3)
    await Visit.objects.create(place_id=3)
    found = await Restaurant.objects.get(name="trattoria")
    total, counts = await found.delete()
    assert (total, counts["places.Italian"], counts["places.Place"]) == (5, 1, 1)
    assert (found.pk, found.id) == (None, None)
    assert await Place.objects.count() == 3
    assert (await Bar.objects.all().delete())[0] == 2
    grill = await Restaurant.objects.get(name="grill")
    assert await grill.delete(keep_parents=True) == (1, {"places.Restaurant": 1})
    assert await Place.objects.filter(name="grill").exists()
    assert (await Place.objects.all().delete())[0] == 2


# Proxies


async def test_a_proxy_is_the_same_rows_with_another_face(town: Database) -> None:
    assert [each.shout() for each in await AddressedPlace.objects.all()] == ["TRATTORIA", "SQUARE", "PUB", "GRILL"]
    assert await AddressedPlace.addressed.count() == 2
    one = await AddressedPlace.objects.get(name="pub")
    assert one == await Place.objects.get(name="pub")
    assert hash(one) == hash(await Place.objects.get(name="pub"))
    one.address = "moved"
    await one.save()
    assert (await Place.objects.get(name="pub")).address == "moved"
    made = await AddressedPlace.objects.create(name="new")
    assert await AddressedPlace.objects.filter(bar__isnull=True, pk=made.pk).update(name="newer") == 1
    assert await made.delete() == (1, {"places.AddressedPlace": 1})


async def test_relations_to_a_proxy_are_its_models(town: Database) -> None:
    pub = await AddressedPlace.objects.get(name="pub")
    await Review.objects.create(of=pub)
    square = await Place.objects.get(name="square")
    await Review.objects.create(of=square)
    assert await Place.objects.filter(reviews__isnull=False).count() == 2
    review = await Review.objects.select_related("of").get(of=pub)
    assert isinstance(review.of, AddressedPlace)
    assert [each async for each in square.reviews] == [await Review.objects.get(of__name="square")]
    await square.delete()
    assert await Review.objects.filter(of=None).count() == 1
