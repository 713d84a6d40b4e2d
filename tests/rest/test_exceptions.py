"""Errors: details with codes, in DRF's shapes."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.rest import exceptions
from vivace.rest.exceptions import ErrorDetail, ValidationError
from vivace.utils.exceptions import ValidationError as ValueRefused


def test_an_error_detail_equals_its_text_and_differs_by_code() -> None:
    assert ErrorDetail("msg", "code") == "msg"
    assert ErrorDetail("msg", "code") == ErrorDetail("msg", "code")
    assert ErrorDetail("msg", "code") != ErrorDetail("msg", "other")
    assert ErrorDetail("msg", "code") != "other"
    assert hash(ErrorDetail("msg", "code")) == hash("msg")
    assert repr(ErrorDetail("msg", "code")) == "ErrorDetail(string='msg', code='code')"


@pytest.mark.parametrize(
    ("given", "detail"),
    [
        ("text", ["text"]),
        (("one", "two"), ["one", "two"]),
        (["one"], ["one"]),
        ({"field": ["one"]}, {"field": ["one"]}),
        ({"field": {"deep": ("one",)}}, {"field": {"deep": ["one"]}}),
        (None, ["Invalid input."]),
    ],
)
def test_a_validation_error_has_a_list_or_a_mapping(given: Any, detail: Any) -> None:
    assert ValidationError(given).detail == detail


def test_codes_and_full_details_have_the_shape_of_the_detail() -> None:
    error = ValidationError({"a": ["x", ErrorDetail("y", "special")]}, code="plain")
    assert error.get_codes() == {"a": ["plain", "special"]}
    assert error.get_full_details() == {
        "a": [{"message": "x", "code": "plain"}, {"message": "y", "code": "special"}],
    }
    assert str(exceptions.NotFound()) == "Not found."
    assert exceptions.NotFound().get_codes() == "not_found"


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (exceptions.APIException(), 500, "A server error occurred."),
        (exceptions.ParseError(), 400, "Malformed request."),
        (exceptions.AuthenticationFailed(), 401, "Incorrect authentication credentials."),
        (exceptions.NotAuthenticated(), 401, "Authentication credentials were not provided."),
        (exceptions.PermissionDenied(), 403, "You do not have permission to perform this action."),
        (exceptions.NotFound(), 404, "Not found."),
        (exceptions.MethodNotAllowed("PUT"), 405, 'Method "PUT" not allowed.'),
        (exceptions.NotAcceptable(), 406, "Could not satisfy the request Accept header."),
        (exceptions.Conflict(), 409, "The change conflicts with what is stored."),
        (exceptions.UnsupportedMediaType("a/b"), 415, 'Unsupported media type "a/b" in request.'),
        (exceptions.Throttled(), 429, "Request was throttled."),
        (exceptions.Throttled(wait=1), 429, "Request was throttled. Expected available in 1 second."),
        (exceptions.Throttled(wait=1.2), 429, "Request was throttled. Expected available in 2 seconds."),
    ],
)
def test_every_error_has_drfs_status_and_words(error: exceptions.APIException, status: int, detail: str) -> None:
    assert (error.status_code, error.detail) == (status, detail)


def test_throttled_says_when_to_come_back() -> None:
    assert exceptions.Throttled(wait=2.5).headers == {"Retry-After": "3"}
    assert exceptions.Throttled().headers == {}


def test_a_validators_error_becomes_details_with_its_parameters_filled_in() -> None:
    error = ValueRefused("at most %(limit)d", "limit", {"limit": 3})
    assert exceptions.get_error_detail(error) == [ErrorDetail("at most 3", "limit")]
    by_field = ValueRefused({"title": [ValueRefused("bad")]})
    assert exceptions.get_error_detail(by_field) == {"title": [ErrorDetail("bad", "invalid")]}
