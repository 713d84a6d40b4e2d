"""Serializers without a model: validation, errors, saving, representation."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest

from vivace.rest import serializers
from vivace.rest.exceptions import ValidationError
from vivace.web.datastructures import FormData

pytestmark = pytest.mark.anyio


class AuthorSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=10)
    born = serializers.DateField(required=False, allow_null=True)


class BookSerializer(serializers.Serializer):
    id = serializers.IntegerField(read_only=True)
    title = serializers.CharField(max_length=20)
    pages = serializers.IntegerField(default=1)
    secret = serializers.CharField(write_only=True, required=False)
    author = AuthorSerializer()
    tags = serializers.ListField(child=serializers.SlugField(), required=False)

    def validate_title(self, value: str) -> str:
        if value == "bad":
            raise serializers.ValidationError("This title is bad.", code="bad")
        return value.title()

    async def validate_pages(self, value: int) -> int:
        if value < 0:
            raise serializers.ValidationError("Fewer than none.")
        return value

    async def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["pages"] == 13:
            raise serializers.ValidationError("Thirteen.")
        return attrs

    async def create(self, validated_data: dict[str, Any]) -> Any:
        return SimpleNamespace(id=1, **{**validated_data, "author": SimpleNamespace(**validated_data["author"])})

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        instance.__dict__.update(validated_data)
        return instance


VALID = {"title": "sea", "author": {"name": "Ann", "born": "2001-02-03"}}


async def test_valid_data_is_converted_and_saved_and_shown() -> None:
    serializer = BookSerializer(data={**VALID, "secret": "s", "tags": ["a-b"]})
    assert await serializer.is_valid()
    assert serializer.errors == {}
    assert serializer.validated_data == {
        "title": "Sea",
        "pages": 1,
        "secret": "s",
        "author": {"name": "Ann", "born": dt.date(2001, 2, 3)},
        "tags": ["a-b"],
    }
    book = await serializer.save(owner="me")
    assert (book.id, book.owner) == (1, "me")
    assert serializer.data == {
        "id": 1,
        "title": "Sea",
        "pages": 1,
        "author": {"name": "Ann", "born": "2001-02-03"},
        "tags": ["a-b"],
    }


@pytest.mark.parametrize(
    ("data", "errors"),
    [
        (
            {},
            {"title": ["This field is required."], "author": ["This field is required."]},
        ),
        (
            {"title": "", "pages": "x", "author": {}},
            {
                "title": ["This field may not be blank."],
                "pages": ["A valid integer is required."],
                "author": {"name": ["This field is required."]},
            },
        ),
        ({**VALID, "title": "bad"}, {"title": ["This title is bad."]}),
        ({**VALID, "pages": -1}, {"pages": ["Fewer than none."]}),
        ({**VALID, "pages": 13}, {"non_field_errors": ["Thirteen."]}),
        (
            {**VALID, "author": 5},
            {"author": {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}},
        ),
        ({**VALID, "author": None}, {"author": ["This field may not be null."]}),
        (
            {**VALID, "tags": ["ok", "not ok"]},
            {"tags": {1: ['Enter a valid "slug" consisting of letters, numbers, underscores or hyphens.']}},
        ),
        ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
        (None, {"non_field_errors": ["No data provided"]}),
    ],
)
async def test_wrong_data_names_every_field(data: Any, errors: Any) -> None:
    serializer = BookSerializer(data=data)
    assert not await serializer.is_valid()
    assert serializer.errors == errors
    assert serializer.validated_data == {}
    with pytest.raises(ValidationError) as raised:
        await serializer.is_valid(raise_exception=True)
    assert raised.value.detail == errors


async def test_error_codes_are_kept() -> None:
    serializer = BookSerializer(data={**VALID, "title": "bad"})
    await serializer.is_valid()
    assert serializer.errors["title"][0].code == "bad"


async def test_a_partial_update_needs_only_what_changes() -> None:
    class Partial(BookSerializer):
        async def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            return attrs

    book = SimpleNamespace(id=1, title="Old", pages=3, author={"name": "Ann"}, tags=[])
    serializer = Partial(book, data={"title": "new"}, partial=True)
    assert await serializer.is_valid(raise_exception=True)
    assert serializer.validated_data == {"title": "New"}
    await serializer.save()
    assert serializer.data["title"] == "New"
    assert serializer.data["author"] == {"name": "Ann", "born": None}


async def test_many_validates_every_item_and_keeps_their_places() -> None:
    serializer = BookSerializer(data=[VALID, {"title": "x"}, 7], many=True)
    assert not await serializer.is_valid()
    assert serializer.errors == {
        1: {"author": ["This field is required."]},
        2: {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]},
    }
    good = BookSerializer(data=[VALID, VALID], many=True)
    assert await good.is_valid()
    assert good.errors == []
    assert [book.title for book in await good.save(owner=1)] == ["Sea", "Sea"]
    assert len(good.data) == 2


@pytest.mark.parametrize(
    ("kwargs", "data", "message"),
    [
        ({}, {}, 'Expected a list of items but got type "dict".'),
        ({"allow_empty": False}, [], "This list may not be empty."),
        ({"max_length": 1}, [VALID, VALID], "Ensure this field has no more than 1 elements."),
        ({"min_length": 2}, [VALID], "Ensure this field has at least 2 elements."),
    ],
)
async def test_a_list_of_the_wrong_form_is_refused(kwargs: dict[str, Any], data: Any, message: str) -> None:
    serializer = BookSerializer(data=data, many=True, **kwargs)
    await serializer.is_valid()
    assert serializer.errors == {"non_field_errors": [message]}


async def test_each_step_says_what_has_to_come_before_it() -> None:
    with pytest.raises(RuntimeError, match="nothing to validate"):
        await BookSerializer().is_valid()
    serializer = BookSerializer(data={})
    for read in ("errors", "validated_data", "data"):
        with pytest.raises(RuntimeError, match="await is_valid"):
            getattr(serializer, read)
    with pytest.raises(RuntimeError, match="await is_valid"):
        await serializer.save()
    await serializer.is_valid()
    with pytest.raises(RuntimeError, match="the data is not valid"):
        await serializer.save()
    valid = BookSerializer(data=VALID)
    await valid.is_valid()
    with pytest.raises(TypeError, match="commit"):
        await valid.save(commit=False)
    assert valid.data["title"] == "Sea"
    with pytest.raises(RuntimeError, match="was read already"):
        await valid.save()


async def test_a_class_that_cannot_save_says_so() -> None:
    serializer = AuthorSerializer(data={"name": "Ann"})
    await serializer.is_valid()
    with pytest.raises(NotImplementedError, match=r"AuthorSerializer\.create"):
        await serializer.save()
    update = AuthorSerializer(object(), data={"name": "Ann"})
    await update.is_valid()
    with pytest.raises(NotImplementedError, match=r"AuthorSerializer\.update"):
        await update.save()


async def test_methods_may_be_async_and_are_awaited_by_load() -> None:
    class Counted(serializers.Serializer):
        name = serializers.CharField()
        plain = serializers.SerializerMethodField()
        later = serializers.SerializerMethodField(method_name="count")

        def get_plain(self, obj: Any) -> str:
            return f"{obj['name']}!"

        async def count(self, obj: Any) -> dict[str, Any]:
            return {"letters": len(obj["name"]), "by": self.context["by"]}

    shelf = [{"name": "ab"}, {"name": "abc"}]
    serializer = Counted(shelf, many=True, context={"by": "me"})
    with pytest.raises(RuntimeError, match=r"await serializer\.load"):
        _ = serializer.data
    assert await serializer.load() == [
        {"name": "ab", "plain": "ab!", "later": {"letters": 2, "by": "me"}},
        {"name": "abc", "plain": "abc!", "later": {"letters": 3, "by": "me"}},
    ]
    assert serializer.data[0]["name"] == "ab"


async def test_sources_with_dots_and_stars_are_nested_and_merged() -> None:
    class Coordinates(serializers.Serializer):
        x = serializers.IntegerField()
        y = serializers.IntegerField()

    class Place(serializers.Serializer):
        city = serializers.CharField(source="address.city")
        street = serializers.CharField(source="address.street")
        where = Coordinates(source="*")

    serializer = Place(data={"city": "Rome", "street": "Via", "where": {"x": 1, "y": 2}})
    assert await serializer.is_valid(raise_exception=True)
    assert serializer.validated_data == {"address": {"city": "Rome", "street": "Via"}, "x": 1, "y": 2}
    assert serializer.data == {"city": "Rome", "street": "Via", "where": {"x": 1, "y": 2}}


async def test_form_data_is_read_with_nested_names() -> None:
    form = FormData([("title", "sea"), ("author.name", "Ann"), ("tags", "a"), ("tags", "b"), ("pages", "")])
    serializer = BookSerializer(data=form)
    assert await serializer.is_valid(raise_exception=True)
    assert serializer.validated_data == {"title": "Sea", "pages": 1, "author": {"name": "Ann"}, "tags": ["a", "b"]}
    items = BookSerializer(data=FormData([("[0]title", "sea"), ("[0]author.name", "Ann")]), many=True)
    assert await items.is_valid(raise_exception=True)
    assert items.validated_data[0]["author"] == {"name": "Ann"}


def test_fields_are_inherited_replaced_and_removed() -> None:
    class Longer(AuthorSerializer):
        name = serializers.CharField(max_length=99)
        born = None  # type: ignore[assignment]  # DRF's way to remove a field
        extra = serializers.BooleanField()

    assert list(Longer().fields) == ["name", "extra"]
    assert Longer().fields["name"].max_length == 99  # type: ignore[attr-defined]
    assert list(AuthorSerializer().fields) == ["name", "born"]


def test_an_instances_fields_can_be_changed_without_touching_the_class() -> None:
    class Dynamic(AuthorSerializer):
        def __init__(self, *args: Any, only: str, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            for name in set(self.fields) - {only}:
                self.fields.pop(name)

    ann = SimpleNamespace(name="Ann", born=None)
    assert Dynamic(ann, only="name").data == {"name": "Ann"}
    assert Dynamic(ann, only="born").data == {"born": None}
    assert AuthorSerializer(ann).data == {"name": "Ann", "born": None}


async def test_hidden_and_create_only_defaults() -> None:
    class Owned(serializers.Serializer):
        owner = serializers.HiddenField(default=serializers.CurrentUserDefault())
        made = serializers.IntegerField(default=serializers.CreateOnlyDefault(5))

    context = {"request": SimpleNamespace(user="ann")}
    new = Owned(data={"owner": "eve"}, context=context)
    assert await new.is_valid(raise_exception=True)
    assert new.validated_data == {"owner": "ann", "made": 5}
    old = Owned(SimpleNamespace(made=1), data={}, context=context)
    assert await old.is_valid(raise_exception=True)
    assert old.validated_data == {"owner": "ann"}
    assert old.data == {"made": 1}


async def test_validators_of_the_class_see_all_values() -> None:
    def ordered(attrs: dict[str, Any]) -> None:
        if attrs["start"] > attrs["end"]:
            raise ValidationError("The end is before the start.")

    class Span(serializers.Serializer):
        start = serializers.IntegerField()
        end = serializers.IntegerField()

        class Meta:
            validators = [ordered]

    serializer = Span(data={"start": 2, "end": 1})
    assert not await serializer.is_valid()
    assert serializer.errors == {"non_field_errors": ["The end is before the start."]}
