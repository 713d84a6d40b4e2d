from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.convertors import (
    CONVERTOR_TYPES,
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    PathConvertor,
    StringConvertor,
    UUIDConvertor,
    register_url_convertor,
)
from vivace.web.routing import Route, compile_path

ID = uuid.UUID("ec38df32-ceda-4cfa-9b4a-1aeb94ad551a")


@pytest.mark.parametrize(
    ("convertor", "text", "value"),
    [
        (StringConvertor(), "a b", "a b"),
        (PathConvertor(), "a/b", "a/b"),
        (PathConvertor(), "", ""),
        (IntegerConvertor(), "007", 7),
        (FloatConvertor(), "25.50", 25.5),
        (FloatConvertor(), "3", 3.0),
        (UUIDConvertor(), str(ID), ID),
        (UUIDConvertor(), ID.hex.upper(), ID),
    ],
)
def test_text_becomes_a_value(convertor: Convertor[Any], text: str, value: Any) -> None:
    assert re.fullmatch(convertor.regex, text)
    assert convertor.convert(text) == value


@pytest.mark.parametrize(
    ("convertor", "text"),
    [
        (StringConvertor(), ""),
        (StringConvertor(), "a/b"),
        (IntegerConvertor(), "-1"),
        (IntegerConvertor(), "\u0661"),
        (FloatConvertor(), "1."),
        (FloatConvertor(), "1e3"),
        (UUIDConvertor(), "ec38df32"),
    ],
)
def test_other_text_does_not_fit(convertor: Convertor[Any], text: str) -> None:
    assert re.fullmatch(convertor.regex, text) is None


@pytest.mark.parametrize(
    ("convertor", "value", "message"),
    [
        (StringConvertor(), "", "must not be empty"),
        (StringConvertor(), "a/b", "one path segment"),
        (IntegerConvertor(), -1, "zero or more"),
        (FloatConvertor(), -1.0, "from zero"),
        (FloatConvertor(), float("nan"), "finite"),
        (FloatConvertor(), float("inf"), "finite"),
    ],
)
def test_a_value_that_no_url_can_hold_is_refused(convertor: Convertor[Any], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refused:
        convertor.to_string(value)
    assert isinstance(refused.value, AssertionError)  # what code written for Starlette catches


@given(st.integers(0, 10**30))
def test_an_integer_comes_back_from_its_text(number: int) -> None:
    assert IntegerConvertor().convert(IntegerConvertor().to_string(number)) == number


@given(st.floats(0, 10**15, allow_nan=False).map(lambda number: round(number, 6)))
def test_a_float_comes_back_from_its_text(number: float) -> None:
    text = FloatConvertor().to_string(number)
    assert re.fullmatch(FloatConvertor.regex, text)
    assert FloatConvertor().convert(text) == number


@given(st.uuids())
def test_a_uuid_comes_back_from_its_text(value: uuid.UUID) -> None:
    assert UUIDConvertor().convert(UUIDConvertor().to_string(value)) == value


class DateConvertor(Convertor[datetime]):
    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def convert(self, value: str) -> datetime:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)

    def to_string(self, value: datetime) -> str:
        return value.strftime("%Y-%m-%d")


@pytest.fixture
def date_convertor() -> Iterator[None]:
    register_url_convertor("date", DateConvertor())
    yield
    del CONVERTOR_TYPES["date"]


@pytest.mark.usefixtures("date_convertor")
def test_a_registered_convertor_reads_and_writes() -> None:
    route = Route("/on/{day:date}", lambda request: None, name="on")
    _, child_scope = route.matches({"type": "http", "method": "GET", "path": "/on/2026-11-22"})
    assert child_scope["path_params"] == {"day": datetime(2026, 11, 22, tzinfo=UTC)}
    assert route.url_path_for("on", day=datetime(2026, 11, 22, tzinfo=UTC)) == "/on/2026-11-22"


def test_an_unknown_convertor_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        ValueError, match=r"Unknown path convertor 'integer'.*Convertors: float, int, path, slug, str, .*uuid"
    ):
        compile_path("/{id:integer}")
    with pytest.raises(ValueError, match='Did you mean "uuid"'):
        compile_path("/{id:uid}")


def test_a_convertor_says_what_it_lacks() -> None:
    with pytest.raises(NotImplementedError):
        Convertor[str]().convert("a")
    with pytest.raises(NotImplementedError):
        Convertor[str]().to_string("a")
