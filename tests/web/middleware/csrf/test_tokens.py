from __future__ import annotations

import pytest
from hypothesis import given, strategies

from vivace.web.middleware.csrf.tokens import CSRFState, get_token, mask, read_secret, rotate_token, unmask
from vivace.web.requests import Request

SECRET = "0123456789abcdef" * 2


def state_with(secret: str | None) -> CSRFState:
    return CSRFState("field", lambda: secret, None)


def test_a_token_differs_each_time_and_stands_for_the_secret() -> None:
    state = state_with(SECRET)
    tokens = {state.token() for _ in range(10)}
    assert len(tokens) == 10
    assert all(state.accepts(token) for token in tokens)
    assert all(SECRET not in token for token in tokens)
    assert state.accepts(SECRET)


def test_a_visitor_without_secret_gets_one() -> None:
    state = state_with(None)
    assert state.secret is None
    assert not state.accepts(SECRET)
    assert state.accepts(state.token())
    assert state.is_used


def test_after_rotation_the_old_token_is_worth_nothing() -> None:
    state = state_with(SECRET)
    before = state.token()
    state.rotate()
    assert not state.accepts(before)
    assert not state.accepts(SECRET)


def test_a_cookie_that_is_not_of_our_making_is_none() -> None:
    for text in ("", "a", "g" * 32, SECRET.upper(), SECRET + "\n", " " + SECRET, SECRET[:-1], SECRET * 2):
        assert read_secret(text) is None
    assert read_secret(None) is None


def test_without_the_middleware_there_is_no_token() -> None:
    for function in (get_token, rotate_token):
        with pytest.raises(RuntimeError, match="CSRFMiddleware"):
            function(Request({"type": "http"}))


@given(strategies.binary(min_size=16, max_size=16), strategies.text())
def test_unmasking_undoes_masking_and_never_raises(secret: bytes, text: str) -> None:
    assert unmask(mask(secret)) == secret
    unmask(text)
