"""Columns that the database fills in: `db_default` and `GeneratedField`."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import F, Value, functions, models
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.migrations import create_missing_tables
from vivace.orm.registry import registry
from vivace.orm.schema import metadata
from vivace.utils.exceptions import ValidationError

pytestmark = pytest.mark.anyio


class Line(models.Model):
    name = models.CharField(max_length=30)
    price = models.IntegerField(default=2)
    amount = models.IntegerField(db_default=3)
    text = models.TextField(db_default="it's 100% \\ “quoted”")
    made = models.DateTimeField(db_default=functions.Now())
    open = models.BooleanField(db_default=True)
    words = models.CharField(max_length=20, db_default=functions.Concat(Value("a"), Value("b")))
    total = models.GeneratedField(
        expression=F("price") * F("amount"), output_field=models.BigIntegerField(), db_persist=True, null=True
    )
    upper = models.GeneratedField(
        expression=functions.Upper("name"), output_field=models.CharField(max_length=30), db_persist=True, null=True
    )

    class Meta:
        app_label = "computed"
        constraints = [
            models.UniqueConstraint(fields=["upper"], name="line_upper"),
            models.UniqueConstraint(fields=["amount", "words"], name="line_amount"),
        ]


@pytest.fixture
async def tables(database: Database) -> AsyncIterator[Database]:
    async with tables_of(database, Line):
        yield database


async def test_the_database_fills_in_what_nobody_set(tables: Database) -> None:
    line = Line(name="Oil")
    unset: Any = line.amount
    assert isinstance(unset, DatabaseDefault)
    assert unset.expression == 3
    with pytest.raises(AttributeError, match="computed by the database"):
        line.total  # noqa: B018
    await line.save()
    assert (line.amount, line.text, line.open, line.words) == (3, "it's 100% \\ “quoted”", True, "ab")
    assert abs(line.made - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    assert (line.total, line.upper) == (6, "OIL")
    line.price = 5
    await line.save()
    assert line.total == 15
    assert [each.total async for each in Line.objects.filter(total=15, upper="OIL").order_by("total")] == [15]


async def test_what_was_given_is_kept(tables: Database) -> None:
    line = await Line.objects.create(name="Oil", amount=10, text="x", open=False)
    found = await Line.objects.get(pk=line.pk)
    assert (found.amount, found.text, found.open, found.total) == (10, "x", False, 20)


async def test_full_clean_computes_defaults_and_generated_columns(tables: Database) -> None:
    await Line(name="Oil").save()
    with pytest.raises(ValidationError) as caught:
        await Line(name="OIL").full_clean()
    assert sorted(caught.value.messages) == [
        "Line with this Amount and Words already exists.",
        "Line with this Upper already exists.",
    ]
    await Line(name="Water", amount=4).full_clean()


def test_the_class_serves_generated_columns() -> None:
    assert isinstance(Line.total, models.Column)
    assert Line._meta.forward["total"].spec.auto
    assert Line._meta.forward["amount"].spec.has_default
    with pytest.raises(TypeError, match="the database computes this column"):
        Line(name="x", total=3)


def test_unsaved_objects_are_copied_and_pickled() -> None:
    line = Line(name="x")
    for twin in (copy.copy(line), copy.deepcopy(line), pickle.loads(pickle.dumps(line))):
        assert isinstance(twin.amount, DatabaseDefault)
        assert twin.amount == line.amount


wrong: Any = models
MISTAKES = [
    (lambda: wrong.GeneratedField(expression=1, output_field=wrong.IntegerField(), db_persist=True), "expression"),
    (lambda: wrong.GeneratedField(expression=F("a"), output_field=int, db_persist=True), "output_field"),
    (lambda: wrong.GeneratedField(expression=F("a"), output_field=wrong.IntegerField(), db_persist=1), "db_persist"),
    (lambda: generated(editable=True), "editable"),
    (lambda: generated(default=1), "default"),
    (lambda: generated(db_default=1), "default"),
    (lambda: generated(primary_key=True), "primary key"),
    (lambda: generated(blank=False), "blank"),
    (lambda: wrong.IntegerField(db_default=int), "cannot call Python"),
]


def generated(**options: Any) -> Any:
    return wrong.GeneratedField(expression=F("a"), output_field=wrong.IntegerField(), db_persist=True, **options)


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_mistakes_are_told(make: Any, message: str) -> None:
    with pytest.raises(ModelDefinitionError, match=message):
        make()


def test_a_default_knows_no_row_and_a_generated_column_one() -> None:
    with registry.isolated():

        class Wrong(models.Model):
            a = models.IntegerField(default=1)
            b = models.IntegerField(db_default=F("a") + 1)

        class Wrong2(models.Model):
            other = models.ForeignKey(Line, models.CASCADE, related_name="+")
            b = models.GeneratedField(
                expression=F("other__name"), output_field=models.CharField(max_length=3), db_persist=True
            )

        with pytest.raises(ModelDefinitionError, match="names columns"):
            metadata([Wrong])
        with pytest.raises(ModelDefinitionError, match="own columns"):
            metadata([Wrong2])


async def test_tables_without_migrations_speak_the_databases_language(sqlite: Database, postgresql: Database) -> None:
    made = metadata([Line])
    for database in (sqlite, postgresql):
        assert (await create_missing_tables(database, made)).created == ("computed_line",)
        assert (await create_missing_tables(database, made)).drifted == ()
        line = await Line.objects.using(database).create(name="Oil")
        assert (line.words, line.upper) == ("ab", "OIL")


async def test_comments_are_stored(postgresql: Database) -> None:
    with registry.isolated():

        class Told(models.Model):
            a = models.IntegerField(db_comment="it's a number")

            class Meta:
                db_table_comment = "100% told"

        async with tables_of(postgresql, Told):
            name = Told._meta.db_table
            comments = await postgresql.fetch_all(
                f"SELECT obj_description('{name}'::regclass), col_description('{name}'::regclass, 2)"
            )
        assert tuple(comments[0]) == ("100% told", "it's a number")
