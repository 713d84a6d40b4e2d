"""Fields, validators and mistakes of serializers made from models."""

from __future__ import annotations

from typing import Any

import pytest
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Author, Book, Chapter, Publisher, Tag, Thing

from vivace.orm import models
from vivace.orm.registry import registry
from vivace.rest import serializers
from vivace.rest.defaults import serializer_for
from vivace.rest.exceptions import NotFound, ValidationError

pytestmark = pytest.mark.anyio


def made(model: Any, fields: Any = "__all__", **meta: Any) -> serializers.ModelSerializer[Any]:
    """An instance of a serializer with this Meta."""

    class Made(serializers.ModelSerializer[Any]):
        Meta = type("Meta", (), {"model": model, "fields": fields, **meta})

    return Made()


def test_fields_are_those_of_the_model_in_drfs_order() -> None:
    assert list(made(Book).fields) == [
        "id", "title", "isbn", "published", "price", "pages", "rating", "kind", "in_print", "extra", "created",
        "author", "tags",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "cls", "attributes"),
    [
        ("id", "BigIntegerField", {"read_only": True, "label": "ID"}),
        (
            "title",
            "CharField",
            {"required": True, "max_length": 40, "help_text": "As on the cover."},
        ),
        ("isbn", "CharField", {"required": False, "allow_null": True, "allow_blank": True, "min_length": 3}),
        ("published", "DateField", {"required": False, "allow_null": True}),
        ("price", "DecimalField", {"max_digits": 6, "decimal_places": 2, "required": False}),
        ("pages", "IntegerField", {"min_value": 0, "max_value": 2**31 - 1, "required": False}),
        ("rating", "FloatField", {"allow_null": True}),
        ("kind", "ChoiceField", {"choices": {"n": "Novel", "p": "Poems"}, "required": False}),
        ("in_print", "BooleanField", {"required": False}),
        ("extra", "JSONField", {"required": False}),
        ("created", "DateTimeField", {"read_only": True}),
        ("author", "PrimaryKeyRelatedField", {"required": True, "allow_null": False}),
        ("tags", "ManyRelatedField", {"required": False, "allow_empty": True}),
    ],
)
def test_each_field_knows_what_the_model_field_knows(name: str, cls: str, attributes: dict[str, Any]) -> None:
    field = made(Book).fields[name]
    assert type(field).__name__ == cls
    assert {attribute: getattr(field, attribute) for attribute in attributes} == attributes


def test_a_secret_field_is_never_shown() -> None:
    assert "password" not in made(Author).fields
    assert "password" not in made(Author, fields=None, exclude=["email"]).fields
    assert "password" not in made(Author, fields=None, exclude=["password"]).fields
    named = made(Author, fields=["name", "password"])
    assert named.fields["password"].write_only
    assert "password" not in serializer_for(Author)().fields
    nested: Any = made(Book, depth=2).fields["author"]
    assert "password" not in nested.fields


def test_meta_options_change_the_fields() -> None:
    serializer = made(
        Book,
        ["title", "pages", "shout", "kind"],
        read_only_fields=["kind"],
        extra_kwargs={"title": {"required": False, "min_length": 2}, "pages": {"write_only": True}},
    )
    assert not serializer.fields["title"].required
    assert serializer.fields["title"].min_length == 2  # type: ignore[attr-defined]
    assert serializer.fields["kind"].read_only
    assert serializer.fields["pages"].write_only
    assert type(serializer.fields["shout"]) is serializers.ReadOnlyField
    assert list(made(Book, fields=None, exclude=["tags", "author", "extra"]).fields)[-1] == "created"


def test_reverse_relations_are_shown_when_named() -> None:
    serializer = made(Author, ["books", "publisher"])
    assert type(serializer.fields["books"]) is serializers.ManyRelatedField
    assert not serializer.fields["books"].read_only  # as in DRF: `set()` is called with them


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({"fields": None}, 'needs `fields`: a list of names, or "__all__"'),
        ({"fields": ["title"], "exclude": ["pages"]}, "both `fields` and `exclude`"),
        ({"fields": "title"}, "a comma is missing"),
        ({"fields": ["titel"]}, "Book has no field 'titel'. Did you mean \"title\"?"),
        ({"fields": None, "exclude": ["titel"]}, "'titel' is none of the fields. Did you mean \"title\"?"),
        ({"fields": ["title"], "readonly_fields": ["title"]}, 'Did you mean "read_only_fields"?'),
        ({"fields": ["title"], "read_only_fields": "title"}, "read_only_fields is a list"),
        ({"fields": ["title"], "model": None}, "needs a class Meta with `model`"),
    ],
)
def test_a_meta_that_cannot_work_says_why(meta: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError) as raised:
        _ = made(meta.pop("model", Book), **meta).fields
    assert words in str(raised.value)


def test_a_declared_field_that_fields_forgets_is_a_mistake() -> None:
    class Forgetful(serializers.ModelSerializer[Book]):
        extra_info = serializers.CharField()

        class Meta:
            model = Book
            fields = ["title"]

    with pytest.raises(TypeError, match=r"extra_info is declared and not in Meta\.fields"):
        _ = Forgetful().fields


def test_an_abstract_model_and_a_wrong_depth_are_refused() -> None:
    with registry.isolated():

        class Base(models.Model):
            class Meta:
                abstract = True

    with pytest.raises(TypeError, match="Base is abstract"):
        _ = made(Base).fields
    with pytest.raises(ValueError, match="depth must be from 0 to 10"):
        _ = made(Book, depth=11).fields


async def test_uuid_keys_travel_as_text(sqlite: CountingDatabase) -> None:
    class ThingSerializer(serializers.ModelSerializer[Thing]):
        class Meta:
            model = Thing
            fields = ["id", "name"]

    key = "825d7aeb-05a9-45b5-a5b7-05df87923cda"
    serializer = ThingSerializer(data={"id": key, "name": "a"})
    await serializer.is_valid(raise_exception=True)
    await serializer.save()
    assert serializer.data == {"id": key, "name": "a"}
    assert (await Thing.objects.get(pk=key)).name == "a"
    again = ThingSerializer(data={"id": key, "name": "b"})
    assert not await again.is_valid()
    assert again.errors == {"id": ["thing with this id already exists."]}


async def test_the_race_that_validators_cannot_see_is_answered_in_their_words(library: CountingDatabase) -> None:
    class BookSerializer(serializers.ModelSerializer[Book]):
        class Meta:
            model = Book
            fields = ["title", "isbn", "author"]

    ann = await Author.objects.get(name="Ann")
    first, second, third = [
        BookSerializer(data={"title": title, "isbn": isbn, "author": ann.pk})
        for title, isbn in (("New", "new"), ("Other", "new"), ("New", "third"))
    ]
    for serializer in (first, second, third):
        assert await serializer.is_valid(raise_exception=True)
    await first.save()
    with pytest.raises(ValidationError) as raised:
        await second.save()
    assert raised.value.detail == {"isbn": ["book with this isbn already exists."]}
    with pytest.raises(ValidationError) as raised:
        await third.save()
    assert raised.value.detail == {"non_field_errors": ["The fields author, title must make a unique set."]}


async def test_a_related_object_that_goes_before_the_save_is_named(library: CountingDatabase) -> None:
    class BookSerializer(serializers.ModelSerializer[Book]):
        class Meta:
            model = Book
            fields = ["title", "author", "tags"]

    author, tag = await Author.objects.create(name="Gone"), await Tag.objects.create(name="gone")
    ann = await Author.objects.get(name="Ann")
    by_gone = BookSerializer(data={"title": "New", "author": author.pk, "tags": []})
    with_gone = BookSerializer(data={"title": "Other", "author": ann.pk, "tags": [tag.pk]})
    for serializer in (by_gone, with_gone):
        assert await serializer.is_valid(raise_exception=True)
    keys = author.pk, tag.pk
    await author.delete()
    await tag.delete()
    for serializer, name, key in ((by_gone, "author", keys[0]), (with_gone, "tags", keys[1])):
        with pytest.raises(ValidationError) as raised:
            await serializer.save()
        assert raised.value.detail == {name: [f'Invalid pk "{key}" - object does not exist.']}
    assert not await Book.objects.filter(title__in=["New", "Other"]).exists()


async def test_an_object_that_goes_before_the_save_does_not_come_back(library: CountingDatabase) -> None:
    class TagSerializer(serializers.ModelSerializer[Tag]):
        class Meta:
            model = Tag
            fields = ["name"]

    tag = await Tag.objects.get(name="sea")
    serializer = TagSerializer(tag, data={"name": "ocean"})
    await serializer.is_valid(raise_exception=True)
    await (await Tag.objects.get(name="sea")).delete()
    with pytest.raises(NotFound):
        await serializer.save()
    assert not await Tag.objects.filter(name="ocean").exists()


async def test_a_check_constraint_answers_with_its_message(library: CountingDatabase) -> None:
    serializer = serializer_for(Thing)(data={"id": "825d7aeb-05a9-45b5-a5b7-05df87923cda", "name": "nobody"})
    await serializer.is_valid(raise_exception=True)
    with pytest.raises(ValidationError) as raised:
        await serializer.save()
    assert raised.value.detail == {"non_field_errors": ["Constraint “rest_tests_somebody” is violated."]}


async def test_saving_what_belongs_to_others_is_refused(sqlite: CountingDatabase) -> None:
    class PublisherSerializer(serializers.ModelSerializer[Publisher]):
        class Meta:
            model = Publisher
            fields = ["name"]

    class AuthorSerializer(serializers.ModelSerializer[Author]):
        publisher = PublisherSerializer()

        class Meta:
            model = Author
            fields = ["name", "publisher"]

    serializer = AuthorSerializer(data={"name": "Ann", "publisher": {"name": "Oak"}})
    await serializer.is_valid(raise_exception=True)
    with pytest.raises(TypeError, match=r"AuthorSerializer\.create\(\) does not know how to save 'publisher'"):
        await serializer.save()


async def test_relations_by_slug_are_taken_and_shown(library: CountingDatabase) -> None:
    class BookSerializer(serializers.ModelSerializer[Book]):
        author = serializers.SlugRelatedField(slug_field="name", queryset=Author.objects.all())
        tags = serializers.SlugRelatedField(slug_field="name", queryset=Tag.objects.all(), many=True)
        names = serializers.StringRelatedField(source="tags", many=True)

        class Meta:
            model = Book
            fields = ["title", "author", "tags", "names"]

    serializer = BookSerializer(data={"title": "T", "author": "Ann", "tags": ["sky", "sea"]})
    await serializer.is_valid(raise_exception=True)
    await serializer.save()
    data = await serializer.load()
    assert (data["author"], sorted(data["tags"]), sorted(data["names"])) == ("Ann", ["sea", "sky"], ["sea", "sky"])
    wrong = BookSerializer(data={"title": "T", "author": "Nobody", "tags": ["sea", {}]})
    await wrong.is_valid()
    assert wrong.errors == {
        "author": ["Object with name=Nobody does not exist."],
        "tags": ["Invalid value."],
    }


async def test_a_chapter_of_a_book_has_one_number(library: CountingDatabase) -> None:
    class ChapterSerializer(serializers.ModelSerializer[Chapter]):
        class Meta:
            model = Chapter
            fields = "__all__"

    book = await Book.objects.get(title="Book 2")
    serializer = ChapterSerializer(data={"book": book.pk, "number": 1, "title": "Again"})
    assert not await serializer.is_valid()
    assert serializer.errors == {"non_field_errors": ["The fields book, number must make a unique set."]}
    missing = ChapterSerializer(data={"title": "Again"})
    assert not await missing.is_valid()
    assert missing.errors == {"book": ["This field is required."], "number": ["This field is required."]}


async def test_a_queryset_is_fetched_by_load(library: CountingDatabase) -> None:
    class TagSerializer(serializers.ModelSerializer[Tag]):
        class Meta:
            model = Tag
            fields = ["name"]

    serializer = TagSerializer(Tag.objects.order_by("name"), many=True)
    assert await serializer.load() == [{"name": "sea"}, {"name": "sky"}, {"name": "war"}]
    assert serializer.data == [{"name": "sea"}, {"name": "sky"}, {"name": "war"}]


async def test_a_value_that_the_column_does_not_hold_is_refused_too(postgres: CountingDatabase) -> None:
    class Careless(serializers.ModelSerializer[Publisher]):
        name = serializers.CharField()  # no max_length: more than the column takes

        class Meta:
            model = Publisher
            fields = ["name"]

    serializer = Careless(data={"name": "x" * 51})
    assert await serializer.is_valid()
    with pytest.raises(ValidationError) as raised:
        await serializer.save()
    assert raised.value.detail == {"non_field_errors": ["A value is not one that can be stored."]}
