"""The same calls on Starlette's classes and on ours say the same."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import starlette.datastructures as theirs
from hypothesis import given, settings
from hypothesis import strategies as st

import vivace.web.datastructures as ours

MAKE: dict[str, Callable[[Any], Any]] = {
    "URL": lambda module: module.URL("https://u:p@[::1]:80/a?b=1#c"),
    "URL of components": lambda module: module.URL(scheme="http", hostname="a", path="/x"),
    "URLPath": lambda module: module.URLPath("/a", "http", "h"),
    "Address": lambda module: module.Address("a", 1),
    "Secret": lambda module: module.Secret("x"),
    "CommaSeparatedStrings": lambda module: module.CommaSeparatedStrings("a, 'b, c'"),
    "MultiDict": lambda module: module.MultiDict([("a", 1), ("b", 2), ("a", 3)]),
    "ImmutableMultiDict": lambda module: module.ImmutableMultiDict({"a": 1}),
    "QueryParams": lambda module: module.QueryParams("a=1&a=2&b&c=%20+"),
    "QueryParams of bytes": lambda module: module.QueryParams(b"a=%C3%BC", b="2"),
    "FormData": lambda module: module.FormData([("a", "1"), ("a", "2")]),
    "Headers": lambda module: module.Headers({"A": "b"}),
    "Headers, repeated": lambda module: module.Headers(raw=[(b"a", b"1"), (b"a", b"2")]),
    "MutableHeaders": lambda module: module.MutableHeaders({"a": "b"}),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "repr": repr,
    "str": str,
    "len": len,
    "list": list,
    "bool": bool,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "equals its copy": lambda value: copy.deepcopy(value) == value,
    "equals another": lambda value: value == 1 or value != value,
    "dict": dict,
    "in": lambda value: "a" in value,
    "not in": lambda value: "zz" in value,
    "[]": lambda value: value["a"],
    "[0]": lambda value: value[0],
    "missing": lambda value: value["zz"],
    "|": lambda value: value | {"z": "1"},
    "items": lambda value: value.items(),
    "values": lambda value: list(value.values()),
    "keys": lambda value: list(value.keys()),
    "getlist": lambda value: value.getlist("a"),
    "multi_items": lambda value: value.multi_items(),
    "get": lambda value: (value.get("zz"), value.get("a", 7)),
    "host": lambda value: (pickle.loads(pickle.dumps(value)).host, value.protocol),
}


def outcome(call: Callable[[], Any], module: ModuleType) -> str:
    try:
        return repr(call())
    except Exception as error:  # noqa: BLE001 (compared)
        return type(error).__name__


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
@pytest.mark.parametrize("make", MAKE.values(), ids=list(MAKE))
def test_a_call_says_what_starlettes_says(make: Callable[[Any], Any], call: Callable[[Any], Any]) -> None:
    assert outcome(lambda: call(make(ours)), ours) == outcome(lambda: call(make(theirs)), theirs)


keys = st.sampled_from(["a", "b", "C", "c"])
values = st.sampled_from(["1", "2", ""])
pairs = st.lists(st.tuples(keys, values), max_size=4)
multidict_calls = st.lists(
    st.one_of(
        st.tuples(st.just("__setitem__"), keys, values),
        st.tuples(st.just("__delitem__"), keys),
        st.tuples(st.just("pop"), keys),
        st.tuples(st.just("pop"), keys, values),
        st.tuples(st.just("popitem")),
        st.tuples(st.just("poplist"), keys),
        st.tuples(st.just("setdefault"), keys, values),
        st.tuples(st.just("setlist"), keys, st.lists(values, max_size=3)),
        st.tuples(st.just("append"), keys, values),
        st.tuples(st.just("update"), pairs),
        st.tuples(st.just("clear")),
        st.tuples(st.just("getlist"), keys),
    ),
    max_size=8,
)
header_calls = st.lists(
    st.one_of(
        st.tuples(st.just("__setitem__"), keys, values),
        st.tuples(st.just("__delitem__"), keys),
        st.tuples(st.just("setdefault"), keys, values),
        st.tuples(st.just("append"), keys, values),
        st.tuples(st.just("update"), pairs.map(dict)),
        st.tuples(st.just("add_vary_header"), values),
        st.tuples(st.just("getlist"), keys),
        st.tuples(st.just("mutablecopy")),
    ),
    max_size=8,
)


def replay(value: Any, calls: list[tuple[Any, ...]]) -> list[str]:
    """What each call gives or raises, and what the object is after it."""
    told = []
    for name, *arguments in calls:
        told.append(outcome(lambda name=name, arguments=arguments: getattr(value, name)(*arguments), ours))  # type: ignore[misc]
        told.append(repr(value))
    return told


@settings(deadline=None)
@given(pairs, multidict_calls)
def test_a_multidict_changes_as_starlettes_does(start: list[tuple[str, str]], calls: list[tuple[Any, ...]]) -> None:
    assert replay(ours.MultiDict(start), calls) == replay(theirs.MultiDict(start), calls)


@settings(deadline=None)
@given(pairs, header_calls)
def test_mutable_headers_change_as_starlettes_do(start: list[tuple[str, str]], calls: list[tuple[Any, ...]]) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in start]
    assert replay(ours.MutableHeaders(raw=list(raw)), calls) == replay(theirs.MutableHeaders(raw=list(raw)), calls)


def test_a_url_is_taken_apart_only_when_it_is_asked() -> None:
    url = ours.URL("http://[not a url")
    assert str(url) == "http://[not a url"
    with pytest.raises(ValueError, match="Invalid IPv6 URL"):
        _ = url.hostname
