"""One text that declares views, run with `rest_framework` and with `vivace.rest`, and one request to each of the two.

The text is written for Vivace. For DRF, `async` and `await` are taken out of it. `route(path, view, name)` is all that
differs, and is given to the text.
"""

from __future__ import annotations

import base64
import importlib
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from vivace.rest.settings import using
from vivace.web.applications import Application
from vivace.web.routing import Mount, Route
from vivace.web.testclient import AsyncTestClient

MODULES = [
    "authentication",
    "decorators",
    "exceptions",
    "generics",
    "mixins",
    "negotiation",
    "pagination",
    "parsers",
    "permissions",
    "renderers",
    "serializers",
    "throttling",
    "versioning",
    "views",
    "viewsets",
    "routers",
    "metadata",
    "filters",
]


@dataclass(frozen=True)
class Ask:
    """A request."""

    method: str
    path: str
    body: bytes = b""
    type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        shown = " ".join(f"{name}={value}" for name, value in self.headers.items())
        return f"{self.method} {self.path} {self.type or ''} {self.body!r} {shown}"


class User:
    """Somebody."""

    is_authenticated = True
    is_active = True

    def __init__(self, pk: int, username: str, *, is_staff: bool = False) -> None:
        self.pk, self.id, self.username, self.is_staff = pk, pk, username, is_staff


def basic(user: str, password: str) -> str:
    """The Authorization header of a name and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def run(text: str, package: str, route: Callable[..., None]) -> None:
    """Runs the text with the modules of `package` by their names."""
    names: dict[str, Any] = {name: importlib.import_module(f"{package}.{name}") for name in MODULES}
    names["Response"] = importlib.import_module(f"{package}.response").Response
    names["reverse"] = importlib.import_module(f"{package}.reverse").reverse
    names |= {"route": route, "User": User, "NS": SimpleNamespace, "__name__": f"{package}_site"}
    exec(compile(text, "<site>", "exec", dont_inherit=True), names)


class OurSite:
    """The text as routes of Vivace."""

    def __init__(self, text: str, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        routes: list[Any] = []

        def route(path: str, view: Any, name: str | None = None, within: str | None = None) -> None:
            if isinstance(view, list):
                routes.append(Mount(path.rstrip("/"), routes=view))
                return
            made = Route(re.sub(r"<(?:(\w+):)?(\w+)>", _parameter, path), view, name=name)
            routes.append(made if within is None else Mount(f"/{within}", routes=[made], name=within))

        with using(settings):
            run(text, "vivace.rest", route)
        self.app = Application(routes=routes)

    async def answer(self, ask: Ask) -> tuple[int, Any, dict[str, str | None]]:
        """Status, body and the headers that are compared."""
        with using(self.settings):
            async with AsyncTestClient(self.app, follow_redirects=False) as client:
                headers = dict(ask.headers) | ({"content-type": ask.type} if ask.type else {})
                response = await client.request(ask.method, ask.path, content=ask.body, headers=headers)
        return told(response.status_code, response.headers, response.content)


def _parameter(found: re.Match[str]) -> str:
    return f"{{{found[2]}:{found[1]}}}" if found[1] else f"{{{found[2]}}}"


class TheirSite:
    """The text as URL patterns of Django."""

    def __init__(self, text: str, settings: Mapping[str, Any]) -> None:
        from django.test import override_settings
        from django.urls import include, path

        self.settings = {**settings, "UNAUTHENTICATED_USER": "tests.parity.rest.views.both.Nobody"}
        urlconf: Any = types.ModuleType("parity_urls")
        urlconf.urlpatterns = []

        def route(where: str, view: Any, name: str | None = None, within: str | None = None) -> None:
            if isinstance(view, list):
                urlconf.urlpatterns.append(path(where.lstrip("/"), include(view)))
            elif within is None:
                urlconf.urlpatterns.append(path(where.lstrip("/"), view, name=name))
            else:
                below = [path(where.lstrip("/"), view, name=name)]
                urlconf.urlpatterns.append(path(f"{within}/", include((below, within), namespace=within)))

        self.override = override_settings(
            ROOT_URLCONF=urlconf, REST_FRAMEWORK=self.settings, ALLOWED_HOSTS=["*"], CACHES=_CACHES
        )
        with self.override:
            text = re.sub(r"\basync |\bawait ", "", text)
            run(text, "rest_framework", route)

    def answer(self, ask: Ask) -> tuple[int, Any, dict[str, str | None]]:
        """Status, body and the headers that are compared."""
        from django.test import Client

        with self.override:
            client = Client(raise_request_exception=True)
            headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in ask.headers.items()}
            response = client.generic(
                ask.method, ask.path, ask.body, ask.type or "", **{"SERVER_NAME": "testserver", **headers}
            )
        return told(response.status_code, response.headers, response.content)


_CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "parity-views"}}


class Nobody:
    """Who asks without credentials; Django's own needs its models."""

    pk = id = None
    username = ""
    is_authenticated = False
    is_active = is_staff = False


def told(status: int, headers: Mapping[str, str], content: bytes) -> tuple[int, Any, dict[str, str | None]]:
    """What of a response must be the same."""
    import json

    kind = (headers.get("content-type") or "").partition(";")[0]
    body: Any = content.decode()
    if kind == "application/json" and content:
        body = json.loads(content)
    elif status == 404 and kind != "application/json":
        body = "not found by the router"
        kind = ""
    names = ("WWW-Authenticate", "Retry-After", "Location")
    allow = headers.get("allow")
    methods = ", ".join(sorted({"HEAD", *re.split(", ", allow)} - {""})) if allow and status == 405 else None
    return status, body, {"type": kind if content else "", "allow": methods, **{n: headers.get(n) for n in names}}
