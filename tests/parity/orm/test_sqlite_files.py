"""A SQLite file that Django has written, read by Vivace, and the other way round: moments are texts there."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.parity.orm import ours, theirs

from vivace.databases import Database
from vivace.orm import functions, models, using

MOMENTS = [
    dt.datetime(987, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2023, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
    dt.datetime(2023, 12, 31, 23, 59, 59, 999999, dt.UTC),
    dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC),
    dt.datetime(2024, 5, 1, 12, 0, 0, 1, dt.UTC),
    dt.datetime(2024, 5, 1, 12, 0, 0, 500000, dt.UTC),
    dt.datetime(2024, 5, 1, 12, 0, 1, tzinfo=dt.UTC),
    dt.datetime(2024, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
    dt.datetime(2024, 12, 31, 23, 59, 59, 999999, dt.UTC),
    dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
]
TIMES = sorted({moment.time() for moment in MOMENTS})
ALIAS = "file"


class File:
    """A SQLite file with the shop's tables, one world's rows in them, and both worlds to ask."""

    def __init__(self, path: Path, runner: asyncio.Runner) -> None:
        from django.db import models as django_models
        from django.db.models import functions as django_functions

        self.path, self.runner = path, runner
        self.database = Database(f"sqlite:///{path}")
        django = theirs.set_up(ALIAS, {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)})
        common = {"dt": dt, "MOMENTS": MOMENTS, "TIMES": TIMES}
        shop = {model.__name__: model for model in ours.MODELS}
        self.names = {
            "Vivace": vars(models) | vars(functions) | shop | common,
            "Django": vars(django_models) | vars(django_functions) | vars(django) | common,
        }

    async def prepare(self) -> None:
        """The tables."""
        await self.database.connect()
        await ours.make_tables(self.database)

    def rows(self, world: str, queryset: str) -> list[Any]:
        """What a queryset finds in one world."""
        names = dict(self.names[world])
        if world == "Django":
            return list(eval(queryset, names))

        async def ask() -> list[Any]:
            with using(self.database):
                return list(await eval(queryset, names))

        return self.runner.run(ask())

    def write(self, world: str) -> None:
        """Rows by one world, whose keys are places in MOMENTS and TIMES."""
        shop = SimpleNamespace(**self.names[world])
        books = [shop.Book(pk=n, title="x", sold=moment, author_id=1) for n, moment in enumerate(MOMENTS)]
        stores = [shop.Store(pk=n, name="x", opens=opens) for n, opens in enumerate(TIMES)]
        author = shop.Author(pk=1, name="x")

        async def save() -> None:
            with using(self.database):
                await author.save()
                for row in (*books, *stores):
                    await row.save(force_insert=True)

        if world == "Vivace":
            self.runner.run(save())
        else:
            for row in (author, *books, *stores):
                row.save(force_insert=True)

    def texts(self) -> tuple[list[Any], list[Any]]:
        """What stands in the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            books = connection.execute("SELECT sold FROM shop_book ORDER BY id").fetchall()
            stores = connection.execute("SELECT opens FROM shop_store ORDER BY id").fetchall()
        return [sold for (sold,) in books], [opens for (opens,) in stores]


@pytest.fixture(scope="module", params=["Django", "Vivace"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[File]:
    """A file written by one of the two."""
    with asyncio.Runner() as runner:
        file = File(tmp_path_factory.mktemp("files") / "shop.db", runner)
        runner.run(file.prepare())
        try:
            file.write(request.param)
            yield file
        finally:
            from django.db import connections

            connections[ALIAS].close()
            del connections[ALIAS]
            runner.run(file.database.disconnect())


def questions() -> Iterator[tuple[str, list[int]]]:
    """Querysets, and the keys of the rows that they are to find."""
    for model, field, name, values in (("Book", "sold", "MOMENTS", MOMENTS), ("Store", "opens", "TIMES", TIMES)):
        rows, last = range(len(values)), len(values) - 1
        for n in rows:
            for lookup, found in (
                ("exact", [n]),
                ("lt", rows[:n]),
                ("lte", rows[: n + 1]),
                ("gt", rows[n + 1 :]),
                ("gte", rows[n:]),
            ):
                yield f"{model}.objects.filter({field}__{lookup}={name}[{n}]).order_by('pk')", list(found)
            between = f"{field}__range=({name}[1], {name}[{n}])"
            yield f"{model}.objects.filter({between}).order_by('pk')", list(rows[1 : n + 1])
        yield f"{model}.objects.filter({field}__in={name}[::2]).order_by('pk')", list(rows[::2])
        yield f"{model}.objects.exclude({field}={name}[{last}]).order_by('pk')", list(rows[:last])
        yield f"{model}.objects.order_by('{field}')", list(rows)
        # What is computed equals what is stored.
        whole = [n for n in rows if values[n].microsecond == 0]
        yield f"{model}.objects.filter({field}=Trunc('{field}', 'second')).order_by('pk')", whole
        yield f"{model}.objects.filter({field}__second=59).order_by('pk')", [n for n in rows if values[n].second == 59]
    years = [moment.year for moment in MOMENTS]
    for year in (987, 2023, 2024, 2025):
        for lookup, holds in (("", year.__eq__), ("__gt", year.__lt__), ("__lte", year.__ge__), ("__lt", year.__gt__)):
            found = [n for n, each in enumerate(years) if holds(each)]
            yield f"Book.objects.filter(sold__year{lookup}={year}).order_by('pk')", found
    for n in (1, 3, 5):
        found = [each for each, moment in enumerate(MOMENTS) if moment.date() == MOMENTS[n].date()]
        yield f"Book.objects.filter(sold__date=MOMENTS[{n}].date()).order_by('pk')", found
        found = [each for each, moment in enumerate(MOMENTS) if moment.time() == MOMENTS[n].time()]
        yield f"Book.objects.filter(sold__time=MOMENTS[{n}].time()).order_by('pk')", found
    for span in ("microseconds=1", "seconds=1", "days=-1"):
        for n in (3, 4, 7):
            moved = f"sold=Value(MOMENTS[{n}] - dt.timedelta({span}), DateTimeField()) + dt.timedelta({span})"
            yield f"Book.objects.filter({moved})", [n]
    yield "Book.objects.filter(sold__gt=Now())", []
    yield "Book.objects.filter(sold__lt=Now()).order_by('pk')", list(range(len(MOMENTS)))


@pytest.mark.parametrize("world", ["Django", "Vivace"])
@pytest.mark.parametrize(("queryset", "expected"), list(questions()))
def test_rows_are_found_whoever_wrote_them(queryset: str, expected: list[int], world: str, file: File) -> None:
    assert [row.pk for row in file.rows(world, queryset)] == expected


def test_the_texts_are_djangos(file: File) -> None:
    assert file.texts() == ([str(moment.replace(tzinfo=None)) for moment in MOMENTS], [str(time) for time in TIMES])


@pytest.mark.parametrize("world", ["Django", "Vivace"])
def test_the_values_come_back(world: str, file: File) -> None:
    for model, field, written in (("Book", "sold", MOMENTS), ("Store", "opens", TIMES)):
        assert file.rows(world, f"{model}.objects.order_by('pk').values_list('{field}', flat=True)") == written
