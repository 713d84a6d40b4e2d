"""The compiled representation against the plain one."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.orm.exceptions import NotLoaded
from vivace.rest import serializers
from vivace.rest.renderers import JSONRenderer


class Level(enum.IntEnum):
    LOW = 1


class Inner(serializers.Serializer):
    title = serializers.CharField(allow_null=True)
    number = serializers.DecimalField(6, 2, allow_null=True)


class Outer(serializers.Serializer):
    text = serializers.CharField(allow_null=True)
    whole = serializers.IntegerField(allow_null=True)
    real = serializers.FloatField(allow_null=True)
    truth = serializers.BooleanField(allow_null=True)
    day = serializers.DateField(allow_null=True)
    moment = serializers.DateTimeField(allow_null=True)
    clock = serializers.TimeField(allow_null=True)
    length = serializers.DurationField(allow_null=True)
    key = serializers.UUIDField(allow_null=True)
    choice = serializers.ChoiceField(choices=[(1, "One"), (2, "Two")], allow_null=True)
    anything = serializers.JSONField(allow_null=True)
    inner = Inner(allow_null=True)
    inners = Inner(many=True, allow_null=True)
    deep = serializers.CharField(source="inner.title", required=False, allow_null=True)
    skipped = serializers.CharField(required=False)
    method = serializers.SerializerMethodField()
    hidden = serializers.CharField(write_only=True)

    def get_method(self, obj: Any) -> str:
        return f"{self.context.get('by')}:{obj.whole}"


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


aware = st.datetimes(
    min_value=dt.datetime(1900, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
    max_value=dt.datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30))]),
)
inner = st.builds(
    SimpleNamespace,
    title=maybe(st.text()),
    number=maybe(st.decimals(min_value=-9999, max_value=9999, allow_nan=False)),
)
outer = st.builds(
    SimpleNamespace,
    text=maybe(st.text() | st.integers()),
    whole=maybe(st.integers() | st.booleans()),
    real=maybe(st.floats(allow_nan=False) | st.integers(-10, 10)),
    truth=maybe(st.booleans() | st.sampled_from(["true", "off", 1, 0])),
    day=maybe(st.dates()),
    moment=maybe(aware),
    clock=maybe(st.times()),
    length=maybe(st.timedeltas()),
    key=maybe(st.uuids()),
    choice=maybe(st.sampled_from([1, 2, "1", 9])),
    anything=maybe(st.lists(st.integers())),
    inner=maybe(inner),
    inners=maybe(st.lists(inner, max_size=3)),
)


@given(outer)
def test_the_compiled_representation_equals_the_plain_one(instance: Any) -> None:
    serializer = Outer(instance, context={"by": "me"})
    assert serializer.output_plan is not None
    assert serializer.to_representation(instance) == serializer.represent_fields(instance)


@given(outer)
def test_a_mapping_is_shown_like_an_object(instance: Any) -> None:
    class Flat(serializers.Serializer):
        text = serializers.CharField(allow_null=True)
        inner = Inner(allow_null=True)

    as_mapping = {"text": instance.text, "inner": None if instance.inner is None else vars(instance.inner)}
    assert Flat(as_mapping).data == Flat(instance).data


def test_a_key_named_as_a_method_of_mappings_is_read_by_key() -> None:
    class Cart(serializers.Serializer):
        items = serializers.ListField()
        values = serializers.IntegerField()

    assert Cart({"items": [1], "values": 2}).data == {"items": [1], "values": 2}


def test_the_plan_is_made_once_for_the_class() -> None:
    assert Outer.template() is Outer.template()
    assert Outer(None).output_plan is Outer(None).output_plan

    class Child(Outer):
        more = serializers.IntegerField()

    assert Child(None).output_plan is not Outer(None).output_plan
    assert "'more'" in Child(None).output_plan.source  # type: ignore[union-attr]


def test_a_class_that_makes_fields_for_each_instance_has_no_plan() -> None:
    class Dynamic(serializers.Serializer):
        def get_fields(self) -> dict[str, serializers.Field]:
            return {"a": serializers.IntegerField()}

    assert Dynamic(SimpleNamespace(a=1)).output_plan is None
    assert Dynamic(SimpleNamespace(a=1)).data == {"a": 1}


def test_a_fields_own_representation_is_used() -> None:
    class Shouted(serializers.CharField):
        def to_representation(self, value: Any) -> Any:
            return f"{value}{self.context['mark']}"

    class Quoted(Inner):
        def to_representation(self, instance: Any) -> Any:
            return {"quoted": super().to_representation(instance)}

    class Mixed(serializers.Serializer):
        word = Shouted()
        inner = Quoted()
        inners = Quoted(many=True)

    one = SimpleNamespace(title="a", number=Decimal(1))
    shown = {"quoted": {"title": "a", "number": "1.00"}}
    assert Mixed(SimpleNamespace(word="hey", inner=one, inners=[one]), context={"mark": "!"}).data == {
        "word": "hey!",
        "inner": shown,
        "inners": [shown],
    }


def test_methods_and_callables_are_called() -> None:
    class Person:
        def name(self) -> str:
            return "Ann"

        def friend(self) -> Any:
            return SimpleNamespace(title="b", number=None)

    class Shown(serializers.Serializer):
        name = serializers.CharField()
        friend = Inner()

    assert Shown(Person()).data == {"name": "Ann", "friend": {"title": "b", "number": None}}


def test_what_is_not_loaded_is_an_error_and_never_left_out() -> None:
    class Stub:
        @property
        def title(self) -> str:
            raise NotLoaded("title is not loaded")

    class Optional(serializers.Serializer):
        title = serializers.CharField(required=False)

    with pytest.raises(NotLoaded):
        _ = Optional(Stub()).data


def test_the_json_renderer_writes_what_serializers_make() -> None:
    data = {
        "big": 2**70,
        "detail": serializers.ErrorDetail("text", "code"),
        "nan": float("nan"),
        "uuid": uuid.UUID(int=1),
        "set": (1, 2),
        1: "key",
        "view": MappingProxyType({"a": Level.LOW}),
        "made": (number for number in (1, 2)),
    }
    assert JSONRenderer().render(data) == (
        b'{"big":1180591620717411303424,"detail":"text","nan":null,'
        b'"uuid":"00000000-0000-0000-0000-000000000001","set":[1,2],"1":"key","view":{"a":1},"made":[1,2]}'
    )


def test_what_json_has_no_form_for_is_a_clear_error() -> None:
    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        JSONRenderer().render({"a": object()})
