from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import jinja2
import pytest
from hypothesis import given, strategies

from vivace.web.applications import Application
from vivace.web.middleware import Middleware
from vivace.web.middleware.security_headers import CSP, CompiledPolicy, Policy, SecurityHeadersMiddleware, get_nonce
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response, StreamingResponse
from vivace.web.routing import Mount, Route
from vivace.web.templating import Jinja2Templates
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio

POLICY: Policy = {"default-src": [CSP.SELF], "script-src": [CSP.SELF, CSP.NONCE], "upgrade-insecure-requests": True}


async def headers_with(response: Any = None, base_url: str = "http://testserver", **options: Any) -> Any:
    """The headers of a response that passed the middleware."""
    app = SecurityHeadersMiddleware(response or PlainTextResponse("in"), **options)
    return (await AsyncTestClient(app, base_url=base_url).get("/")).headers


async def test_a_response_gets_the_headers_that_most_sites_want() -> None:
    headers = await headers_with()
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "content-security-policy" not in headers


async def test_what_the_application_set_is_never_overwritten() -> None:
    own = PlainTextResponse("in", headers={"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": "default-src *"})
    for csp in (POLICY, {"default-src": [CSP.SELF]}):
        headers = await headers_with(own, csp=csp)
        assert headers.get_list("x-frame-options") == ["SAMEORIGIN"]
        assert headers.get_list("content-security-policy") == ["default-src *"]


async def test_a_response_that_is_sent_twice_gets_them_once_each_time() -> None:
    response = PlainTextResponse("in")
    before = list(response.raw_headers)
    await headers_with(response)
    assert response.raw_headers == before


async def test_headers_may_be_left_out_and_added() -> None:
    headers = await headers_with(
        content_type_nosniff=False,
        frame_options=None,
        referrer_policy=None,
        cross_origin_opener_policy=None,
        permissions_policy={"camera": [], "geolocation": ["self", "https://maps.example"]},
        headers={"Cross-Origin-Resource-Policy": "same-site"},
    )
    assert "x-frame-options" not in headers
    assert "x-content-type-options" not in headers
    assert headers["permissions-policy"] == 'camera=(), geolocation=(self "https://maps.example")'
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert (await headers_with(permissions_policy="camera=()"))["permissions-policy"] == "camera=()"


async def test_strict_transport_security_is_said_over_https_only() -> None:
    options: dict[str, Any] = {"hsts_seconds": 3600, "hsts_include_subdomains": True, "hsts_preload": True}
    assert "strict-transport-security" not in await headers_with(**options)
    headers = await headers_with(base_url="https://testserver", **options)
    assert headers["strict-transport-security"] == "max-age=3600; includeSubDomains; preload"
    headers = await headers_with(base_url="https://testserver", hsts_seconds=1)
    assert headers["strict-transport-security"] == "max-age=1"


async def test_the_policy_has_the_nonce_that_was_used_and_another_one_each_time() -> None:
    async def page(request: Request) -> Response:
        assert get_nonce(request) == str(request.state.csp_nonce)
        return PlainTextResponse(f"{request.state.csp_nonce}")

    app = Application(
        routes=[Route("/", page), Mount("/below", routes=[Route("/", page)])],
        middleware=[
            Middleware(SecurityHeadersMiddleware, csp=POLICY, csp_report_only={"img-src": CSP.NONCE + " https:"})
        ],
    )
    nonces = []
    async with AsyncTestClient(app) as client:
        for path in ("/", "/", "/below/"):
            response = await client.get(path)
            nonces.append(response.text)
            assert response.headers["content-security-policy"] == (
                f"default-src 'self'; script-src 'self' 'nonce-{response.text}'; upgrade-insecure-requests"
            )
            assert response.headers["content-security-policy-report-only"] == f"img-src 'nonce-{response.text}' https:"
    assert len(set(nonces)) == 3
    assert all(len(nonce) >= 22 for nonce in nonces)


async def test_a_nonce_that_nobody_asks_for_is_not_made_and_allows_nothing() -> None:
    headers = await headers_with(csp={**POLICY, "style-src": [CSP.NONCE]})
    assert headers["content-security-policy"] == (
        "default-src 'self'; script-src 'self'; upgrade-insecure-requests; style-src 'none'"
    )


async def test_templates_know_the_nonce() -> None:
    templates = Jinja2Templates(env=jinja2.Environment(loader=jinja2.DictLoader({"a": "[{{ csp_nonce }}]"})))

    async def page(request: Request) -> Response:
        own = {"csp_nonce": "mine"} if "own" in request.query_params else None
        return templates.TemplateResponse(request, "a", own)

    app = Application(routes=[Route("/", page)], middleware=[Middleware(SecurityHeadersMiddleware, csp=POLICY)])
    async with AsyncTestClient(app) as client:
        response = await client.get("/")
        assert f"'nonce-{response.text[1:-1]}'" in response.headers["content-security-policy"]
        assert (await client.get("/?own")).text == "[mine]"


async def test_a_nonce_asked_for_too_late_is_an_error() -> None:
    async def late(request: Request) -> AsyncIterator[str]:
        yield "begun"
        yield str(request.state.csp_nonce)

    async def page(request: Request) -> Response:
        return StreamingResponse(late(request))

    app = Application(routes=[Route("/", page)], middleware=[Middleware(SecurityHeadersMiddleware, csp=POLICY)])
    async with AsyncTestClient(app) as client:
        with pytest.raises(RuntimeError, match="before streaming begins"):
            await client.get("/")


async def test_two_layers_share_one_nonce_and_the_inner_policy_counts() -> None:
    async def page(request: Request) -> Response:
        return PlainTextResponse(get_nonce(request))

    inner = Middleware(SecurityHeadersMiddleware, csp={"script-src": [CSP.NONCE]})
    app = Application(
        routes=[Route("/", page, middleware=[inner])],
        middleware=[Middleware(SecurityHeadersMiddleware, csp={"default-src": [CSP.NONCE]})],
    )
    async with AsyncTestClient(app) as client:
        response = await client.get("/")
    assert response.headers.get_list("content-security-policy") == [f"script-src 'nonce-{response.text}'"]


async def test_without_a_policy_that_wants_one_there_is_no_nonce() -> None:
    with pytest.raises(RuntimeError, match=r"needs CSP\.NONCE"):
        get_nonce(Request({"type": "http"}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hsts_seconds": -1}, "zero"),
        ({"csp": {"script-src": ["'self'; img-src *"]}}, "no CSP source"),
        ({"csp": {"script src": ["'self'"]}}, "not the name of a CSP directive"),
        ({"csp": {"script-src": ["a\r\nb"]}}, "no CSP source"),
        ({"permissions_policy": {"camera": "self"}}, "list of origins"),
        ({"permissions_policy": {"camera": ['https://a"b']}}, "no origin"),
        ({"permissions_policy": {"ca mera": []}}, "not the name of a feature"),
        ({"referrer_policy": "a\nb"}, "CR, LF or NUL"),
        ({"headers": {"a b": "c"}}, "not a header name"),
    ],
)
def test_what_would_say_something_else_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SecurityHeadersMiddleware(PlainTextResponse("in"), **options)


def test_a_policy_takes_texts_lists_sets_and_nothing() -> None:
    policy = CompiledPolicy(
        b"c", {"a": "'self' https:", "b": {"y", "x"}, "c": [], "d": None, "e": False, "f": (CSP.NONE,)}
    )
    assert policy.header(None) == (b"c", b"a 'self' https:; b x y; c 'none'; f 'none'")


@given(strategies.dictionaries(strategies.text(), strategies.lists(strategies.text())))
def test_a_policy_is_one_line_of_as_many_directives_as_were_given(policy: dict[str, list[str]]) -> None:
    try:
        text = CompiledPolicy(b"c", policy).header("n")[1].decode()
    except ValueError:
        return
    assert text.isprintable()
    assert len(text.split(";")) == max(1, len(policy))
