"""Many rows with columns that only PostgreSQL has."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.postgresql import ArrayField, DateRangeField, DecimalRangeField, IntegerRangeField, Range

pytestmark = pytest.mark.anyio


class Spans(models.Model):
    pages = IntegerRangeField(null=True)
    prices = DecimalRangeField(null=True)
    days = DateRangeField(null=True)
    address = models.GenericIPAddressField(null=True)
    document = models.JSONField(default=list)

    class Meta:
        app_label = "spans"


class Grids(models.Model):
    name = models.CharField(max_length=10)
    cells = ArrayField(ArrayField(models.IntegerField()), null=True)

    class Meta:
        app_label = "spans"


@pytest.fixture
async def database(postgresql: Database) -> AsyncIterator[Database]:
    async with tables_of(postgresql, Spans, Grids):
        yield postgresql


async def test_ranges_and_documents_travel_in_arrays(database: Database) -> None:
    values = {
        "pages": Range(1, 5),
        "prices": Range(Decimal("1.5"), None),
        "days": Range(dt.date(2026, 1, 1), dt.date(2026, 2, 1)),
        "address": "192.0.2.1",
        "document": [[1, 2], {"a": None}],
    }
    made = await Spans.objects.bulk_create([Spans(**values), Spans()])
    again = {each.pk: each for each in await Spans.objects.all()}
    for name in values:
        assert [getattr(again[each.pk], name) for each in made] == [getattr(each, name) for each in made]
    made[1].pages, made[0].document = Range(7, 9), {"b": [[]]}
    assert await Spans.objects.bulk_update(made, list(values)) == 2
    again = {each.pk: each for each in await Spans.objects.all()}
    for name in values:
        assert [getattr(again[each.pk], name) for each in made] == [getattr(each, name) for each in made]


async def test_arrays_of_arrays_are_not_taken_apart(database: Database) -> None:
    made = await Grids.objects.bulk_create(
        [Grids(name=str(number), cells=[[number, 2], [3, 4]]) for number in range(5)]
    )
    made.append(await Grids.objects.create(name="none"))
    again = {each.pk: each.cells for each in await Grids.objects.all()}
    assert [again[each.pk] for each in made] == [each.cells for each in made]
    for each in made:
        each.cells = [[each.pk]]
    assert await Grids.objects.bulk_update(made, ["cells", "name"]) == 6
    assert {each.pk: each.cells for each in await Grids.objects.all()} == {each.pk: [[each.pk]] for each in made}


async def test_a_list_changed_in_place_after_it_was_written_is_written_again(database: Database) -> None:
    made = await Grids.objects.create(name="a", cells=[[1]])
    assert made.cells is not None
    made.cells[0][0] = 2
    await made.save()
    [bulk] = await Grids.objects.bulk_create([Grids(name="b", cells=[[1]])])
    bulk.cells.append([5])
    await bulk.save()
    assert await Grids.objects.order_by("name").values_list("cells", flat=True) == [[[2]], [[1], [5]]]
