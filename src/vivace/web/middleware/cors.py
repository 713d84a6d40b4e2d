"""Cross-origin requests: which other sites may call this one from a browser (the Fetch standard's CORS protocol)."""

from __future__ import annotations

import re
from collections.abc import Collection

from vivace.web.caching import add_vary
from vivace.web.datastructures import Headers, MutableHeaders
from vivace.web.middleware._start import HeaderList, editing_start
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.types import ASGIApp, Receive, Scope, Send

ALL_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
# What a browser sends without asking first.
SAFELISTED_HEADERS = {"Accept", "Accept-Language", "Content-Language", "Content-Type"}

# What the answer to a preflight depends on, for caches.
_PREFLIGHT_VARY = ", ".join(
    (
        "Origin",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Private-Network",
    )
)


class CORSMiddleware:
    """Answers preflight requests itself and adds the CORS headers to the other responses.

    `"*"` in `allow_origins`, `allow_methods` or `allow_headers` allows all; `allow_origin_regex` has to match an origin
    wholly. With `allow_credentials` the origin is always named, since browsers refuse `*` with cookies.
    """

    def __init__(
        self,
        app: ASGIApp,
        allow_origins: Collection[str] = (),
        allow_methods: Collection[str] = ("GET",),
        allow_headers: Collection[str] = (),
        allow_credentials: bool = False,
        allow_origin_regex: str | None = None,
        allow_private_network: bool = False,
        expose_headers: Collection[str] = (),
        max_age: int = 600,
    ) -> None:
        for value in (allow_origins, allow_methods, allow_headers, expose_headers):
            if isinstance(value, str) and value != "*":  # `in` would find any part of it
                raise TypeError(f"Origins, methods and headers are lists, got {value!r}; try [{value!r}].")
        self.app = app
        self.allow_origins = allow_origins
        self.allow_methods = ALL_METHODS if "*" in allow_methods else allow_methods
        self.allow_all_origins = "*" in allow_origins
        self.allow_all_headers = "*" in allow_headers
        self.allow_credentials = allow_credentials
        self.allow_origin_regex = None if allow_origin_regex is None else re.compile(allow_origin_regex)
        self.allow_private_network = allow_private_network
        # Whether a preflight's answer names the origin that asks, instead of allowing all.
        self.preflight_explicit_allow_origin = not self.allow_all_origins or allow_credentials
        all_headers = sorted(SAFELISTED_HEADERS | set(allow_headers))
        self.allow_headers = [header.lower() for header in all_headers]
        self.simple_headers = self._simple_headers(expose_headers)
        self.preflight_headers = self._preflight_headers(all_headers, max_age)

    def _simple_headers(self, expose_headers: Collection[str]) -> dict[str, str]:
        headers = {}
        if self.allow_all_origins:
            headers["Access-Control-Allow-Origin"] = "*"
        if self.allow_credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        if expose_headers:
            headers["Access-Control-Expose-Headers"] = ", ".join(expose_headers)
        return headers

    def _preflight_headers(self, allow_headers: Collection[str], max_age: int) -> dict[str, str]:
        headers = {"Vary": _PREFLIGHT_VARY}
        if not self.preflight_explicit_allow_origin:
            headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Allow-Methods"] = ", ".join(self.allow_methods)
        headers["Access-Control-Max-Age"] = str(max_age)
        if not self.allow_all_headers:
            headers["Access-Control-Allow-Headers"] = ", ".join(allow_headers)
        if self.allow_credentials:
            headers["Access-Control-Allow-Credentials"] = "true"
        return headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await self.preflight_response(request_headers=headers)(scope, receive, send)
            return
        send = editing_start(send, lambda fields: self._add_headers(fields, origin))
        await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        """Whether this site may call us."""
        if self.allow_all_origins or origin in self.allow_origins:
            return True
        return self.allow_origin_regex is not None and self.allow_origin_regex.fullmatch(origin) is not None

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to the question that a browser asks before a request; 400 names what is not allowed."""
        origin = request_headers["origin"]
        wanted_headers = request_headers.get("access-control-request-headers")
        headers = dict(self.preflight_headers)
        failures = []
        if not self.is_allowed_origin(origin):
            failures.append("origin")
        elif self.preflight_explicit_allow_origin:
            headers["Access-Control-Allow-Origin"] = origin
        if request_headers["access-control-request-method"] not in self.allow_methods:
            failures.append("method")
        if wanted_headers is not None:
            if self.allow_all_headers:
                headers["Access-Control-Allow-Headers"] = wanted_headers
            elif any(name.strip().lower() not in self.allow_headers for name in wanted_headers.split(",")):
                failures.append("headers")
        if "access-control-request-private-network" in request_headers:
            if self.allow_private_network:
                headers["Access-Control-Allow-Private-Network"] = "true"
            else:
                failures.append("private-network")
        if failures:
            # The browser would refuse anyway; a 400 that says why is for whoever looks into its console.
            return PlainTextResponse(f"Disallowed CORS {', '.join(failures)}", status_code=400, headers=headers)
        return PlainTextResponse("OK", status_code=200, headers=headers)

    def _add_headers(self, fields: HeaderList, origin: str | None) -> None:
        if origin is not None:
            headers = MutableHeaders(raw=fields)
            headers.update(self.simple_headers)
            if self.preflight_explicit_allow_origin and self.is_allowed_origin(origin):
                headers["Access-Control-Allow-Origin"] = origin
        # Always: a shared cache must not give the answer for one site, or for none, to another.
        add_vary(fields, "Origin")
