"""nghttp and h2load: requests together, uploads, priorities, small windows; every answer is a good one."""

from __future__ import annotations

import re
import subprocess

import pytest
from tests.conformance.conftest import Live


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def nghttp(live: Live, *arguments: str) -> str:
    return run("nghttp", "--no-verify-peer", "--verbose", *arguments)


def test_a_request_is_answered(either: Live) -> None:
    told = nghttp(either, either.url + "/")
    assert ":status: 200" in told
    assert "Hello, world!" in told
    assert "ENABLE_CONNECT_PROTOCOL" in told or "SETTINGS" in told


def test_many_requests_at_once(either: Live) -> None:
    told = nghttp(either, "--null-out", "--multiply=60", either.url + "/many/30000", either.url + "/stream/3")
    assert told.count(":status: 200") == 120


def test_small_windows(either: Live) -> None:
    told = nghttp(either, "--null-out", "--window-bits=10", "--connection-window-bits=12", either.url + "/many/200000")
    assert ":status: 200" in told
    assert sum(int(size) for size in re.findall(r"recv DATA frame <length=(\d+)", told)) == 200_000


def test_uploads_with_continuation_and_padding(either: Live, tmp_path: object) -> None:
    told = nghttp(either, "--continuation", "--padding=200", "--data=/proc/self/exe", either.url + "/request")
    assert '"http_version": "2"' in told


def test_trailers(either: Live) -> None:
    told = nghttp(either, "--data=/etc/hostname", "--trailer=x-sum: 1", either.url + "/request")
    assert '"trailers": [["x-sum", "1"]]' in told
    assert "x-sum: 4711" in nghttp(either, either.url + "/trailers")


@pytest.mark.parametrize("path", ["/", "/many/100000", "/stream/2"])
def test_h2load_gets_only_good_answers(either: Live, path: str) -> None:
    told = run("h2load", "-n", "4000", "-c", "8", "-m", "32", either.url + path)
    assert "4000 succeeded, 0 failed, 0 errored, 0 timeout" in told
    assert "status codes: 4000 2xx, 0 3xx, 0 4xx, 0 5xx" in told


def test_h2load_over_http_1(either: Live) -> None:
    told = run("h2load", "--h1", "-n", "4000", "-c", "8", either.url + "/")
    assert "status codes: 4000 2xx, 0 3xx, 0 4xx, 0 5xx" in told


def test_nothing_is_left(either: Live) -> None:
    either.settles()
