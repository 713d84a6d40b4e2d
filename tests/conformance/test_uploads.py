"""Large forms from curl and from chromium, over HTTP/1.1 and HTTP/2: the server's memory stays as it was, and a client
whose upload is refused before it is read sees why.
"""

from __future__ import annotations

import json
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import SOON, Live, Serve
from tests.conformance.test_chromium import Browser, browser  # noqa: F401 (a fixture)

MIB = 1024 * 1024
VERSIONS = {"1.1": "--http1.1", "2": "--http2-prior-knowledge"}


@pytest.fixture(scope="module", params=["clear", "tls"])
def roomy(request: pytest.FixtureRequest, serve: Serve) -> Iterator[Live]:
    """Servers that take large bodies."""
    with serve(tls=request.param == "tls", max_body_size=1024 * MIB, **SOON) as live:
        yield live


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return VERSIONS[str(request.param)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 200 MiB that takes no room on disk."""
    path = tmp_path_factory.mktemp("uploads") / "large.bin"
    with path.open("wb") as file:
        file.truncate(200 * MIB)
    return path


def curl(live: Live, path: str, *arguments: str) -> tuple[int, int, Any]:
    """curl's exit status, the status of the response and its JSON."""
    told = ("--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}")
    trust = () if live.ca_file is None else ("--cacert", str(live.ca_file))
    command = ["curl", *told, *trust, *arguments, live.url + path]
    done = subprocess.run(command, capture_output=True, check=False, timeout=90, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return done.returncode, int(status), json.loads(body) if body.startswith(("[", "{")) else body


def peak(live: Live) -> int:
    """The most memory the server has had since this was asked last, in MiB."""
    return int(json.loads(live.get("/forms/peak"))) // 1024


@pytest.mark.parametrize("kind", ["stream", "save", "parsed"])
def test_a_large_upload_takes_no_memory(roomy: Live, version: str, kind: str, large: Path) -> None:
    small = ("-F", "file=@-;filename=small.bin", "-F", "text=x")
    warmed = subprocess.run(
        ["curl", "-sk", version, *small, f"{roomy.url}/forms/{kind}"], input=bytes(3 * MIB), check=True, timeout=90
    )
    assert warmed.returncode == 0
    peak(roomy)
    before = peak(roomy)
    form = ("-F", "text=ü", "-F", f"file=@{large};type=image/png")
    status, code, found = curl(roomy, f"/forms/{kind}", version, *form)
    assert (status, code) == (0, 200)
    if kind == "stream":
        checksum = 0
        for _ in range(200):
            checksum = zlib.crc32(bytes(MIB), checksum)
        assert found[1] == ["file", "large.bin", 200 * MIB, checksum]
    elif kind == "save":
        assert found == [2, 200 * MIB]
    else:
        assert found == [["text", "ü"], ["file", ["large.bin", "image/png", 200 * MIB]]]
    grown = peak(roomy) - before
    assert grown < 24, f"memory grew by {grown} MiB"


@pytest.mark.parametrize(("path", "code"), [("/forms/denied", 401), ("/forms/limited", 413)])
def test_an_upload_that_is_refused_early_ends_cleanly(roomy: Live, path: str, code: int, large: Path) -> None:
    for header in ("Expect:", "Expect: 100-continue", "Transfer-Encoding: chunked"):
        assert curl(roomy, path, "--http1.1", "-H", header, "-F", f"file=@{large}")[:2] == (0, code)
    # Not curl: 7.88, Debian's, takes the end of its upload (RFC 9113 8.1: RST_STREAM with NO_ERROR) for a failure.
    headers = ("-H", "content-type: multipart/form-data; boundary=b")
    command = ("nghttp", "--verbose", "--no-verify-peer", *headers, "--data", str(large), roomy.url + path)
    told = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    assert b":status: %d" % code in told
    assert b"error_code=NO_ERROR" in told


def test_a_client_that_leaves_in_the_middle_leaves_nothing(roomy: Live, version: str, large: Path) -> None:
    for kind in ("stream", "save", "parsed"):
        status, _, _ = curl(
            roomy, f"/forms/{kind}", version, "-F", f"file=@{large}", "--limit-rate", "4M", "--max-time", "0.5"
        )
        assert status == 28
    roomy.settles()


def test_a_browser_uploads(browser: Browser, roomy: Live) -> None:  # noqa: F811 (the fixture)
    found = browser.results(roomy.url + "/forms/page")
    name = "a%22b 画.bin"
    zeros = zlib.crc32(bytes(3_000_000))
    assert found == {
        "streamed": [
            ["text", None, 2, zlib.crc32("ü".encode())],
            ["file", name, 3_000_000, zeros],
            ["none", "", 0, 0],
        ],
        "parsed": [
            ["text", "ü"],
            ["file", [name, "image/png", 3_000_000]],
            ["none", ["", "application/octet-stream", 0]],
        ],
        "urlencoded": [["text", "ü &="]],
        "denied": 401,
        "limited": 413,
    }


def test_nothing_is_left(roomy: Live) -> None:
    roomy.settles()
