"""ValidationError in Django's shape; the cases run on both."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError as DjangoValidationError

from vivace.utils.exceptions import NON_FIELD_ERRORS, ValidationError

ARGUMENTS: list[Any] = [
    ("simple",),
    ("of %(n)s", "code", {"n": 3}),
    (["a", "b"],),
    ({"name": "a", "age": ["b", "c"]},),
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_texts_are_djangos(arguments: Any) -> None:
    ours, theirs = ValidationError(*arguments), DjangoValidationError(*arguments)
    assert ours.messages == theirs.messages
    assert str(ours) == str(theirs)
    assert list(ours) == list(theirs)
    assert hasattr(ours, "error_dict") == hasattr(theirs, "error_dict")


def test_errors_nest() -> None:
    inner = ValidationError("a", code="x")
    both = ValidationError([inner, ValidationError(["b", "c"])])
    assert both.messages == ["a", "b", "c"]
    assert [error.code for error in both.error_list] == ["x", None, None]
    assert ValidationError(inner) == inner
    assert ValidationError({"f": [inner]}).error_dict["f"] == [inner]
    assert ValidationError(ValidationError({"f": "a"})).message_dict == {"f": ["a"]}
    assert ValidationError(both).messages == both.messages


def test_update_error_dict_collects_by_field() -> None:
    found: dict[str, list[ValidationError]] = {}
    ValidationError("whole").update_error_dict(found)
    ValidationError({"name": "bad"}).update_error_dict(found)
    assert {field: [error.message for error in errors] for field, errors in found.items()} == {
        NON_FIELD_ERRORS: ["whole"],
        "name": ["bad"],
    }


def test_equality_ignores_the_order_of_a_list() -> None:
    assert ValidationError(["a", "b"]) == ValidationError(["b", "a"])
    assert ValidationError("a") != ValidationError("b")
    assert ValidationError({"f": "a"}) == ValidationError({"f": ["a"]})
    assert ValidationError("a") != "a"
    assert len({ValidationError("a"), ValidationError("a")}) == 1
    with pytest.raises(AttributeError):
        _ = ValidationError("a").message_dict
