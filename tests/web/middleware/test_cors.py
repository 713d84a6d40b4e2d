from __future__ import annotations

from typing import Any

import pytest

from vivace.web.applications import Application
from vivace.web.middleware.cors import CORSMiddleware
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio

ORIGIN = "https://site.example"


def app_with(**options: Any) -> Application:
    app = Application()

    @app.get("/")
    async def home(request: Request) -> Response:
        return PlainTextResponse("home", headers={"vary": "Accept"} if "vary" in request.query_params else None)

    app.add_middleware(CORSMiddleware, **options)
    return app


def preflight(origin: str = ORIGIN, method: str = "GET", **more: str) -> dict[str, str]:
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    return {"origin": origin, "access-control-request-method": method, **headers}


async def test_a_site_that_is_allowed_is_named_and_others_get_nothing() -> None:
    app = app_with(
        allow_origins=[ORIGIN], expose_headers=["x-a", "x-b"], allow_origin_regex=r"https://.*\.other\.example"
    )
    async with AsyncTestClient(app) as client:
        response = await client.get("/", headers={"origin": ORIGIN})
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["access-control-expose-headers"] == "x-a, x-b"
        assert response.headers["vary"] == "Origin"
        response = await client.get("/?vary", headers={"origin": "https://a.other.example"})
        assert response.headers["access-control-allow-origin"] == "https://a.other.example"
        assert response.headers["vary"] == "Accept, Origin"
        for origin in ("https://evil.example", "https://a.other.example.evil.example"):
            response = await client.get("/", headers={"origin": origin})
            assert "access-control-allow-origin" not in response.headers
        response = await client.get("/")
        assert "access-control-allow-origin" not in response.headers
        assert response.headers["vary"] == "Origin"


async def test_all_sites_are_a_star_unless_cookies_come_along() -> None:
    async with AsyncTestClient(app_with(allow_origins=["*"])) as client:
        response = await client.get("/", headers={"origin": ORIGIN})
        assert response.headers["access-control-allow-origin"] == "*"
        response = await client.options("/", headers=preflight())
        assert response.headers["access-control-allow-origin"] == "*"
    async with AsyncTestClient(app_with(allow_origins=["*"], allow_credentials=True)) as client:
        response = await client.get("/", headers={"origin": ORIGIN, "cookie": "a=b"})
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["access-control-allow-credentials"] == "true"
        response = await client.options("/", headers=preflight())
        assert response.headers["access-control-allow-origin"] == ORIGIN
        assert response.headers["access-control-allow-credentials"] == "true"


async def test_a_preflight_is_answered_for_the_application() -> None:
    app = app_with(allow_origins=[ORIGIN], allow_methods=["POST"], allow_headers=["X-Token"], max_age=60)
    async with AsyncTestClient(app) as client:
        response = await client.options(
            "/", headers=preflight(method="POST", access_control_request_headers="x-token, Accept")
        )
        assert (response.status_code, response.text) == (200, "OK")
        assert response.headers["access-control-allow-methods"] == "POST"
        assert response.headers["access-control-max-age"] == "60"
        assert "X-Token" in response.headers["access-control-allow-headers"]
        # Without the question of a preflight, OPTIONS is the application's.
        assert (await client.options("/", headers={"origin": ORIGIN})).status_code == 405


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (preflight(origin="https://evil.example"), "Disallowed CORS origin"),
        (preflight(method="DELETE"), "Disallowed CORS method"),
        (preflight(access_control_request_headers="x-other"), "Disallowed CORS headers"),
        (preflight(access_control_request_private_network="true"), "Disallowed CORS private-network"),
        (
            preflight(origin="null", method="PUT", access_control_request_headers="x"),
            "Disallowed CORS origin, method, headers",
        ),
    ],
)
async def test_a_preflight_for_what_is_not_allowed_says_what(headers: dict[str, str], text: str) -> None:
    async with AsyncTestClient(app_with(allow_origins=[ORIGIN])) as client:
        response = await client.options("/", headers=headers)
        assert (response.status_code, response.text) == (400, text)


async def test_everything_can_be_allowed() -> None:
    app = app_with(allow_origins=["*"], allow_methods=["*"], allow_headers=["*"], allow_private_network=True)
    async with AsyncTestClient(app) as client:
        headers = preflight(
            method="DELETE", access_control_request_headers="x-any", access_control_request_private_network="true"
        )
        response = await client.options("/", headers=headers)
        assert response.status_code == 200
        assert response.headers["access-control-allow-headers"] == "x-any"
        assert response.headers["access-control-allow-private-network"] == "true"
        assert "QUERY" in response.headers["access-control-allow-methods"]


async def test_a_response_that_is_sent_twice_does_not_grow() -> None:
    response = PlainTextResponse("same", headers={"vary": "Accept"})
    before = list(response.raw_headers)
    client = AsyncTestClient(CORSMiddleware(response, allow_origins=[ORIGIN]))
    for _ in range(2):
        assert (await client.get("/", headers={"origin": ORIGIN})).headers["vary"] == "Accept, Origin"
    assert response.raw_headers == before


def test_one_origin_is_a_list_of_one() -> None:
    with pytest.raises(TypeError, match=r"try \['https://site.example'\]"):
        CORSMiddleware(PlainTextResponse("in"), allow_origins=ORIGIN)
