"""The same requests put to Django's CSRF protection and to ours: one lets pass what the other does."""

from __future__ import annotations

import itertools
from typing import Any

import django.conf
import pytest
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import RequestFactory, override_settings

from vivace.web.middleware.csrf import CSRFMiddleware
from vivace.web.responses import PlainTextResponse
from vivace.web.testclient import AsyncTestClient

if not django.conf.settings.configured:
    django.conf.settings.configure(USE_TZ=True, TIME_ZONE="UTC")

TRUSTED = ["https://shop.example", "https://*.wild.example", "http://localhost:3000"]
ORIGINS = [
    *(None, "null", "http://site.example", "https://site.example", "https://site.example:8443", "https://evil.example"),
    *("https://shop.example", "http://shop.example", "https://a.wild.example", "https://wild.example"),
    *("https://evilwild.example", "http://localhost:3000", "http://localhost"),
]
REFERERS = [
    *(None, "https://site.example/form", "http://site.example/form", "https://evil.example/https://site.example/"),
    *("https://shop.example/", "https://a.wild.example/x", "https://site.example@evil.example/", "site.example"),
    "https://[bad/",
]
# Of both frameworks' making: 32 characters.
SECRET, OTHER = "0123456789abcdef" * 2, "f" * 32


def refused(request: Any, reason: str = "") -> HttpResponse:
    return HttpResponse(reason, status=403)


def django_lets_pass(method: str, scheme: str, headers: dict[str, str]) -> bool:
    make = getattr(RequestFactory(), method.lower())
    extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    request = make("/", secure=scheme == "https", **extra)
    cookie = headers.get("cookie")
    if cookie:
        request.COOKIES["csrftoken"] = cookie.partition("=")[2]
    with override_settings(
        ALLOWED_HOSTS=["site.example"], CSRF_TRUSTED_ORIGINS=TRUSTED, CSRF_FAILURE_VIEW=refused, USE_I18N=False
    ):
        middleware = CsrfViewMiddleware(lambda request: HttpResponse())
        middleware.process_request(request)
        return middleware.process_view(request, lambda request: HttpResponse(), (), {}) is None


async def vivace_lets_pass(method: str, scheme: str, headers: dict[str, str]) -> bool:
    app = CSRFMiddleware(PlainTextResponse("in"), trusted_origins=TRUSTED)
    client = AsyncTestClient(app, base_url=f"{scheme}://site.example")
    return (await client.request(method, "/", headers=headers)).status_code == 200


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_origins_and_referers_are_judged_alike(scheme: str) -> None:
    for origin, referer in itertools.product(ORIGINS, REFERERS):
        headers = {"host": "site.example", "cookie": f"csrftoken={SECRET}", "x-csrftoken": SECRET}
        headers |= {name: value for name, value in (("origin", origin), ("referer", referer)) if value is not None}
        expected = django_lets_pass("POST", scheme, headers)
        assert await vivace_lets_pass("POST", scheme, headers) is expected, headers


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE"])
async def test_tokens_are_judged_alike(method: str) -> None:
    for cookie, token in itertools.product([None, SECRET, "short", ""], [None, SECRET, OTHER, "short", ""]):
        headers = {"host": "site.example"}
        if cookie is not None:
            headers["cookie"] = f"csrftoken={cookie}"
        if token is not None:
            headers["x-csrftoken"] = token
        expected = django_lets_pass(method, "http", headers)
        assert await vivace_lets_pass(method, "http", headers) is expected, headers
