"""Whatever is sent to whichever field: a value or a ValidationError, and never another exception."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vivace.rest import serializers

pytestmark = pytest.mark.anyio

TEXTS = [
    "", " ", "\x00", "\ud800", "a\udfffb", "9" * 5000, "-" + "9" * 5000, "1e999999999", "NaN", "Infinity", "-inf",
    "0x10", "٣", "1_000", "١٢", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2024-02-30", "P9999999999D",
    "9" * 30 + " 00:00:00", "true", "null", "[" * 500, "::1", "1.2.3.4", "http://[::1", "http://a:99999999/", "a@b",
    "@", "825d7aeb-05a9-45b5-a5b7-05df87923cda", "urn:uuid:x", "../../etc/passwd", "24:00:00", "12:30:45.1234567",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**200), max_value=2**200)
    | st.floats()
    | st.text(max_size=30)
    | st.text(st.characters(categories=["Cs", "Cc", "Nd"]), max_size=5)
    | st.binary(max_size=20)
    | st.sampled_from(TEXTS)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.none() | st.binary(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


class Inner(serializers.Serializer):
    a = serializers.IntegerField()
    b = serializers.CharField(required=False, allow_null=True)


FIELDS: dict[str, Any] = {
    "boolean": serializers.BooleanField,
    "char": serializers.CharField,
    "limited": lambda: serializers.CharField(min_length=1, max_length=10, allow_blank=True),
    "email": serializers.EmailField,
    "regex": lambda: serializers.RegexField("^[a-z]+$"),
    "slug": serializers.SlugField,
    "unicode_slug": lambda: serializers.SlugField(allow_unicode=True),
    "url": serializers.URLField,
    "uuid": serializers.UUIDField,
    "address": serializers.IPAddressField,
    "address4": lambda: serializers.IPAddressField(protocol="ipv4"),
    "integer": serializers.IntegerField,
    "bounded": lambda: serializers.IntegerField(min_value=-5, max_value=5),
    "big": serializers.BigIntegerField,
    "float": serializers.FloatField,
    "bounded_float": lambda: serializers.FloatField(min_value=0, max_value=1),
    "decimal": lambda: serializers.DecimalField(max_digits=8, decimal_places=2, min_value=0, max_value=100),
    "any_decimal": lambda: serializers.DecimalField(max_digits=None, decimal_places=None),
    "moment": serializers.DateTimeField,
    "formatted_moment": lambda: serializers.DateTimeField(input_formats=["%d.%m.%Y %H:%M", "%Y"]),
    "day": serializers.DateField,
    "formatted_day": lambda: serializers.DateField(input_formats=["%d.%m.%Y", "%j"]),
    "clock": serializers.TimeField,
    "span": serializers.DurationField,
    "choice": lambda: serializers.ChoiceField(choices=["a", (1, "One")]),
    "choices": lambda: serializers.MultipleChoiceField(choices=["a", 1]),
    "file": serializers.FileField,
    "path": lambda: serializers.FilePathField(path="docs", match=r".*\.md$"),
    "image": serializers.ImageField,
    "list": serializers.ListField,
    "numbers": lambda: serializers.ListField(child=serializers.IntegerField(max_value=9), max_length=3),
    "nested_lists": lambda: serializers.ListField(child=serializers.ListField(child=serializers.DateField())),
    "dict": serializers.DictField,
    "dict_of": lambda: serializers.DictField(child=serializers.UUIDField()),
    "hstore": serializers.HStoreField,
    "json": serializers.JSONField,
    "json_text": lambda: serializers.JSONField(binary=True),
    "inner": Inner,
    "inners": lambda: Inner(many=True, max_length=3),
}


def made_of(fields: dict[str, Any]) -> Any:
    """A serializer class of these fields."""
    base: Any = serializers.Serializer
    return type(base)("Made", (base,), fields)


async def answer(serializer: Any) -> Any:
    """The errors."""
    await serializer.is_valid()
    return serializer.errors


@pytest.mark.parametrize("name", FIELDS)
@given(value=values)
@example(value=math.nan)
@example(value=[[[[[[]]]]]])
@example(value={1: {None: "\ud800"}})
@settings(max_examples=60, deadline=None)
async def test_any_value_is_taken_or_refused_under_its_name(name: str, value: Any) -> None:
    cls = made_of({"it": FIELDS[name]()})
    assert set(await answer(cls(data={"it": value}))) <= {"it"}


@pytest.mark.parametrize("name", FIELDS)
async def test_every_text_that_has_ever_been_trouble_is_taken_or_refused(name: str) -> None:
    cls = made_of({"it": FIELDS[name]()})
    for text in TEXTS:
        for value in (text, [text], {text: text}, {"a": text}, [{"a": text}], text.encode("utf-8", "surrogatepass")):
            errors = await answer(cls(data={"it": value}))
            assert set(errors) <= {"it"}, value


@given(value=values)
@settings(max_examples=60, deadline=None)
async def test_a_whole_serializer_takes_or_refuses_anything(value: Any) -> None:
    cls = made_of({name: make() for name, make in FIELDS.items()})
    errors = await answer(cls(data=value))
    assert errors
    assert set(errors) <= {*FIELDS, "non_field_errors"}
    await answer(cls(data=value, many=True))


def test_every_field_class_is_in_the_table() -> None:
    tried = {type(getattr(made, "child", made)) for made in (make() for make in FIELDS.values())}
    tried |= {type(make()) for make in FIELDS.values()}
    without_input = {"ReadOnlyField", "HiddenField", "SerializerMethodField", "ModelField", "Field"}
    for name in serializers.__all__:
        cls = getattr(serializers, name)
        if (
            inspect.isclass(cls)
            and cls.__module__.startswith("vivace.rest.fields.")
            and issubclass(cls, serializers.Field)
        ):
            assert name in without_input or cls in tried, name
