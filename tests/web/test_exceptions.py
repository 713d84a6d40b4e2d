from __future__ import annotations

import pickle

import pytest

from vivace.web.exceptions import HTTPException, StarletteDeprecationWarning, WebSocketException


@pytest.mark.parametrize(
    ("status_code", "detail", "expected"),
    [(404, None, "Not Found"), (404, "No such book", "No such book"), (404, "", ""), (299, None, "")],
)
def test_without_detail_the_standard_phrase_is_used(status_code: int, detail: str | None, expected: str) -> None:
    exception = HTTPException(status_code, detail)
    assert exception.detail == expected
    assert str(exception) == f"{status_code}: {expected}"
    assert repr(exception) == f"HTTPException(status_code={status_code}, detail={expected!r})"


def test_a_websocket_exception_says_its_code_and_reason() -> None:
    exception = WebSocketException(1008)
    assert exception.reason == ""
    assert str(WebSocketException(1008, "policy")) == "1008: policy"
    assert repr(exception) == "WebSocketException(code=1008, reason='')"


def test_exceptions_survive_a_process_boundary() -> None:
    exception = pickle.loads(pickle.dumps(HTTPException(404, "gone", {"x": "y"})))
    assert (exception.status_code, exception.detail, exception.headers) == (404, "gone", {"x": "y"})


def test_deprecations_are_shown_by_default() -> None:
    assert issubclass(StarletteDeprecationWarning, UserWarning)
