from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivace.web.datastructures import URL, Address, URLPath


def scope(**changes: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "scheme": "https",
        "server": ("example.org", 443),
        "path": "/path/to",
        "query_string": b"a=1&b=2",
        "headers": [],
        **changes,
    }


def test_a_url_is_taken_apart_when_asked() -> None:
    url = URL("https://ann:secret@example.org:8443/path/to;x?a=1#part")
    assert (url.scheme, url.netloc, url.path) == ("https", "ann:secret@example.org:8443", "/path/to;x")
    assert (url.query, url.fragment) == ("a=1", "part")
    assert (url.username, url.password, url.hostname, url.port) == ("ann", "secret", "example.org", 8443)
    assert url.is_secure
    assert not URL("ws://example.org/").is_secure


def test_replace_returns_another_url() -> None:
    url = URL("https://example.org:123/path?a=1#f")
    assert url.replace(scheme="http") == "http://example.org:123/path?a=1#f"
    assert url.replace(port=None) == "https://example.org/path?a=1#f"
    assert url.replace(hostname="example.com") == "https://example.com:123/path?a=1#f"
    assert url.replace(username="ann", password="x") == "https://ann:x@example.org:123/path?a=1#f"
    assert url.replace(username="ann") == "https://ann@example.org:123/path?a=1#f"
    assert url.replace(path="/", query="", fragment="") == "https://example.org:123/"
    assert url == "https://example.org:123/path?a=1#f"


@pytest.mark.parametrize(
    ("hostname", "netloc"),
    [("::1", "[::1]:80"), ("[::1]", "[::1]:80"), ("fe80::1:2", "[fe80::1:2]:80"), ("not:ipv6", "not:ipv6:80")],
)
def test_an_ipv6_host_gets_its_brackets(hostname: str, netloc: str) -> None:
    assert URL("http://example.org:80/").replace(hostname=hostname) == f"http://{netloc}/"


def test_the_port_of_an_ipv6_url_can_be_replaced() -> None:
    assert URL("https://[fe80::1]/").replace(port=123) == "https://[fe80::1]:123/"
    assert URL("https://u:p@[fe80::1]:9/").replace(port=None) == "https://u:p@[fe80::1]/"


def test_query_parameters_are_included_replaced_and_removed() -> None:
    url = URL("https://example.org/path?a=1&b=x%20y&a=2")
    assert url.include_query_params(a=3, c="ü") == "https://example.org/path?b=x+y&a=3&c=%C3%BC"
    assert url.replace_query_params(order="name") == "https://example.org/path?order=name"
    assert url.remove_query_params("a") == "https://example.org/path?b=x+y"
    assert url.remove_query_params(["a", "b"]) == "https://example.org/path"


def test_equal_urls_and_their_text_have_one_hash() -> None:
    assert {URL("/a"), URL("/a")} == {URL("/a")}
    assert hash(URL("/a")) == hash("/a")
    assert URL("/a") != URL("/b")


def test_the_password_is_not_shown() -> None:
    assert repr(URL("https://ann:secret@example.org/")) == "URL('https://ann:********@example.org/')"
    assert repr(URL("https://example.org/")) == "URL('https://example.org/')"


def test_only_one_source_is_taken() -> None:
    for arguments in ({"url": "/", "scope": scope()}, {"url": "/", "path": "/"}, {"scope": scope(), "path": "/"}):
        with pytest.raises(TypeError, match="only one of"):
            URL(**arguments)


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "https://example.org/path/to?a=1&b=2"),
        ({"server": ("example.org", 123)}, "https://example.org:123/path/to?a=1&b=2"),
        ({"server": ("::1", 443)}, "https://[::1]/path/to?a=1&b=2"),
        ({"server": None}, "/path/to?a=1&b=2"),
        ({"server": ("/run/site.sock", None)}, "/path/to?a=1&b=2"),
        ({"server": None, "query_string": b""}, "/path/to"),
        ({"server": None, "path": "//evil.example/x", "query_string": b""}, "/%2Fevil.example/x"),
        ({"path": "//evil.example/x", "query_string": b""}, "https://example.org//evil.example/x"),
        ({"headers": [(b"x", b""), (b"host", b"other.example:8000")]}, "https://other.example:8000/path/to?a=1&b=2"),
        ({"headers": [(b"host", b"[::1]:8000")]}, "https://[::1]:8000/path/to?a=1&b=2"),
        # What is no host is not believed.
        ({"headers": [(b"host", b"a/b?c")]}, "https://example.org/path/to?a=1&b=2"),
        ({"headers": [(b"host", b"user@a.example")]}, "https://example.org/path/to?a=1&b=2"),
        ({"headers": [(b"host", b"a.example:99999")]}, "https://example.org/path/to?a=1&b=2"),
        ({"headers": [(b"host", b"[::g]")]}, "https://example.org/path/to?a=1&b=2"),
        ({"headers": [(b"host", b"[:::]")]}, "https://example.org/path/to?a=1&b=2"),
        ({"path": "/a?b#c\\d"}, "https://example.org/a%3Fb%23c%5Cd?a=1&b=2"),
        ({"query_string": b"q=\xff"}, "https://example.org/path/to?q=%FF"),
        ({"scheme": "wss"}, "wss://example.org/path/to?a=1&b=2"),
        ({"scheme": "gopher"}, "gopher://example.org:443/path/to?a=1&b=2"),
    ],
)
def test_the_url_of_a_scope(changes: dict[str, Any], url: str) -> None:
    assert URL(scope=scope(**changes)) == url


@given(path=st.text(), query=st.binary(), host=st.binary(), name=st.sampled_from(["http", "ws", "x"]))
def test_whatever_a_client_sends_is_a_url(path: str, query: bytes, host: bytes, name: str) -> None:
    url = URL(scope=scope(path="/" + path, query_string=query, headers=[(b"host", host)], scheme=name))
    for component in ("scheme", "netloc", "path", "query", "fragment", "hostname", "port", "username"):
        getattr(url, component)
    assert url.include_query_params(x="1").query.endswith("x=1")


def test_a_url_path_becomes_absolute() -> None:
    assert URLPath("/a").make_absolute_url("http://example.org/app/") == "http://example.org/app/a"
    assert URLPath("/a", protocol="websocket").make_absolute_url(URL("https://example.org")) == "wss://example.org/a"
    assert URLPath("/a", protocol="http").make_absolute_url("wss://example.org") == "https://example.org/a"
    assert URLPath("/a", host="api.example.org").make_absolute_url("https://example.org") == "https://api.example.org/a"


def test_a_url_path_is_never_taken_for_a_host() -> None:
    assert URLPath("//evil.example") == "/%2Fevil.example"
    assert URLPath("/\\evil.example") == "/%5Cevil.example"


def test_a_url_path_has_a_known_protocol() -> None:
    with pytest.raises(ValueError, match="ftp"):
        URLPath("/", protocol="ftp")  # type: ignore[arg-type]


def test_urls_and_addresses_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(URL("/a"))) == "/a"
    assert Address("::1", 80) == ("::1", 80)
