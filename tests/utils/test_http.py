"""Which URLs may be redirected to: never more than Django lets through."""

from __future__ import annotations

import django.utils.http
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.utils.http import url_has_allowed_host_and_scheme

# https://github.com/django/django/blob/main/tests/utils_tests/test_http.py names what browsers were fooled with.
REFUSED = [
    None,
    "",
    " ",
    "http://example.com",
    "http:///example.com",
    "https://example.com",
    "ftp://example.com",
    r"\\example.com",
    r"\\\example.com",
    r"/\\/example.com",
    r"\\//example.com",
    "/\\example.com",
    "//example.com",
    "///example.com",
    "http:/\\//example.com",
    "http:\\/example.com",
    'javascript:alert("XSS")',
    "\njavascript:alert(x)",
    "\x08//example.com",
    "java\nscript:alert(x)",
    "/\t/example.com",
    "http://otherserver@example.com",
    "http://[2001:cdba:0000:0000:0000:0000:3257:9652/",
    "http://2001:cdba:0000:0000:0000:0000:3257:9652]/",
    "http://testserver:80@example.com",
]
ALLOWED = [
    "/view/?param=http://example.com",
    "/view/?param=//example.com",
    "view/?param=ftp://example.com",
    "https://testserver/",
    "//testserver/",
    "http://testserver/confirm?email=me@example.com",
    "/url%20with%20spaces/",
    "path/http:2222222222",
]


@pytest.mark.parametrize("url", REFUSED)
def test_what_could_lead_elsewhere_is_refused(url: str | None) -> None:
    assert not url_has_allowed_host_and_scheme(url, {"testserver", "testserver2"})


@pytest.mark.parametrize("url", ALLOWED)
def test_what_stays_here_is_allowed(url: str) -> None:
    assert url_has_allowed_host_and_scheme(url, "testserver")


def test_https_may_be_required() -> None:
    assert not url_has_allowed_host_and_scheme("http://testserver/", "testserver", require_https=True)
    assert url_has_allowed_host_and_scheme("https://testserver/", "testserver", require_https=True)
    assert url_has_allowed_host_and_scheme("/path", None, require_https=True)


@given(st.lists(st.sampled_from([*"/\\:@[]?#.%\t\n\0 a", "http", "https:", "testserver", "evil", "\u2100", "\u202e"])))
def test_nothing_is_allowed_that_django_refuses(parts: list[str]) -> None:
    url = "".join(parts)
    ours = url_has_allowed_host_and_scheme(url, "testserver")
    theirs = django.utils.http.url_has_allowed_host_and_scheme(url, "testserver")
    assert not ours or theirs
    if not any(ord(letter) < 32 for letter in url):
        assert ours == theirs
