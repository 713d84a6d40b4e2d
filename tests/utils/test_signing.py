from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.signing import BadSignature, SignatureExpired, Signer

signer = Signer("secret", salt="tests")


@given(st.binary())
def test_a_value_comes_back_from_its_signed_text(value: bytes) -> None:
    assert signer.unsign(signer.sign(value)) == value


@given(st.binary(min_size=1), st.data())
def test_a_text_changed_anywhere_is_refused(value: bytes, data: st.DataObject) -> None:
    text = signer.sign(value)
    position = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.é").filter(lambda character: character != text[position]))
    changed = text[:position] + other + text[position + 1 :]
    with contextlib.suppress(BadSignature):
        assert signer.unsign(changed) == value  # the last character of a part may hold bits that say nothing


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadSignature):
        signer.unsign(text)


def test_a_text_is_for_one_purpose_and_one_secret() -> None:
    text = signer.sign(b"value")
    for other in (Signer("secret", salt="other"), Signer("other", salt="tests")):
        with pytest.raises(BadSignature):
            other.unsign(text)


def test_an_old_secret_still_verifies_and_the_new_one_signs() -> None:
    both = Signer(["new", "secret"], salt="tests")
    assert both.unsign(signer.sign(b"old")) == b"old"
    assert Signer("new", salt="tests").unsign(both.sign(b"new")) == b"new"
    with pytest.raises(BadSignature):
        signer.unsign(both.sign(b"new"))


def test_a_text_gets_old(monkeypatch: pytest.MonkeyPatch) -> None:
    text = signer.sign(b"value")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 100)
    assert signer.unsign(text, max_age=200) == b"value"
    with pytest.raises(SignatureExpired, match="at most 50 are allowed"):
        signer.unsign(text, max_age=50)


@pytest.mark.parametrize("secret", ["", [], ["good", ""]])
def test_an_empty_secret_is_refused(secret: str | list[str]) -> None:
    with pytest.raises(ValueError, match="needs a secret"):
        Signer(secret, salt="tests")
