from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.requests import cookie_parser
from vivace.web.responses import Response


def cookie(*arguments: Any, **keywords: Any) -> str:
    response = Response()
    response.set_cookie(*arguments, **keywords)
    return response.headers["set-cookie"]


def test_a_cookie_has_safe_defaults() -> None:
    assert cookie("name", "value") == "name=value; Path=/; SameSite=lax"
    assert cookie("name", path=None, samesite=None) == 'name=""'


def test_every_attribute_is_written() -> None:
    written = cookie(
        "name",
        "value",
        max_age=10,
        expires=datetime(2037, 1, 22, 12, 0, 10, tzinfo=UTC),
        path="/a",
        domain="example.org",
        secure=True,
        httponly=True,
        samesite="none",
        partitioned=True,
    )
    assert written == (
        "name=value; Domain=example.org; expires=Thu, 22 Jan 2037 12:00:10 GMT; HttpOnly; Max-Age=10; Partitioned; "
        "Path=/a; SameSite=none; Secure"
    )


def test_an_expiry_may_be_text_seconds_or_a_moment_anywhere() -> None:
    assert "expires=tomorrow;" in cookie("a", expires="tomorrow")
    abroad = datetime(2037, 1, 22, 14, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    assert "expires=Thu, 22 Jan 2037 12:00:00 GMT;" in cookie("a", expires=abroad)
    text = cookie("a", expires=3600).split("expires=")[1].split(";")[0]
    left = parsedate_to_datetime(text) - datetime.now(UTC)
    assert timedelta(seconds=3500) < left <= timedelta(seconds=3600)
    with pytest.raises(ValueError, match="aware datetime"):
        cookie("a", expires=datetime(2037, 1, 22))  # noqa: DTZ001


def test_a_cookie_is_deleted_by_its_expiry() -> None:
    response = Response()
    response.delete_cookie("name", path="/a", domain="example.org", secure=True, partitioned=True)
    written = response.headers["set-cookie"]
    assert written.startswith('name=""; Domain=example.org; expires=')
    assert written.endswith("GMT; Max-Age=0; Partitioned; Path=/a; SameSite=lax; Secure")


def test_cookies_do_not_replace_each_other() -> None:
    response = Response()
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    assert len(response.headers.getlist("set-cookie")) == 2


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "ä", "a,b"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="not a cookie name"):
        cookie(name)


@pytest.mark.parametrize(
    "wrong", [{"samesite": "maybe"}, {"path": "/;secure"}, {"domain": "a;b"}, {"expires": "x;y"}, {"value": "\x01"}]
)
def test_an_attribute_says_nothing_else(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"samesite|cannot contain"):
        cookie("name", **wrong)


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=255, blacklist_categories=["Cc"])))
def test_a_value_comes_back_as_it_was(value: str) -> None:
    written = cookie("name", value)
    assert cookie_parser(written.split(";")[0]) == {"name": value}


@given(st.text())
def test_any_value_is_written_or_refused(value: str) -> None:
    response = Response()
    try:
        response.set_cookie("name", value)
    except ValueError:
        return
    assert not set(response.raw_headers[-1][1]) & set(b"\r\n\0")
