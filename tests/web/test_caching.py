"""Vary and Cache-Control, as helpers and decorators."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies

from vivace.web.applications import Application
from vivace.web.caching import (
    add_never_cache_headers,
    cache_control,
    never_cache,
    patch_cache_control,
    patch_vary_headers,
    vary_on_cookie,
    vary_on_headers,
)
from vivace.web.endpoints import HTTPEndpoint
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("before", "added", "after"),
    [
        (None, ["Cookie"], "Cookie"),
        ("Accept", ["Cookie", "Accept-Language"], "Accept, Cookie, Accept-Language"),
        ("Cookie, Accept", ["cookie"], "Cookie, Accept"),
        ("", ["Cookie"], "Cookie"),
        ("Cookie", ["*"], "*"),
        ("*", ["Cookie"], "*"),
        ("Cookie", [], "Cookie"),
    ],
)
def test_vary_names_each_header_once(before: str | None, added: list[str], after: str) -> None:
    response = Response(headers=None if before is None else {"Vary": before})
    patch_vary_headers(response, added)
    assert response.headers.getlist("vary") == [after]


def test_several_vary_headers_become_one() -> None:
    response = Response()
    response.headers.append("vary", "a")
    response.headers.append("vary", "b")
    patch_vary_headers(response, ["c"])
    assert response.headers.getlist("vary") == ["a, b, c"]
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        patch_vary_headers(response, ["a\r\nb"])


@pytest.mark.parametrize(
    ("before", "directives", "after"),
    [
        ("", {"max_age": 60, "private": True}, "max-age=60, private"),
        ("max-age=10", {"max_age": 60}, "max-age=10"),
        ("max-age=100", {"max_age": 60}, "max-age=60"),
        ("max-age=soon", {"max_age": 60}, "max-age=60"),
        ("public", {"private": True}, "private"),
        ("private", {"public": True}, "public"),
        ("no-store, public", {"public": False}, "no-store"),
        ("no-store", {"no_store": False}, None),
        ('private="set-cookie, x", max-age=5', {"no_cache": True}, 'private="set-cookie, x", max-age=5, no-cache'),
        ("", {"no_cache": '"set-cookie"'}, 'no-cache="set-cookie"'),
        ("", {"stale_while_revalidate": 30, "immutable": True}, "stale-while-revalidate=30, immutable"),
    ],
)
def test_directives_are_added_to_those_there_are(before: str, directives: dict[str, Any], after: str | None) -> None:
    response = Response(headers={"Cache-Control": before})
    patch_cache_control(response, **directives)
    assert response.headers.get("cache-control") == after


def test_what_is_no_directive_is_refused() -> None:
    with pytest.raises(ValueError, match="no directive"):
        cache_control(**{"max age": 1})
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        patch_cache_control(Response(), no_cache="a\r\nb")


async def test_the_decorators_are_for_every_kind_of_handler() -> None:
    app = Application()

    @app.route("/async")
    @cache_control(max_age=60)
    @vary_on_headers("Accept", "User-Agent")
    async def coroutine(request: Request) -> Response:
        return PlainTextResponse("a")

    @app.route("/plain")
    @never_cache
    def plain(request: Request) -> Response:
        return PlainTextResponse("a")

    @app.route("/class")
    class Endpoint(HTTPEndpoint):
        @vary_on_cookie
        async def get(self, request: Request) -> Response:
            return PlainTextResponse("a")

    async with AsyncTestClient(app) as client:
        headers = (await client.get("/async")).headers
        assert (headers["cache-control"], headers["vary"]) == ("max-age=60", "Accept, User-Agent")
        response = Response()
        add_never_cache_headers(response)
        expected = "max-age=0, no-cache, no-store, must-revalidate, private"
        assert (await client.get("/plain")).headers["cache-control"] == expected == response.headers["cache-control"]
        assert (await client.get("/class")).headers["vary"] == "Cookie"


async def test_a_handler_needs_a_request() -> None:
    @never_cache
    async def handler(request: Any) -> Response:
        return Response()

    with pytest.raises(TypeError, match="was called without a request"):
        await handler("no request")
    assert "no-store" in (await handler(request=Request({"type": "http"}))).headers["cache-control"]


@given(strategies.text(strategies.characters(max_codepoint=255, exclude_characters="\r\n\0")))
def test_no_header_that_is_there_is_an_error(value: str) -> None:
    response = Response(headers={"Cache-Control": value, "Vary": value})
    patch_cache_control(response, max_age=1, private=True)
    patch_vary_headers(response, ["Cookie"])
