"""What all fields do: arguments, empty values, defaults, sources, validators."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from vivace.orm.exceptions import NotLoaded, ObjectDoesNotExist
from vivace.rest import serializers
from vivace.rest.exceptions import ValidationError
from vivace.rest.fields import CharField, Field, IntegerField, SkipField, empty, get_attribute
from vivace.utils.exceptions import ValidationError as ValueRefused

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"read_only": True, "write_only": True}, "read_only and write_only"),
        ({"read_only": True, "required": True}, "read_only field cannot be required"),
        ({"required": True, "default": 1}, "required and default"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        CharField(**kwargs)


def test_a_source_that_repeats_the_name_is_refused() -> None:
    class Wrong(serializers.Serializer):
        title = CharField(source="title")

    with pytest.raises(TypeError, match=r"Wrong\.title: source='title' repeats"):
        _ = Wrong().fields


def test_a_missing_required_value_is_an_error() -> None:
    with pytest.raises(ValidationError) as raised:
        CharField().run_validation()
    assert raised.value.get_codes() == ["required"]


def test_a_missing_value_that_is_not_required_is_skipped() -> None:
    with pytest.raises(SkipField):
        CharField(required=False).run_validation()


@pytest.mark.parametrize("default", [0, "", None, False])
def test_false_defaults_are_values(default: Any) -> None:
    assert CharField(default=default).run_validation() == default


def test_a_callable_default_may_look_at_its_field() -> None:
    class Name:
        requires_context = True

        def __call__(self, field: Field) -> str:
            return field.field_name

    field = CharField(default=Name())
    field.bind("title", serializers.Serializer())
    assert field.run_validation() == "title"
    assert CharField(default=lambda: "x").run_validation() == "x"


def test_all_validators_are_asked_and_all_errors_told() -> None:
    def one(value: Any) -> None:
        raise ValidationError("one", code="first")

    def two(value: Any) -> None:
        raise ValueRefused("two %(x)s", "second", {"x": 2})

    with pytest.raises(ValidationError) as raised:
        CharField(validators=[one, two]).run_validation("v")
    assert raised.value.detail == ["one", "two 2"]
    assert raised.value.get_codes() == ["first", "second"]


async def test_validators_and_conversions_may_be_async() -> None:
    async def refuse(value: Any) -> None:
        raise ValidationError(f"no {value}")

    async def accept(value: Any) -> None:
        return None

    class Doubled(IntegerField):
        async def to_internal_value(self, data: Any) -> Any:
            return data * 2

    assert await Doubled(validators=[accept]).run_validation(4) == 8
    with pytest.raises(ValidationError) as raised:
        await Doubled(validators=[refuse, accept, refuse]).run_validation(4)
    assert raised.value.detail == ["no 8", "no 8"]


async def test_an_error_that_names_fields_stops_the_other_validators() -> None:
    async def waits(value: Any) -> None:
        raise AssertionError("never awaited, and closed without a warning")

    def names_a_field(value: Any) -> None:
        raise ValidationError({"other": ["bad"]})

    with pytest.raises(ValidationError) as raised:
        CharField(validators=[waits, names_a_field]).run_validation("v")
    assert raised.value.detail == {"other": ["bad"]}


def test_fail_names_the_messages_there_are() -> None:
    with pytest.raises(LookupError, match="error_messages has: blank, invalid"):
        CharField().fail("nonsense")


class Missing(ObjectDoesNotExist):
    pass


class Thing:
    name = "thing"
    inner = SimpleNamespace(value=1)

    def method(self) -> str:
        return "called"

    def needs(self, argument: int) -> int:
        return argument

    def broken(self) -> str:
        raise AttributeError("inside")

    @property
    def related(self) -> Any:
        raise Missing

    @property
    def unloaded(self) -> Any:
        raise NotLoaded("author is not loaded")


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        (["name"], "thing"),
        (["inner", "value"], 1),
        (["method"], "called"),
        (["related", "x"], None),
    ],
)
def test_attributes_are_followed_and_methods_called(attrs: list[str], expected: Any) -> None:
    assert get_attribute(Thing(), attrs) == expected


def test_mappings_are_read_by_key() -> None:
    assert get_attribute({"a": {"b": 3}}, ["a", "b"]) == 3


def test_a_method_that_fails_is_not_a_missing_attribute() -> None:
    with pytest.raises(ValueError, match=r"broken\(\) raised AttributeError: inside"):
        get_attribute(Thing(), ["broken"])
    assert callable(get_attribute(Thing(), ["needs"]))
    with pytest.raises(TypeError, match="built-in"):
        get_attribute({"f": len}, ["f"])


def bound(field: Field, name: str) -> Field:
    field.bind(name, serializers.Serializer())
    return field


@pytest.mark.parametrize(
    ("field", "expected"),
    [(CharField(default="d"), "d"), (CharField(allow_null=True), None)],
)
def test_a_missing_attribute_is_the_default_or_null(field: Field, expected: Any) -> None:
    assert bound(field, "nothing").get_attribute(Thing()) == expected


def test_a_missing_attribute_is_skipped_when_it_need_not_be_there() -> None:
    with pytest.raises(SkipField):
        bound(CharField(required=False), "nothing").get_attribute(Thing())
    with pytest.raises(AttributeError, match=r"Serializer\.nothing: Thing has no attribute or key 'nothing'"):
        bound(CharField(), "nothing").get_attribute(Thing())


def test_a_related_object_that_is_not_loaded_is_never_skipped() -> None:
    with pytest.raises(NotLoaded):
        bound(CharField(required=False), "unloaded").get_attribute(Thing())


def test_a_clone_can_change_and_leaves_the_original() -> None:
    field = CharField(max_length=3, error_messages={"blank": "empty!"})
    twin = field.clone()
    twin.validators.clear()
    twin.error_messages["blank"] = "other"
    twin.required = False
    assert len(field.validators) == 3
    assert field.error_messages["blank"] == "empty!"
    assert field.required


class Form(dict[str, Any]):
    """As form data looks to a field."""

    def getlist(self, key: str) -> list[Any]:
        return [self[key]] if key in self else []


@pytest.mark.parametrize(
    ("field", "form", "expected"),
    [
        (CharField(), {"x": "a"}, "a"),
        (CharField(), {}, empty),
        (CharField(), {"x": ""}, ""),
        (CharField(allow_null=True), {"x": ""}, None),
        (CharField(allow_blank=True, allow_null=True), {"x": ""}, ""),
        (IntegerField(required=False), {"x": ""}, empty),
        (serializers.BooleanField(), {}, False),
        (serializers.BooleanField(default=True), {}, True),
    ],
)
def test_empty_texts_of_a_form_mean_what_the_field_says(field: Field, form: Mapping[str, Any], expected: Any) -> None:
    assert bound(field, "x").get_value(Form(form)) == expected
