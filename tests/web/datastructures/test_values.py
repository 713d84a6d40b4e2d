from __future__ import annotations

import copy
import pickle

import pytest

from vivace.web.datastructures import CommaSeparatedStrings, Secret, State


def test_a_secret_shows_itself_only_on_purpose() -> None:
    secret = Secret("swordfish")
    assert repr(secret) == "Secret('**********')"
    assert f"{[secret]}" == "[Secret('**********')]"
    assert str(secret) == "swordfish"
    assert secret
    assert not Secret("")


def test_comma_separated_strings_respect_quotes() -> None:
    hosts = CommaSeparatedStrings("a.example, b.example, 'c, d'")
    assert list(hosts) == ["a.example", "b.example", "c, d"]
    assert (hosts[0], hosts[1:], len(hosts)) == ("a.example", ["b.example", "c, d"], 3)
    assert str(hosts) == "'a.example', 'b.example', 'c, d'"
    assert repr(CommaSeparatedStrings(["a", "b"])) == "CommaSeparatedStrings(['a', 'b'])"


def test_state_is_the_mapping_it_was_given() -> None:
    behind: dict[str, object] = {"a": 1}
    state = State(behind)
    state.b = 2
    state["c"] = 3
    assert behind == {"a": 1, "b": 2, "c": 3}
    assert (state.a, state["b"], list(state), len(state)) == (1, 2, ["a", "b", "c"], 3)
    del state.a
    del state["b"]
    assert behind == {"c": 3}
    with pytest.raises(AttributeError, match="'State' object has no attribute 'a'"):
        _ = state.a
    with pytest.raises(KeyError):
        state["a"]


def test_state_can_be_copied_and_pickled() -> None:
    state = State()
    state.a = 1
    assert copy.copy(state).a == 1
    assert pickle.loads(pickle.dumps(state)).a == 1
