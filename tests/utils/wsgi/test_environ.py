"""The environ: what PEP 3333 asks for, byte for byte."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote

import pytest

from vivace.utils.wsgi.environ import build_environ


def environ_of(**changes: Any) -> dict[str, Any]:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("127.0.0.1", 4321),
        "server": ("127.0.0.2", 8000),
    }
    return build_environ(scope | changes, io.BytesIO())


def test_a_path_that_was_rewritten_is_the_one_that_counts() -> None:
    environ = environ_of(root_path="/root", path="/root/\u5c0f", raw_path=b"/other")
    assert environ["PATH_INFO"] == "/\u5c0f".encode().decode("latin-1")
    # A framework that takes the prefix from the path leaves the raw path as it was.
    assert environ_of(root_path="/root", path="/a b", raw_path=b"/root/a%20b")["PATH_INFO"] == "/a b"


def test_what_a_scope_may_lack_is_made_up() -> None:
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "path": "/a b?", "query_string": b""}
    environ = build_environ(scope, io.BytesIO())
    assert (environ["PATH_INFO"], environ["REQUEST_URI"]) == ("/a b?", "/a%20b%3F")
    assert (environ["wsgi.url_scheme"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("http", "localhost", "80")


def test_it_holds_what_the_pep_asks_for() -> None:
    environ = environ_of()
    assert {key: value for key, value in environ.items() if not key.startswith("wsgi.")} == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "REQUEST_URI": "/",
        "SERVER_NAME": "127.0.0.2",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "4321",
    }
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.multithread"] is True
    assert environ["wsgi.input_terminated"] is True
    assert environ["wsgi.run_once"] is False


@pytest.mark.parametrize(
    ("root_path", "raw_path", "script_name", "path_info"),
    [
        ("", b"/a%20b", "", "/a b"),
        ("", b"/caf%C3%A9", "", "/caf\xc3\xa9"),  # bytes as latin-1, not text
        ("", b"/%FF%2Fa", "", "/\xff/a"),
        ("", b"*", "", "*"),
        ("/root", b"/root/a", "/root", "/a"),
        ("/root", b"/root", "/root", ""),
        ("/root", b"/rooted", "/root", "/rooted"),
        ("/é", b"/%C3%A9/a", "/\xc3\xa9", "/a"),
    ],
)
def test_paths_are_bytes_as_latin1(root_path: str, raw_path: bytes, script_name: str, path_info: str) -> None:
    path = unquote(raw_path.decode())
    environ = environ_of(root_path=root_path, path=path, raw_path=raw_path, query_string=b"q=%20\xe9")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == (script_name, path_info)
    assert environ["QUERY_STRING"] == "q=%20\xe9"
    assert environ["REQUEST_URI"] == raw_path.decode() + "?q=%20\xe9"


def test_headers_are_joined_and_those_that_could_pass_for_others_left_out() -> None:
    headers = [
        (b"host", b"a"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"3"),
        (b"accept", b"x"),
        (b"accept", b"y"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x-user", b"\xe9"),
        (b"x_user", b"root"),
        (b"content_length", b"5"),
    ]
    environ = environ_of(headers=headers)
    added = {key: value for key, value in environ.items() if key.startswith(("HTTP_", "CONTENT_"))}
    assert added == {
        "HTTP_HOST": "a",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "HTTP_ACCEPT": "x,y",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_USER": "\xe9",
    }


def test_names_that_a_socket_does_not_have_are_never_empty() -> None:
    environ = environ_of(server=("/run/site.sock", None), client=None, scheme="https")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", "443")
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"]) == ("", "")
    assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")
    assert environ_of(server=None)["SERVER_PORT"] == "80"
