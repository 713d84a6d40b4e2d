"""Addresses as they are written, and what is said to every other way."""

from __future__ import annotations

import re
import sys

import pytest

from vivace.server.binds import LONGEST_PATH, Bind, DescriptorBind, SystemdBind, TCPBind, UnixBind, parse_bind


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("127.0.0.1:8000", TCPBind("127.0.0.1", 8000)),
        ("[::1]:8000", TCPBind("::1", 8000)),
        ("[fe80::1%eth0]:80", TCPBind("fe80::1%eth0", 80)),
        (":8000", TCPBind("", 8000)),
        ("localhost:0", TCPBind("localhost", 0)),
        ("unix:/run/x.sock", UnixBind("/run/x.sock")),
        ("unix:x.sock", UnixBind("x.sock")),
        ("unix:./@x", UnixBind("./@x")),
        ("unix:a b:c.sock", UnixBind("a b:c.sock")),
        ("fd://3", DescriptorBind(3)),
        ("systemd", SystemdBind()),
        ("systemd:https", SystemdBind("https")),
    ],
)
def test_every_form_is_understood_and_written_again(text: str, bind: Bind) -> None:
    assert parse_bind(text) == bind
    assert str(bind) == text


def test_three_slashes_begin_a_path_as_elsewhere() -> None:
    assert parse_bind("unix:///run/x.sock") == UnixBind("/run/x.sock")


@pytest.mark.skipif(sys.platform != "linux", reason="the abstract namespace is Linux's")
def test_a_name_in_the_abstract_namespace_begins_with_an_at() -> None:
    assert parse_bind("unix:@site") == UnixBind("site", abstract=True)
    assert str(parse_bind("unix:@site")) == "unix:@site"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "is not an address; write 127.0.0.1:8000, "),
        (" :8000", "is not an address"),
        ("a\n:8000", "is not an address"),
        ("8000", '"8000" has no host: write 127.0.0.1:8000 for this machine alone, or :8000 for everybody'),
        ("127.0.0.1", '"127.0.0.1" has no port: write 127.0.0.1:8000'),
        ("localhost", "write localhost:8000"),
        ("/run/x.sock", "write unix:/run/x.sock"),
        ("x.sock", "write unix:x.sock"),
        ("::1:8000", "write an IPv6 address in brackets, [::1]:8000"),
        ("[::1]", "write [::1]:8000"),
        ("[::1]8000", "write [::1]:8000"),
        ("[::1:8000", "no IPv6 address in brackets"),
        ("[localhost]:8000", "no IPv6 address in brackets"),
        ("*:8000", "all addresses are written :8000, and all of IPv4 0.0.0.0:8000"),
        ("127.0.0.1:", 'needs a port from 0 to 65535 after the last colon, got ""'),
        ("127.0.0.1:http", 'got "http"'),
        ("127.0.0.1:65536", 'got "65536"'),
        ("127.0.0.1:-1", 'got "-1"'),
        ("127.0.0.1:٣", 'got "٣"'),
        ("127.0.0.1:8000/path", "is a path or a URL"),
        ("http://127.0.0.1:8000", 'without "http://": write 127.0.0.1:8000'),
        ("https://127.0.0.1:443/", "write 127.0.0.1:443 (a certificate makes it https)"),
        ("tcp://127.0.0.1:80", "write 127.0.0.1:80"),
        ("tcp:8000", 'without "tcp:"'),
        ("unix:", "does not name a file"),
        ("unix:@", "does not name a file"),
        ("unix:/run/", "does not name a file"),
        ("unix://run/x.sock", "one or three: write unix:/run/x.sock"),
        ("unix:" + "x" * (LONGEST_PATH + 1), f"has {LONGEST_PATH} bytes at most here"),
        ("fd:3", "is written fd://3"),
        ("fd://", "write fd://3"),
        ("fd://stdin", "write fd://3"),
        ("systemd:", "write systemd for all, or systemd:NAME"),
    ],
)
def test_a_wrong_spelling_is_answered_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        parse_bind(text)
