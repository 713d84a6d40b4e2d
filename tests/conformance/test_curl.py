"""curl: HTTP/1.1, HTTP/2 by prior knowledge and by ALPN; uploads, 100-continue, trailers, early hints, keep-alive."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import Live

VERSIONS = {"1.1": "--http1.1", "2": "--http2-prior-knowledge"}


def curl(live: Live, *arguments: str, path: str = "/", data: bytes | None = None) -> tuple[str, bytes]:
    """What curl tells of the exchange (`-v`), and the body."""
    command = ["curl", "--silent", "--show-error", "--verbose", "--max-time", "20", *arguments, live.url + path]
    if live.ca_file is not None:
        command += ["--cacert", str(live.ca_file)]
    done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=30)
    told = done.stderr.decode("utf-8", "replace")
    assert done.returncode == 0, told
    return told, done.stdout


def asked(live: Live, *arguments: str, data: bytes | None = None) -> dict[str, Any]:
    """How the application saw the request."""
    facts = json.loads(curl(live, *arguments, path="/request", data=data)[1])
    assert isinstance(facts, dict)
    return facts


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_request_is_answered(either: Live, version: str) -> None:
    told, body = curl(either, VERSIONS[version])
    assert body == b"Hello, world!\n"
    assert f"HTTP/{version} 200" in told
    assert asked(either, VERSIONS[version])["http_version"] == version


def test_alpn_chooses_http_2(secure: Live) -> None:
    told, _ = curl(secure)
    assert "HTTP/2 200" in told
    assert asked(secure, "--http1.1")["http_version"] == "1.1"
    assert asked(secure, "--no-alpn")["http_version"] == "1.1"


def test_http_1_0(either: Live) -> None:
    told, body = curl(either, "--http1.0", path="/stream/3")
    assert "HTTP/1.1 200" in told
    assert body == b"line 0\nline 1\nline 2\n"


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_uploads_arrive_whole(either: Live, version: str, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    facts = asked(either, VERSIONS[version], "--data-binary", "@-", data=data)
    assert (facts["method"], facts["size"]) == ("POST", size)
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()


def test_chunked_uploads(either: Live) -> None:
    facts = asked(either, "--http1.1", "-T", "-", data=b"abc" * 100_000)
    assert (facts["method"], facts["size"]) == ("PUT", 300_000)
    assert ["transfer-encoding", "chunked"] in facts["headers"]


def test_100_continue_comes_when_the_body_is_wanted(either: Live, version: str) -> None:
    expects = ("-H", "Expect: 100-continue", "--expect100-timeout", "10", "--data-binary", "@-")
    told, body = curl(either, VERSIONS[version], *expects, path="/request", data=b"a" * 10)
    assert json.loads(body)["size"] == 10
    assert f"HTTP/{version} 100" in told


def test_100_continue_does_not_come_when_it_is_not(either: Live) -> None:
    expects = ("-H", "Expect: 100-continue", "--expect100-timeout", "10", "--data-binary", "@-")
    told, body = curl(either, "--http1.1", *expects, path="/early", data=b"a" * 10)
    assert body == b"early\n"
    assert " 100 " not in told


def test_trailers_and_early_hints(either: Live, version: str) -> None:
    _, body = curl(either, VERSIONS[version], "-H", "TE: trailers", "--include", path="/trailers")
    assert body.splitlines()[-2:] == [b"body", b"x-sum: 4711"]
    told, body = curl(either, VERSIONS[version], path="/hints")
    assert body == b"hinted\n"
    assert f"HTTP/{version} 103" in told


def test_head_and_what_is_not_there(either: Live, version: str) -> None:
    told, body = curl(either, VERSIONS[version], "--head", path="/many/1000")
    assert "content-length: 1000" in told.lower()
    assert body.count(b"\r\n") > 2
    assert f"HTTP/{version} 404" in curl(either, VERSIONS[version], path="/nowhere")[0]


def test_downloads_arrive_whole(either: Live, version: str, tmp_path: Path) -> None:
    assert curl(either, VERSIONS[version], path="/many/5000000")[1] == bytes(5_000_000)
    assert curl(either, VERSIONS[version], path="/stream/50")[1].count(b"\n") == 50


def test_connections_are_kept(either: Live, version: str) -> None:
    if version == "2" and either.tls is None:
        pytest.skip("curl 7.88 cannot use an HTTP/2 connection of prior knowledge twice, with nghttpd neither")
    told, body = curl(either, VERSIONS[version], either.url + "/", either.url + "/stream/2")
    assert told.count("Connected to") == 1
    assert body.count(b"Hello, world!\n") == 2


def test_nothing_is_left(either: Live) -> None:
    either.settles()
