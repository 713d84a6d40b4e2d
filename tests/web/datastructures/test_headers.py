from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.datastructures import Headers, MutableHeaders

RAW = [(b"a", b"123"), (b"a", b"456"), (b"b", b"789")]


def test_headers_are_found_without_regard_to_case() -> None:
    headers = Headers(raw=list(RAW))
    assert headers["A"] == headers["a"] == headers.get("A") == "123"
    assert headers.getlist("A") == ["123", "456"]
    assert "B" in headers
    assert "c" not in headers
    assert not headers.__contains__(1)
    assert headers.get("c") is None
    assert headers.get("c", "x") == "x"
    assert headers.get("no such näme €") is None
    with pytest.raises(KeyError, match="nope"):
        headers["nope"]


def test_every_view_shows_every_field() -> None:
    headers = Headers(raw=list(RAW))
    assert list(headers) == headers.keys() == ["a", "a", "b"]
    assert headers.values() == ["123", "456", "789"]
    assert headers.items() == [("a", "123"), ("a", "456"), ("b", "789")]
    assert len(headers) == 3
    assert headers.raw == RAW
    assert headers.raw is not headers.raw
    assert repr(headers) == f"Headers(raw={RAW!r})"
    assert repr(Headers({"a": "1"})) == "Headers({'a': '1'})"


def test_equality_ignores_order() -> None:
    assert Headers(raw=list(RAW)) == Headers(raw=RAW[::-1])
    assert Headers({"A": "1"}) == MutableHeaders({"a": "1"})
    assert Headers({"a": "1"}) != {"a": "1"}
    with pytest.raises(TypeError):
        hash(Headers())


def test_a_scope_shares_its_list() -> None:
    scope: dict[str, Any] = {"headers": ((b"a", b"1") for _ in range(1))}
    assert Headers(scope=scope)["a"] == "1"
    assert Headers(scope=scope)["a"] == "1"
    assert scope["headers"] == [(b"a", b"1")]


def test_only_one_source_is_taken() -> None:
    with pytest.raises(TypeError, match="only one of"):
        Headers({"a": "1"}, raw=[])


def test_a_copy_can_be_changed() -> None:
    headers = Headers({"a": "1"})
    copy = headers.mutablecopy()
    copy["a"] = "2"
    assert (headers["a"], copy["a"]) == ("1", "2")


def test_assignment_takes_the_place_of_the_first_field() -> None:
    headers = MutableHeaders(raw=[(b"x", b"0"), *RAW, (b"a", b"000")])
    headers["A"] = "new"
    assert headers.raw == [(b"x", b"0"), (b"a", b"new"), (b"b", b"789")]
    headers["c"] = "1"
    assert headers.raw[-1] == (b"c", b"1")


def test_fields_are_removed_added_and_defaulted() -> None:
    headers = MutableHeaders(raw=list(RAW))
    del headers["a"]
    del headers["missing"]
    assert headers.raw == [(b"b", b"789")]
    assert headers.setdefault("B", "x") == "789"
    assert headers.setdefault("C", "x") == "x"
    headers.append("c", "y")
    assert headers.getlist("c") == ["x", "y"]
    headers.update({"c": "z", "d": ""})
    assert (headers.getlist("c"), headers["d"], "d" in headers) == (["z"], "", True)
    headers.add_vary_header("Accept")
    headers.add_vary_header("Cookie")
    assert headers["vary"] == "Accept, Cookie"


def test_headers_are_merged_with_a_mapping() -> None:
    headers = MutableHeaders({"a": "1"})
    merged = headers | {"a": "2", "b": "3"}
    assert merged == Headers({"a": "2", "b": "3"})
    assert headers == Headers({"a": "1"})
    headers |= {"b": "3"}
    assert headers == Headers({"a": "1", "b": "3"})
    with pytest.raises(TypeError, match="Expected a mapping but got int"):
        headers |= 1  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Expected a mapping but got list"):
        headers | []  # type: ignore[operator]


SETTERS: list[Callable[[str, str], object]] = [
    lambda name, value: Headers({name: value}),
    lambda name, value: MutableHeaders().__setitem__(name, value),
    lambda name, value: MutableHeaders().setdefault(name, value),
    lambda name, value: MutableHeaders().append(name, value),
    lambda name, value: MutableHeaders().update({name: value}),
    lambda name, value: MutableHeaders() | {name: value},
]


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("value", ["a\r\nset-cookie: x=1", "a\n", "\r", "a\0b", "€"])
def test_no_setter_lets_a_value_break_out(setter: Callable[[str, str], object], value: str) -> None:
    with pytest.raises(ValueError, match=r"CR, LF or NUL|latin-1"):
        setter("x-name", value)


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "ä", "\0"])
def test_no_setter_takes_a_name_that_is_no_token(setter: Callable[[str, str], object], name: str) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        setter(name, "value")


@given(st.text(), st.text())
def test_what_is_accepted_is_safe_on_the_wire(name: str, value: str) -> None:
    headers = MutableHeaders()
    try:
        headers[name] = value
    except ValueError:
        return
    [(raw_name, raw_value)] = headers.raw
    assert not set(raw_name) & set(b"\r\n\0: ")
    assert not set(raw_value) & set(b"\r\n\0")
    assert headers[name] == value
