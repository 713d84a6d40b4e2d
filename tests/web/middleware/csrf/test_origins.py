from __future__ import annotations

import pytest
from hypothesis import given, strategies

from vivace.web.middleware.csrf.origins import Origins

SITE = "site.example"


def objection(headers: dict[str, str], scheme: str = "https", wants_referer: bool = True) -> str | None:
    fields = {"host": SITE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {"scheme": scheme, "headers": [(name.encode(), value.encode()) for name, value in fields.items()]}
    trusted = ["https://shop.example", "https://*.trusted.example", "http://localhost:3000", "https://port.example:443"]
    return Origins(trusted).objection(scope, wants_referer=wants_referer)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        # Behind a proxy that is not known the origin looks like another: the browser knows better.
        {"sec_fetch_site": "same-origin", "origin": "https://public.example"},
        {"sec_fetch_site": "cross-site", "origin": "https://shop.example"},
        {"sec_fetch_site": "same-site", "origin": "https://a.b.trusted.example"},
        {"origin": "https://trusted.example"},
        {"origin": "https://site.example"},
        {"origin": "https://SITE.example"},
        {"origin": "http://localhost:3000"},
        {"origin": "https://port.example"},
        {"origin": "https://site.example", "host": "site.example:443"},
        {"referer": "https://site.example/form?a=b"},
        {"referer": "https://shop.example/"},
        {"referer": "https://user@site.example:443/"},
    ],
)
def test_our_own_pages_and_trusted_ones_may(headers: dict[str, str]) -> None:
    assert objection(headers) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site", "origin": "https://other.site.example"},
        {"sec_fetch_site": "cross-site", "origin": "https://site.example"},
        {"sec_fetch_site": "nonsense"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://site.example"},
        {"origin": "https://site.example:8443"},
        {"origin": "https://eviltrusted.example"},
        {"origin": "http://a.trusted.example"},
        {"origin": "https://site.example.evil.example"},
        {"referer": "https://evil.example/https://site.example/"},
        {"referer": "http://site.example/"},
        {"referer": "https://site.example@evil.example/"},
        {"referer": "https://[bad/"},
        {"referer": ""},
        {},
    ],
)
def test_others_may_not(headers: dict[str, str]) -> None:
    assert objection(headers) is not None


def test_what_is_no_browser_is_told_by_none_of_the_headers() -> None:
    assert objection({}, wants_referer=False) is None
    assert objection({}, "http") is None
    assert objection({"referer": "https://evil.example/"}, "http") is None
    assert objection({"origin": "https://site.example"}, "wss", wants_referer=False) is None
    assert objection({"origin": "http://site.example"}, "ws", wants_referer=False) is None


def test_a_request_without_host_has_no_origin_of_its_own() -> None:
    scope = {"scheme": "https", "headers": [(b"origin", b"None")]}
    assert Origins([]).objection(scope) is not None


@pytest.mark.parametrize(
    "text", ["example.com", "https://example.com/", "https://*", "*", "ftp://a", "https://a b", ""]
)
def test_what_is_no_origin_cannot_be_trusted(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin"):
        Origins([text])


@given(strategies.text(max_size=50), strategies.sampled_from(["origin", "referer", "sec-fetch-site", "host"]))
def test_no_header_is_an_error(value: str, name: str) -> None:
    fields = {"host": SITE, name: value}
    headers = [(key.encode(), text.encode("latin-1", "replace")) for key, text in fields.items()]
    Origins(["https://*.a.example"]).objection({"scheme": "https", "headers": headers})
