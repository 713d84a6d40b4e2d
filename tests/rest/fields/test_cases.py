"""Every field against the table of what it takes, refuses and shows."""

from __future__ import annotations

from typing import Any

import pytest
from tests.rest.fields.cases import INVALID, SHOWN, VALID

from vivace.rest import fields
from vivace.rest.exceptions import ValidationError


def make(name: str, kwargs: dict[str, Any]) -> fields.Field:
    field: fields.Field = getattr(fields, name)(**kwargs)
    return field


@pytest.mark.parametrize(("name", "kwargs", "value", "expected"), VALID)
def test_a_valid_value_becomes_the_native_value(name: str, kwargs: dict[str, Any], value: Any, expected: Any) -> None:
    found = make(name, kwargs).run_validation(value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(("name", "kwargs", "value", "expected"), INVALID)
def test_an_invalid_value_is_refused_with_drfs_words(
    name: str, kwargs: dict[str, Any], value: Any, expected: Any
) -> None:
    with pytest.raises(ValidationError) as raised:
        make(name, kwargs).run_validation(value)
    assert raised.value.detail == expected


@pytest.mark.parametrize(("name", "kwargs", "value", "expected"), SHOWN)
def test_a_native_value_is_shown_as_drf_shows_it(name: str, kwargs: dict[str, Any], value: Any, expected: Any) -> None:
    shown = make(name, kwargs).to_representation(value)
    assert (type(shown), shown) == (type(expected), expected)
