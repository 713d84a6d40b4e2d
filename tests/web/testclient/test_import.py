from __future__ import annotations

import subprocess
import sys

import pytest


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_without_an_http_client_the_error_says_how_to_get_one() -> None:
    done = run("import sys; sys.modules['httpx2'] = sys.modules['httpx'] = None; import vivace.web.testclient")
    assert done.returncode == 1
    assert "RuntimeError: vivace.web.testclient is built on httpx2 (httpx will do as well)" in done.stderr
    assert "pip install httpx2" in done.stderr


@pytest.mark.parametrize(("missing", "used"), [("httpx", "httpx2"), ("httpx2", "httpx")])
def test_either_of_the_two_http_clients_will_do(missing: str, used: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
import {used} as httpx
from vivace.web import Application, PlainTextResponse, Route
from vivace.web.testclient import TestClient
with TestClient(Application(routes=[Route("/", PlainTextResponse("Hello"))])) as client:
    assert isinstance(client, httpx.Client)
    response = client.get("/")
    assert isinstance(response, httpx.Response)
    assert response.text == "Hello"
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_the_toolkit_itself_imports_no_http_client() -> None:
    assert run("import sys, vivace.web; assert not {'httpx', 'httpx2'} & set(sys.modules)").returncode == 0
