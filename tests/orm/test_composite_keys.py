"""Models whose primary key has several columns."""

from __future__ import annotations

import copy
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.orm.library import statements
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import Count, F, Q, models, using
from vivace.orm.exceptions import FieldError, IntegrityError, ModelDefinitionError
from vivace.orm.registry import registry
from vivace.utils.exceptions import ValidationError

pytestmark = pytest.mark.anyio


class Shop(models.Model):
    name = models.CharField(max_length=20)
    orders: models.RelatedManager[Order]

    class Meta:
        app_label = "composite"


class Order(models.Model):
    pk = models.CompositePrimaryKey("shop_id", "number")
    shop = models.ForeignKey(Shop, models.CASCADE, related_name="orders")
    number = models.CharField(max_length=10)
    total = models.IntegerField(default=0)
    note = models.TextField(db_default="none")

    class Meta:
        app_label = "composite"


@pytest.fixture
async def shops(database: Database) -> AsyncIterator[Database]:
    async with tables_of(database, Shop, Order):
        for key in (1, 2):
            await Shop.objects.create(id=key, name=f"Shop {key}")
        yield database


async def test_rows_are_saved_changed_and_deleted_by_all_columns(shops: Database) -> None:
    order = Order(shop_id=1, number="a", total=3)
    assert order.pk == (1, "a")
    await order.save()
    assert order.note == "none"
    await Order.objects.create(pk=(2, "a"), total=4)
    order.total = 5
    with statements(shops) as seen:
        await order.save()
    assert len(seen) == 1
    assert [each.total async for each in Order.objects.order_by("pk")] == [5, 4]
    order.total = F("total") + 1  # type: ignore[assignment]
    await order.save()
    assert order.total == 6
    await order.refresh_from_db()
    await order.delete()
    key: Any = order.pk
    assert key is None
    assert [each.pk async for each in Order.objects.all()] == [(2, "a")]


async def test_another_key_is_another_row(shops: Database) -> None:
    order = await Order.objects.create(shop_id=1, number="a", total=3)
    order.pk = (1, "b")
    await order.save()
    assert {each.pk async for each in Order.objects.all()} == {(1, "a"), (1, "b")}
    with pytest.raises(IntegrityError):
        await Order(pk=(1, "b")).save(force_insert=True)


async def fill() -> None:
    await Order.objects.bulk_create(
        [Order(shop_id=shop, number=number, total=shop) for shop in (1, 2) for number in ("a", "b'\"\\", "ü")]
    )


async def keys(*conditions: Q, **lookups: Any) -> list[Any]:
    return [each.pk async for each in Order.objects.filter(*conditions, **lookups).order_by("pk")]


async def test_keys_in_lookups(shops: Database) -> None:
    await fill()
    assert await keys(pk=(1, "ü")) == [(1, "ü")]
    assert await keys(pk__in=[(1, "a"), (2, "b'\"\\"), (9, "a")]) == [(1, "a"), (2, "b'\"\\")]
    assert await keys(pk__in=[]) == []
    assert await keys(~Q(pk=(1, "a")), shop=1) == [(1, "b'\"\\"), (1, "ü")]
    assert await keys(pk__gt=(2, "a")) == [(2, "b'\"\\"), (2, "ü")]
    assert await keys(pk__lte=(1, "a")) == [(1, "a")]
    assert (await Order.objects.get(pk=(2, "a"))).shop.pk == 2
    assert [each.pk async for each in Order.objects.order_by("-pk")[:1]] == [(2, "ü")]
    found = await Order.objects.in_bulk([(1, "a"), (2, "a")])
    assert set(found) == {(1, "a"), (2, "a")}
    with pytest.raises(ValueError, match=r"is a tuple \(shop_id, number\)"):
        await keys(pk=1)
    with pytest.raises(ValueError, match="is a tuple"):
        await keys(pk__in=[(1, 2, 3)])


async def test_querysets_over_composite_keys(shops: Database) -> None:
    await fill()
    first = await Order.objects.first()
    assert first is not None
    assert first.pk == (1, "a")
    assert await Order.objects.count() == 6
    assert await Order.objects.filter(shop__name="Shop 1").update(total=9) == 3
    assert await Order.objects.filter(total=9).count() == 3
    shop = await Shop.objects.annotate(size=Count("orders")).get(pk=1)
    assert shop.size == 3  # type: ignore[attr-defined]
    assert await shop.orders.order_by("number").values_list("pk", flat=True) == [(1, "a"), (1, "b'\"\\"), (1, "ü")]
    assert await Order.objects.order_by("-pk").values("pk", "total")[:1] == [{"pk": (2, "ü"), "total": 2}]
    with pytest.raises(FieldError, match="name one of them"):
        await Shop.objects.annotate(size=Count("orders", distinct=True))
    assert (await Order.objects.filter(shop__name="Shop 2").delete())[0] == 3
    await shop.delete()
    assert await Order.objects.count() == 0


async def test_deferred_fields_are_loaded_for_all_peers(shops: Database) -> None:
    await fill()
    found = await Order.objects.only("number").order_by("pk")
    with statements(shops) as seen:
        for each in found:
            await each
    assert len(seen) == 1
    assert [each.total for each in found] == [1, 1, 1, 2, 2, 2]


async def test_get_or_create_and_bulk_update(shops: Database) -> None:
    order, created = await Order.objects.get_or_create(shop_id=1, number="z", defaults={"total": 3})
    assert (order.pk, created) == ((1, "z"), True)
    order, created = await Order.objects.update_or_create(pk=(1, "z"), defaults={"total": 4})
    assert (order.total, created) == (4, False)


async def test_validate_unique_looks_at_all_columns(shops: Database) -> None:
    order = await Order.objects.create(shop_id=1, number="a", note="")
    order.note = "x"
    await order.full_clean()
    with pytest.raises(ValidationError, match="Order with this Shop and Number already exists"):
        await Order(shop_id=1, number="a", note="x").full_clean()
    await Order(shop_id=2, number="a", note="x").full_clean()


def test_objects_are_equal_copied_and_pickled_by_key() -> None:
    order = Order(pk=(1, "a"))
    assert order == Order(shop_id=1, number="a") != Order(shop_id=1, number="b")
    assert len({order, Order(pk=(1, "a"))}) == 1
    assert copy.copy(order).pk == pickle.loads(pickle.dumps(order)).pk == (1, "a")
    assert str(order) == "Order object ((1, 'a'))"
    assert Order().pk is None
    assert [column.name for column in Order._meta.table.primary_key] == ["shop_id", "number"]
    assert not Order._meta.forward["number"].spec.unique


wrong: Any = models


def make(**body: Any) -> Any:
    metaclass: Any = type(models.Model)
    return metaclass("Wrong", (models.Model,), {"__module__": __name__, "a": wrong.IntegerField(), **body})


MISTAKES: list[tuple[Any, str]] = [
    (lambda: wrong.CompositePrimaryKey("a"), "two or more"),
    (lambda: wrong.CompositePrimaryKey("a", "a"), "two or more"),
    (lambda: wrong.CompositePrimaryKey("a", "b", db_column="x"), "no column"),
    (lambda: make(key=wrong.CompositePrimaryKey("a", "b"), b=wrong.IntegerField()), 'is named "pk"'),
    (lambda: make(pk=wrong.CompositePrimaryKey("a", "bb"), bbb=wrong.IntegerField()), 'Did you mean "bbb"'),
    (lambda: make(pk=wrong.CompositePrimaryKey("a", "b"), b=wrong.IntegerField(null=True)), "can be null"),
    (lambda: make(pk=wrong.CompositePrimaryKey("a", "b"), b=wrong.IntegerField(primary_key=True)), "one primary key"),
    (lambda: make(order=wrong.ForeignKey(Order, wrong.CASCADE)), "no foreign key can point"),
]


@pytest.mark.parametrize(("define", "message"), MISTAKES)
def test_mistakes_are_told(define: Any, message: str) -> None:
    with registry.isolated(), pytest.raises(ModelDefinitionError) as caught:
        define()
    assert message in str(caught.value)


# Rows in several tables


class Vehicle(models.Model):
    wheels = models.IntegerField()


class Truck(Vehicle):
    pk = models.CompositePrimaryKey("vehicle_ptr", "year")
    year = models.IntegerField()
    load = models.IntegerField(default=0)
    vehicle_ptr_id: int


async def test_a_child_may_have_a_composite_key_with_its_parent_link(database: Database) -> None:
    async with tables_of(database, Vehicle, Truck):
        with using(database):
            truck = Truck(wheels=6, year=1999)
            await truck.save()
            assert truck.pk == (truck.vehicle_ptr_id, 1999)
            truck.load, truck.wheels = 5, 8
            await truck.save()
            assert await Truck.objects.filter(pk=truck.pk).values_list("wheels", "load") == [(8, 5)]
            assert await Truck.objects.filter(wheels=8).update(load=7, wheels=10) == 1
            assert await Vehicle.objects.filter(truck__load=7).values_list("wheels", flat=True) == [10]
            with pytest.raises(IntegrityError):
                # A row of the parent has one of the child.
                async with database.atomic():
                    await database.execute(
                        f"INSERT INTO {Truck._meta.db_table} (vehicle_ptr_id, year, load_) VALUES "
                        f"({truck.pk[0]}, 2000, 1)".replace("load_", database.dialect.identifier_preparer.quote("load"))
                    )
            assert (await truck.delete())[0] == 2
            made = await Truck.objects.bulk_create([Truck(wheels=n, year=n) for n in range(3)])
            assert [each.pk[1] for each in made] == [0, 1, 2]
            assert (await Vehicle.objects.filter(wheels__lt=2).delete())[0] == 4
            assert await Truck.objects.count() == 1


def test_no_model_with_a_table_is_derived_from_one_with_a_composite_key() -> None:
    with registry.isolated(), pytest.raises(ModelDefinitionError, match=r"cannot be derived from .*Make it abstract"):

        class Wagon(Truck):
            pass
