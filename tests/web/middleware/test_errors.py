from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

import pytest

from vivace.web.applications import Application
from vivace.web.middleware.errors import ServerErrorMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        raise KeyError("<script>alert(1)</script>")
    except KeyError as cause:
        raise RuntimeError("it & went <b>wrong</b>") from cause


async def fetch(accept: str = "*/*", **options: Any) -> Any:
    client = AsyncTestClient(ServerErrorMiddleware(failing, **options), raise_server_exceptions=False)
    return await client.get("/", headers={"accept": accept})


async def test_a_visitor_sees_plain_500() -> None:
    response = await fetch("text/html")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


async def test_a_developer_sees_the_traceback_as_text() -> None:
    response = await fetch(debug=True)
    assert response.headers["content-type"].startswith("text/plain")
    assert "RuntimeError: it & went <b>wrong</b>" in response.text
    assert "test_errors.py" in response.text


async def test_a_browser_gets_a_page_with_everything_escaped_and_no_script() -> None:
    response = await fetch("text/html,*/*", debug=True)
    page = response.text
    assert "RuntimeError: it &amp; went &lt;b&gt;wrong&lt;/b&gt;" in page
    assert "This came from:" in page
    assert "<script" not in page
    assert "alert(1)" in page
    assert page.count("<details open>") == 1
    assert "raise RuntimeError(" in page


async def test_the_page_opens_at_the_developer_s_own_code() -> None:
    async def view(scope: Scope, receive: Receive, send: Send) -> None:
        json.loads("{")

    client = AsyncTestClient(ServerErrorMiddleware(view, debug=True), raise_server_exceptions=False)
    page = (await client.get("/", headers={"accept": "text/html"})).text
    opened = page.partition("<details open>")[2].partition("</details>")[0]
    assert "in <b>view</b>" in opened
    assert "in <b>raw_decode</b>" in page


async def test_the_page_allows_itself_nothing_but_its_style() -> None:
    response = await fetch("text/html", debug=True)
    style = re.search(r"<style>(.*?)</style>", response.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = response.headers["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


async def test_a_handler_answers_in_its_own_way() -> None:
    async def sorry(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"sorry, {exc}", status_code=500)

    assert (await fetch(handler=sorry)).text == "sorry, it & went <b>wrong</b>"


async def test_what_fails_after_the_response_began_is_only_raised() -> None:
    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("sent")(scope, receive, send)
        raise RuntimeError("late")

    with pytest.raises(RuntimeError, match="late"):
        await AsyncTestClient(ServerErrorMiddleware(late)).get("/")
    quiet = AsyncTestClient(ServerErrorMiddleware(late), raise_server_exceptions=False)
    assert (await quiet.get("/")).text == "sent"


async def test_websockets_and_lifespans_pass() -> None:
    async with AsyncTestClient(ServerErrorMiddleware(Application())) as client:
        assert (await client.get("/")).status_code == 404
