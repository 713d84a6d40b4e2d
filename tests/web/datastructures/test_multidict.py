from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.datastructures import ImmutableMultiDict, MultiDict, QueryParams
from vivace.web.datastructures._multidict import parse_query, unquote_bytes

PAIRS = [("a", "1"), ("a", "2"), ("b", "3")]


def test_a_key_shows_its_last_value_and_lists_them_all() -> None:
    found = ImmutableMultiDict(PAIRS)
    assert found["a"] == "2"
    assert found.get("a") == "2"
    assert found.get("missing") is None
    assert found.getlist("a") == ["1", "2"]
    assert found.getlist("missing") == []
    assert "a" in found
    assert "missing" not in found
    assert list(found) == list(found.keys()) == ["a", "b"]
    assert list(found.values()) == ["2", "3"]
    assert list(found.items()) == [("a", "2"), ("b", "3")]
    assert found.multi_items() == PAIRS
    assert len(found) == 2
    assert repr(found) == f"ImmutableMultiDict({PAIRS!r})"
    with pytest.raises(KeyError):
        found["missing"]


@pytest.mark.parametrize(
    "source", [PAIRS, tuple(PAIRS), ImmutableMultiDict(PAIRS), MultiDict(PAIRS), {"a": "1", "b": "3"}, None, []]
)
def test_it_is_made_of_pairs_mappings_and_its_like(source: Any) -> None:
    found = ImmutableMultiDict(source, c=4)
    assert found["c"] == 4
    assert len(found) == (3 if source else 1)


def test_another_multidict_is_asked_for_its_items() -> None:
    class Foreign:
        def multi_items(self) -> list[tuple[str, str]]:
            return PAIRS

    assert MultiDict(Foreign()).multi_items() == PAIRS  # type: ignore[arg-type]


def test_more_than_one_argument_is_an_error() -> None:
    with pytest.raises(TypeError, match="at most one"):
        ImmutableMultiDict({}, {})


def test_equality_looks_at_all_values_and_not_at_the_order_of_keys() -> None:
    assert ImmutableMultiDict(PAIRS) == ImmutableMultiDict([PAIRS[2], PAIRS[0], PAIRS[1]])
    assert ImmutableMultiDict(PAIRS) != ImmutableMultiDict([PAIRS[1], PAIRS[0], PAIRS[2]])
    assert ImmutableMultiDict(PAIRS) != dict(PAIRS)
    with pytest.raises(TypeError):
        hash(ImmutableMultiDict(PAIRS))


def test_assignment_replaces_and_append_adds() -> None:
    found = MultiDict(PAIRS)
    found["a"] = "9"
    assert found.multi_items() == [("b", "3"), ("a", "9")]
    found.append("a", "10")
    assert found.getlist("a") == ["9", "10"]
    found.setlist("b", ["x", "y"])
    assert (found["b"], found.getlist("b")) == ("y", ["x", "y"])
    found.setlist("b", [])
    assert "b" not in found


def test_keys_are_removed_with_all_their_values() -> None:
    found = MultiDict(PAIRS)
    del found["a"]
    assert found.multi_items() == [("b", "3")]
    with pytest.raises(KeyError):
        del found["a"]
    assert found.pop("a") is None
    assert found.pop("a", "default") == "default"
    assert found.poplist("b") == ["3"]
    found.update(PAIRS)
    assert found.popitem() == ("b", "3")
    assert found.multi_items() == PAIRS[:2]
    found.clear()
    assert (len(found), found.multi_items()) == (0, [])


def test_setdefault_keeps_what_is_there() -> None:
    found = MultiDict(PAIRS)
    assert found.setdefault("a", "x") == "2"
    assert found.setdefault("c", "x") == "x"
    assert found.getlist("c") == ["x"]


def test_update_replaces_every_key_it_brings() -> None:
    found = MultiDict(PAIRS)
    found.update(MultiDict([("a", "8"), ("a", "9")]), c="1")
    assert found.multi_items() == [("b", "3"), ("a", "8"), ("a", "9"), ("c", "1")]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("set"), st.sampled_from("abc"), st.integers()),
            st.tuples(st.just("append"), st.sampled_from("abc"), st.integers()),
            st.tuples(st.just("pop"), st.sampled_from("abc"), st.none()),
            st.tuples(st.just("update"), st.sampled_from("abc"), st.integers()),
        )
    )
)
def test_list_and_mapping_stay_in_step(steps: list[tuple[str, str, Any]]) -> None:
    found = MultiDict()
    for step, key, value in steps:
        if step == "set":
            found[key] = value
        elif step == "append":
            found.append(key, value)
        elif step == "pop":
            found.pop(key)
        else:
            found.update([(key, value), (key, value)])
    assert dict(found.multi_items()) == dict(found)


@pytest.mark.parametrize("source", ["a=1&a=2&b=3", b"a=1&a=2&b=3", PAIRS, [("a", 1), ("a", 2), ("b", 3)]])
def test_query_params_come_as_text_bytes_or_pairs(source: Any) -> None:
    params = QueryParams(source)
    assert params.multi_items() == PAIRS
    assert str(params) == "a=1&a=2&b=3"
    assert repr(params) == "QueryParams('a=1&a=2&b=3')"
    assert params == QueryParams(PAIRS)


def test_query_params_take_keywords_too() -> None:
    assert QueryParams("a=1", b=2)["b"] == "2"
    assert QueryParams({"a": 1})["a"] == "1"
    assert len(QueryParams()) == 0
    with pytest.raises(TypeError):
        QueryParams({}, {})


def test_what_is_not_utf8_becomes_the_replacement_character() -> None:
    assert QueryParams(b"a=%ff&b=\xff&c=%zz")["a"] == "\ufffd"
    assert QueryParams(b"a=%ff&b=\xff&c=%zz")["b"] == "\ufffd"
    assert QueryParams(b"a=%ff&b=\xff&c=%zz")["c"] == "%zz"
    assert QueryParams("ü=ö".encode())["ü"] == "ö"


@given(st.text(alphabet=st.sampled_from("ab&=+%; ü2fF0\ud800")))
def test_parsing_agrees_with_the_standard_library(text: str) -> None:
    assert parse_query(text) == parse_qsl(text, keep_blank_values=True)


@given(st.binary())
def test_any_bytes_are_a_query_and_a_form_value(data: bytes) -> None:
    params = QueryParams(data)
    assert all(isinstance(part, str) for pair in params.multi_items() for part in pair)
    assert isinstance(unquote_bytes(data), str)
