from __future__ import annotations

import http

import pytest

from vivace.web import status


def test_every_name_begins_with_its_code() -> None:
    for name in status.__all__:
        protocol, code, *_ = name.split("_")
        assert protocol in ("HTTP", "WS")
        assert getattr(status, name) == int(code)


def test_every_code_of_the_registry_is_there() -> None:
    known = {getattr(status, name) for name in status.__all__}
    assert {code.value for code in http.HTTPStatus} <= known
    assert status.WS_1008_POLICY_VIOLATION == 1008


def test_old_names_warn() -> None:
    with pytest.warns(UserWarning, match="Use 'HTTP_413_CONTENT_TOO_LARGE' instead"):
        assert status.HTTP_413_REQUEST_ENTITY_TOO_LARGE == 413
    assert "HTTP_422_UNPROCESSABLE_ENTITY" in dir(status)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="HTTP_999"):
        _ = status.HTTP_999
