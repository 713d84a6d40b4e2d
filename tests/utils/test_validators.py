"""Validators: what passes, what is refused, with which code. The tables agree with Django's validators."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core import validators as django_validators
from django.core.exceptions import ValidationError as DjangoValidationError

from vivace.utils import validators
from vivace.utils.exceptions import ValidationError


def passes(validator: Any, value: Any) -> bool:
    try:
        validator(value)
    except (ValidationError, DjangoValidationError):
        return False
    return True


EMAILS = [
    "a@example.com", "a.b+c@example.co.uk", '"quoted"@example.com', "a@localhost", "a@[127.0.0.1]", "a@[::1]",
    "é@example.com",
    "a@bücher.de", "", "a", "@", "a@", "@example.com", "a@example", "a b@example.com", "a@exa mple.com", "a@-x.com",
    "a@x-.com", "a..b@example.com", ".a@example.com", "a@example.com\n", "a@[300.1.1.1]",
    "a" * 330 + "@example.com", None,
]  # fmt: skip
URLS = [
    "http://example.com", "https://example.com/a?b#c", "ftp://example.com", "http://localhost:8000/",
    "http://127.0.0.1/",
    "http://[::1]:80/", "http://bücher.de/", "http://user:pass@example.com/", "", "example.com",
    "http://", "//example.com",
    "javascript:alert(1)", "http://exa mple.com",
    "http://example.com\n", "http://-a.com", "http://example", "http://[::1",
    "http://" + "a" * 64 + ".com", "http://.com", "http://a..com", "http://example.com:port/",
]  # fmt: skip
SLUGS = ["a", "a-b_c9", "A", "", "a b", "é", "a\n", "a.b"]


@pytest.mark.parametrize("value", EMAILS)
def test_emails_as_django(value: Any) -> None:
    if value == "é@example.com":
        assert not passes(validators.validate_email, value)
        return
    assert passes(validators.validate_email, value) == passes(django_validators.validate_email, value)


@pytest.mark.parametrize("value", URLS)
def test_urls_as_django(value: Any) -> None:
    assert passes(validators.validate_url, value) == passes(django_validators.URLValidator(), value)


def test_a_port_that_cannot_be_is_refused_though_django_takes_it() -> None:
    assert not passes(validators.validate_url, "http://a.com:99999/")


@pytest.mark.parametrize("value", SLUGS)
def test_slugs_as_django(value: Any) -> None:
    assert passes(validators.validate_slug, value) == passes(django_validators.validate_slug, value)
    assert passes(validators.validate_unicode_slug, value) == passes(django_validators.validate_unicode_slug, value)


@pytest.mark.parametrize("value", ["0", "1.5", "-12.34", "1234.5", "0.001", "1E+3", "1E-3", "NaN", "Infinity", "0E2"])
@pytest.mark.parametrize(("digits", "places"), [(5, 2), (3, 3), (2, 0), (None, 2), (5, None)])
def test_decimals_as_django(value: str, digits: int | None, places: int | None) -> None:
    number = Decimal(value)
    ours, theirs = validators.DecimalValidator(digits, places), django_validators.DecimalValidator(digits, places)
    assert passes(ours, number) == passes(theirs, number)


def test_limits_say_what_they_found() -> None:
    with pytest.raises(ValidationError) as caught:
        validators.MaxLengthValidator(3)("abcd")
    assert caught.value.code == "max_length"
    assert caught.value.messages == ["Ensure this value has at most 3 characters (it has 4)."]
    validators.MinLengthValidator(4)("abcd")
    validators.MaxValueValidator(lambda: 4)(4)
    with pytest.raises(ValidationError, match="greater than or equal to 5"):
        validators.MinValueValidator(5)(4)
    assert validators.MinValueValidator(5) == validators.MinValueValidator(5) != validators.MaxValueValidator(5)
    assert len({validators.MinValueValidator(5), validators.MinValueValidator(5)}) == 1


def test_patterns_may_be_inverted() -> None:
    validators.RegexValidator("^a")("abc")
    with pytest.raises(ValidationError):
        validators.RegexValidator("^a", inverse_match=True)("abc")
    with pytest.raises(TypeError, match="compiled already"):
        validators.RegexValidator(validators.validate_slug.regex, flags=2)


def test_null_characters_and_addresses() -> None:
    assert not passes(validators.ProhibitNullCharactersValidator(), "a\x00")
    assert passes(validators.ProhibitNullCharactersValidator(), "a")
    assert passes(validators.validate_ipv4_address, "127.0.0.1")
    assert not passes(validators.validate_ipv4_address, "::1")
    assert passes(validators.validate_ipv6_address, "::1")
    assert not passes(validators.validate_ipv6_address, "127.0.0.1")
    assert passes(validators.validate_ipv46_address, "::1")
    assert not passes(validators.validate_ipv46_address, "x")
    assert passes(validators.validate_integer, "-12")
    assert not passes(validators.validate_integer, "1.2")
