"""Real models, with every kind of field: nothing is left to do after a migration, and defaults answer questions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.migrations import create_missing_tables, make, migrate
from vivace.orm.migrations.errors import UnansweredQuestion
from vivace.orm.registry import registry
from vivace.orm.schema import metadata

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def own_registry() -> Iterator[None]:
    with registry.isolated():
        yield


def library() -> list[type[models.Model]]:
    class Author(models.Model):
        name = models.CharField(max_length=80)

        class Meta:
            app_label = "bookshop"

    class Tag(models.Model):
        name = models.SlugField(unique=True)

        class Meta:
            app_label = "bookshop"

    class Book(models.Model):
        title = models.CharField(max_length=200, db_index=True)
        text = models.TextField(blank=True)
        published = models.DateField(null=True)
        price = models.DecimalField(max_digits=10, decimal_places=2, default=Decimal(0))
        listed = models.BooleanField(default=True)
        added = models.DateTimeField(auto_now_add=True)
        opens = models.TimeField(null=True)
        data = models.JSONField(default=dict)
        key = models.UUIDField(null=True)
        cover = models.BinaryField(null=True)
        length = models.DurationField(null=True)
        rating = models.FloatField(null=True)
        pages = models.PositiveIntegerField(default=0)
        author = models.ForeignKey(Author, on_delete=models.CASCADE)
        editor = models.ForeignKey(Author, on_delete=models.SET_NULL, null=True, related_name="edited")
        tags = models.ManyToManyField(Tag)

        class Meta:
            app_label = "bookshop"
            indexes = (models.Index(fields=["-published", "title"], name="newest"),)
            constraints = (
                models.CheckConstraint(condition=models.Q(price__gte=0), name="price_is_real"),
                models.UniqueConstraint(fields=["title", "author"], name="once", condition=models.Q(listed=True)),
            )

    return [Author, Tag, Book]


@pytest.mark.filterwarnings("ignore::vivace.orm.exceptions.SchemaWarning")  # MySQL has no index with a condition
async def test_nothing_is_left_to_do_after_a_migration(database: Database, tmp_path: Path) -> None:
    tables = metadata(library())
    apps = {"bookshop": tmp_path / "migrations"}
    [written] = make(apps, tables)
    assert written.name == "0001_initial"
    assert make(apps, tables) == []
    await migrate(database, apps)
    result = await create_missing_tables(database, tables)
    assert (result.created, result.drifted) == ((), ())
    await migrate(database, apps, target=("bookshop", "zero"))
    assert len((await create_missing_tables(database, tables)).created) == 4


async def test_a_default_of_the_model_is_given_to_rows_that_exist(database: Database, tmp_path: Path) -> None:
    class Note(models.Model):
        class Meta:
            app_label = "notes"

    apps = {"notes": tmp_path / "migrations"}
    make(apps, metadata([Note]))
    await migrate(database, apps)
    await Note.objects.using(database).create()
    registry.clear()
    moment = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)

    class NewNote(models.Model):
        title = models.CharField(max_length=20, default="it's :new")
        seen = models.DateTimeField(default=lambda: moment)
        data = models.JSONField(default=list)

        class Meta:
            app_label = "notes"
            db_table = "notes_note"

    make(apps, metadata([NewNote]))
    await migrate(database, apps)
    note = await NewNote.objects.using(database).get()
    assert (note.title, note.seen, note.data) == ("it's :new", moment, [])


async def test_without_a_default_somebody_must_be_asked(tmp_path: Path) -> None:
    class Note(models.Model):
        class Meta:
            app_label = "notes"

    apps = {"notes": tmp_path / "migrations"}
    make(apps, metadata([Note]))
    registry.clear()

    class NewNote(models.Model):
        number = models.IntegerField()

        class Meta:
            app_label = "notes"
            db_table = "notes_note"

    with pytest.raises(UnansweredQuestion, match=r"notes_note\.number is new"):
        make(apps, metadata([NewNote]))
