"""Tables made from models: names, types, constraints, and conditions written out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.orm.library import MODELS, Author, Book

from vivace.databases import Database
from vivace.orm import Q, models
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.registry import registry
from vivace.orm.schema import metadata


@pytest.fixture(autouse=True)
def isolated() -> Iterator[None]:
    with registry.isolated():
        yield


def test_tables_carry_their_model_and_stable_names() -> None:
    made = metadata(MODELS)
    table = made.tables["library_book"]
    assert table.info == {"app_label": "library", "model": "library.Book"}
    assert {"library_book_tags", "library_author_friends"} <= set(made.tables)
    names = {str(constraint.name) for constraint in table.constraints}
    assert names == {
        "pk_library_book",
        "fk_library_book_author_id_library_author",
        "fk_library_book_editor_id_library_author",
        "fk_library_book_publisher_id_library_publisher",
        "one_title_an_author",
        "pages_not_negative",
    }
    assert {str(index.name) for index in table.indexes} == {
        "ix_library_book_author_id",
        "ix_library_book_editor_id",
        "ix_library_book_publisher_id",
        "book_by_date",
    }
    actions = {key.parent.name: key.ondelete for key in table.foreign_keys}
    assert actions == {"author_id": "CASCADE", "editor_id": "SET NULL", "publisher_id": None}


def test_the_models_own_table_is_made_once() -> None:
    assert Book._meta.table is Book._meta.table
    assert Book._meta.table.c.author_id.nullable is False


def test_conditions_are_written_out_with_their_values() -> None:
    class Offer(models.Model):
        name = models.CharField(max_length=10)
        active = models.BooleanField(default=True)
        price = models.IntegerField(null=True)

        class Meta:
            constraints = [
                models.CheckConstraint(condition=Q(price__gt=0) | Q(price=None), name="positive"),
                models.CheckConstraint(condition=Q(name__in=["a", "it's"]), name="known"),
                models.UniqueConstraint(fields=["name"], condition=Q(active=True), name="one_active"),
            ]
            indexes = [models.Index(fields=["-price"], condition=~Q(name=""), name="named")]

    table = metadata([Offer]).tables["test_schema_offer"]
    ddl = str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
    assert "CONSTRAINT positive CHECK (price > 0 OR price IS NULL)" in ddl
    assert "CHECK (name IN ('a', 'it''s'))" in ddl
    for dialect in (postgresql.dialect(), sqlite.dialect()):  # type: ignore[no-untyped-call]
        indexes = [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
        assert any("UNIQUE INDEX one_active" in sql and "WHERE active" in sql for sql in indexes)
        assert any("(price DESC)" in sql and "WHERE" in sql for sql in indexes)


def test_constraints_speak_of_the_rows_own_columns() -> None:
    class Far(models.Model):
        author = models.ForeignKey(Author, models.CASCADE, related_name="+")

        class Meta:
            constraints = [models.CheckConstraint(condition=Q(author__name="x"), name="far")]

    with pytest.raises(ModelDefinitionError, match="own columns"):
        metadata([Far])

    class NoColumn(models.Model):
        tags = models.ManyToManyField(Author, related_name="+")

        class Meta:
            indexes = [models.Index(fields=["tags"])]

    with pytest.raises(ModelDefinitionError, match="no column"):
        metadata([NoColumn])


def test_unmanaged_models_have_no_table_of_ours() -> None:
    class View(models.Model):
        class Meta:
            managed = False

    assert not metadata([View]).tables


def test_unique_and_positive_become_constraints() -> None:
    class Seat(models.Model):
        code = models.CharField(max_length=3, unique=True)
        row = models.PositiveIntegerField()

    table = metadata([Seat]).tables["test_schema_seat"]
    assert [str(each.name) for each in table.constraints if isinstance(each, UniqueConstraint)] == [
        "uq_test_schema_seat_code"
    ]
    assert [str(each.name) for each in table.constraints if isinstance(each, CheckConstraint)] == [
        "ck_test_schema_seat_row_positive"
    ]


@pytest.mark.anyio
async def test_the_tables_exist_on_both_databases(database: Database) -> None:
    for model in MODELS:
        assert await model._meta.default_manager.count() == 0


def test_two_models_of_one_table_are_told() -> None:
    class First(models.Model):
        class Meta:
            db_table = "shared"

    class Second(models.Model):
        class Meta:
            db_table = "shared"

    with pytest.raises(ModelDefinitionError, match="have the same table"):
        metadata([First, Second])


def test_an_index_has_its_operator_class_in_either_direction() -> None:
    class Note(models.Model):
        name = models.CharField(max_length=10)
        text = models.CharField(max_length=10)

        class Meta:
            app_label = "paper"
            indexes = (models.Index(fields=["-name", "text"], name="x", opclasses=["varchar_pattern_ops", "text_ops"]),)

    (index,) = metadata([Note]).tables["paper_note"].indexes
    assert str(CreateIndex(index).compile(dialect=postgresql.dialect())) == (  # type: ignore[no-untyped-call]
        "CREATE INDEX x ON paper_note (name varchar_pattern_ops DESC, text text_ops)"
    )
    assert str(CreateIndex(index).compile(dialect=sqlite.dialect())) == "CREATE INDEX x ON paper_note (name DESC, text)"
