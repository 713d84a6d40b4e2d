"""Lists, dictionaries and JSON: async children, forms, mistakes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from vivace.rest import serializers
from vivace.rest.exceptions import ValidationError
from vivace.rest.fields import (
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DictField,
    DurationField,
    Field,
    HStoreField,
    IntegerField,
    IPAddressField,
    JSONField,
    ListField,
    MultipleChoiceField,
    TimeField,
    UUIDField,
    empty,
)
from vivace.utils.exceptions import ValidationError as ValueRefused
from vivace.web.datastructures import FormData

pytestmark = pytest.mark.anyio


async def refuse_odd(value: int) -> None:
    if value % 2:
        raise ValidationError("odd")


def refuse_negative(value: int) -> None:
    if value < 0:
        raise ValueRefused("negative", "negative")


async def test_the_items_of_a_list_may_be_validated_by_async_functions() -> None:
    field = ListField(child=IntegerField(validators=[refuse_odd]))
    assert await field.run_validation([2, "4"]) == [2, 4]
    with pytest.raises(ValidationError) as raised:
        await field.run_validation([1, 2, "x", 5])
    assert raised.value.detail == {2: ["A valid integer is required."], 0: ["odd"], 3: ["odd"]}


async def test_the_values_of_a_dictionary_too() -> None:
    field = DictField(child=IntegerField(validators=[refuse_odd, refuse_negative]))
    assert await field.run_validation({"a": 2}) == {"a": 2}
    with pytest.raises(ValidationError) as raised:
        await field.run_validation({"a": 1, 2: -2})
    assert raised.value.detail == {"a": ["odd"], "2": ["negative"]}
    plain = DictField(child=IntegerField(validators=[refuse_negative]))
    with pytest.raises(ValidationError) as raised:
        plain.run_validation({"a": -1})
    assert raised.value.detail == {"a": ["negative"]}


def test_a_child_may_be_declared_on_the_class() -> None:
    class Scores(ListField):
        child = IntegerField(min_value=0)

    class Wrong(ListField):
        child = IntegerField

    assert Scores().run_validation(["1"]) == [1]
    assert HStoreField().run_validation({"a": None, "b": ""}) == {"a": None, "b": ""}
    with pytest.raises(TypeError, match=r"child is a class; write child=IntegerField\(\)"):
        Wrong()
    with pytest.raises(TypeError, match="the child has a source"):
        ListField(child=IntegerField(source="x"))


class AllForms(serializers.Serializer[Any]):
    numbers = ListField(child=IntegerField(), required=False)
    names = DictField(child=CharField(), required=False)
    extra = JSONField(required=False)
    picks = MultipleChoiceField(choices=["a", "b"], required=False)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("numbers", "1"), ("numbers", "2"), ("picks", "a")], {"numbers": [1, 2], "picks": ["a"]}),
        ([("numbers[1]", "2"), ("numbers[0]", "1")], {"numbers": [1, 2], "picks": []}),
        ([("names.first", "Ann"), ("names.last", "Lee")], {"names": {"first": "Ann", "last": "Lee"}, "picks": []}),
        ([("names", "")], {"names": {}, "picks": []}),
        ([("extra", '{"a": [1]}')], {"extra": {"a": [1]}, "picks": []}),
        ([("numbers[999999999999]", "1")], {"picks": []}),
    ],
)
async def test_forms_write_lists_and_dictionaries_by_names(pairs: list[tuple[str, str]], expected: Any) -> None:
    serializer = AllForms(data=FormData(pairs))
    assert await serializer.is_valid(raise_exception=True)
    assert serializer.validated_data == expected


async def test_a_partial_form_leaves_out_what_it_does_not_name() -> None:
    serializer = AllForms(None, data=FormData([("numbers", "1")]), partial=True)
    assert await serializer.is_valid(raise_exception=True)
    assert serializer.validated_data == {"numbers": [1]}


@pytest.mark.parametrize("text", ["{", "NaN", "[Infinity]"])
async def test_json_text_that_is_none_is_refused(text: str) -> None:
    serializer = AllForms(data=FormData([("extra", text)]))
    assert not await serializer.is_valid()
    assert serializer.errors == {"extra": ["Value must be valid JSON."]}


def test_json_that_is_too_deep_is_refused() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValidationError):
        JSONField().run_validation(deep)


@pytest.mark.parametrize(
    ("field", "initial"),
    [
        (ListField(), []),
        (DictField(), {}),
        (CharField(), ""),
        (BooleanField(), False),
        (IntegerField(initial=lambda: 3), 3),
    ],
)
def test_an_empty_form_shows_the_initial_value(field: Field, initial: Any) -> None:
    assert field.get_initial() == initial


def test_an_empty_serializer_shows_what_a_form_would() -> None:
    assert AllForms().data == {"numbers": [], "names": {}, "extra": None, "picks": None}
    assert serializers.ListSerializer(child=AllForms()).data == []


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: UUIDField(format="nonsense"), "choose one of"),
        (lambda: IPAddressField(protocol="ipv9"), "choose both, ipv4 or ipv6"),
        (lambda: DurationField(format="nonsense"), "choose 'django'"),
    ],
)
def test_unknown_formats_are_refused_at_once(make: Any, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        make()


@pytest.mark.parametrize("field", [DateField(), TimeField()])
def test_a_moment_is_not_shown_as_a_day_or_a_time(field: Field) -> None:
    field.bind("when", serializers.Serializer())
    with pytest.raises(TypeError, match="was given a datetime"):
        field.to_representation(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))


@pytest.mark.parametrize("field", [DateField(), TimeField(), DateTimeField()])
def test_a_text_is_shown_as_it_is_and_an_empty_one_as_null(field: Field) -> None:
    assert field.to_representation("2020") == "2020"
    assert field.to_representation("") is None


def test_naive_times_on_request() -> None:
    field = DateTimeField(default_timezone=None)
    assert field.run_validation("2020-01-01T12:00+02:00") == dt.datetime(2020, 1, 1, 10)  # noqa: DTZ001
    assert field.run_validation("2020-01-01T12:00") == dt.datetime(2020, 1, 1, 12)  # noqa: DTZ001


def test_a_missing_choice_of_many_is_left_out() -> None:
    field = MultipleChoiceField(choices=[1])
    field.bind("x", serializers.Serializer())
    assert field.get_value({}) is empty
    assert field.get_value({"x": [1]}) == [1]
