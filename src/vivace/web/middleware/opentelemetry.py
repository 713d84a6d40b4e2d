"""OpenTelemetry: a server span and two metrics a request, named by the template of its route.

Names and units are those of the semantic conventions for HTTP. `pip install "vivace[opentelemetry]"` brings the API,
which records nothing before the application sets up the SDK; until then requests pass as if this were not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any
from urllib.parse import unquote_plus

try:
    from opentelemetry import metrics, propagate, trace
    from opentelemetry.propagators.textmap import Getter
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ImportError as error:  # pragma: no cover - tested in a process of its own
    raise ImportError(
        "OpenTelemetryMiddleware needs the package opentelemetry-api, which is not installed. "
        'Try: pip install "vivace[opentelemetry]"'
    ) from error

import vivace
from vivace.utils.telemetry import records_nothing
from vivace.web.datastructures import URL, Headers
from vivace.web.routing.routes import ROUTE_ROOT_KEY
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

# Starlette's key: of its middleware and ours, around and inside a mounted application, the outermost records.
ACTIVE_KEY = "starlette.opentelemetry"

# In the extensions of a server that records the same metrics itself; it reads the template of the route here.
SERVER_METRICS = "vivace.metrics"
ROUTE_KEY = "http.route"

# Others would let clients make up as many time series as they like.
METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"))

# What the semantic conventions for `url.query` ask to be left out: keys to somebody's storage.
SECRET_PARAMETERS = frozenset(("AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"))

DURATIONS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

Attributes = dict[str, str | int]


class OpenTelemetryMiddleware:
    """Records a server span and metrics for each HTTP request, as part of the trace that its headers name.

    * `excluded_urls`: regular expressions, as a sequence or in one string with commas; a URL in which one is found is
      not recorded. `[r"/health$"]`.
    * `tracer_provider`, `meter_provider`: the global ones, as they are at the time of a request, unless given.

    The span ends when the response is complete, its streamed body too. A server that already records the metrics
    (`vivace run --opentelemetry`) is left to do so and told the route.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        excluded_urls: str | Sequence[str] = (),
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self.app = app
        if isinstance(excluded_urls, str):
            excluded_urls = [pattern for pattern in map(str.strip, excluded_urls.split(",")) if pattern]
        self._excluded_urls = [re.compile(pattern) for pattern in excluded_urls]
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._tracer: trace.Tracer | None = None
        self._instruments: _Instruments | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or ACTIVE_KEY in scope:
            await self.app(scope, receive, send)
            return
        tracer = self._tracer or self._find_tracer()
        instruments = None if _is_recorded_by_server(scope) else self._instruments or self._find_instruments()
        if tracer is None and instruments is None:
            await self.app(scope, receive, send)
            return
        scope[ACTIVE_KEY] = True
        try:
            if self._excluded_urls and self._is_excluded(scope):
                await self.app(scope, receive, send)
            else:
                await self._record(tracer or _NO_TRACER, instruments, scope, receive, send)
        finally:
            del scope[ACTIVE_KEY]

    def _find_tracer(self) -> trace.Tracer | None:
        """The tracer, once there is one that records; the SDK may be set up after the first request."""
        provider = self._tracer_provider or trace.get_tracer_provider()
        tracer = provider.get_tracer("vivace.web", vivace.__version__)
        if records_nothing(tracer):
            return None
        self._tracer = tracer
        return tracer

    def _find_instruments(self) -> _Instruments | None:
        provider = self._meter_provider or metrics.get_meter_provider()
        if records_nothing(provider):
            return None
        self._instruments = _Instruments(provider)
        return self._instruments

    def _is_excluded(self, scope: Scope) -> bool:
        url = str(URL(scope=scope))
        return any(pattern.search(url) for pattern in self._excluded_urls)

    async def _record(
        self, tracer: trace.Tracer, instruments: _Instruments | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        method = _method(scope)
        parent = propagate.extract(scope, getter=_headers)
        attributes = _request_attributes(scope, method)
        measured: Attributes = {"http.request.method": method, "url.scheme": scope.get("scheme", "http")}
        if scope.get("http_version"):
            measured["network.protocol.version"] = scope["http_version"]
        name = _span_name(method)
        with tracer.start_as_current_span(name, parent, SpanKind.SERVER, attributes) as span:

            async def send_recorded(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status: int = message["status"]
                    measured["http.response.status_code"] = status
                    if status >= 500:
                        measured["error.type"] = str(status)
                        span.set_status(Status(StatusCode.ERROR))
                await send(message)

            started = perf_counter() if instruments is None else instruments.start(measured)
            try:
                await self.app(scope, receive, send_recorded)
            except Exception as exception:
                measured["error.type"] = type(exception).__qualname__
                # What the layers around this one will answer; the client of a response that has begun saw its status.
                measured.setdefault("http.response.status_code", 500)
                raise
            finally:
                route = _route_template(scope)
                if route is not None:
                    measured[ROUTE_KEY] = scope[ROUTE_KEY] = route
                    span.update_name(f"{name} {route}")
                span.set_attributes({key: measured[key] for key in _RESPONSE_ATTRIBUTES if key in measured})
                if instruments is not None:
                    instruments.stop(measured, started)


_NO_TRACER = trace.NoOpTracer()
_RESPONSE_ATTRIBUTES = ("http.response.status_code", "error.type", ROUTE_KEY)


class _Instruments:
    """The two metrics that every server has."""

    def __init__(self, provider: metrics.MeterProvider) -> None:
        meter = provider.get_meter("vivace.web", vivace.__version__)
        self.active = meter.create_up_down_counter(
            "http.server.active_requests", "{request}", "Number of active HTTP server requests."
        )
        self.durations = meter.create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )

    def start(self, attributes: Attributes) -> float:
        """A request has begun; when, for `stop`."""
        self.active.add(1, _of_every_request(attributes))
        return perf_counter()

    def stop(self, attributes: Attributes, started: float) -> None:
        self.active.add(-1, _of_every_request(attributes))
        self.durations.record(perf_counter() - started, attributes)


def _of_every_request(attributes: Attributes) -> Attributes:
    return {key: attributes[key] for key in ("http.request.method", "url.scheme")}


def _is_recorded_by_server(scope: Scope) -> bool:
    return SERVER_METRICS in (scope.get("extensions") or ())


class _HeadersGetter(Getter[Mapping[str, Any]]):
    """Lets propagators read the headers of a scope."""

    def get(self, carrier: Mapping[str, Any], key: str) -> list[str] | None:
        name = key.lower().encode("latin-1")
        return [value.decode("latin-1") for found, value in carrier["headers"] if found.lower() == name] or None

    def keys(self, carrier: Mapping[str, Any]) -> list[str]:
        return [name.decode("latin-1").lower() for name, _ in carrier["headers"]]


_headers = _HeadersGetter()


def _method(scope: Scope) -> str:
    method: str = scope["method"].upper()
    return method if method in METHODS else "_OTHER"


def _span_name(method: str) -> str:
    return "HTTP" if method == "_OTHER" else method


def _request_attributes(scope: Scope, method: str) -> Attributes:
    """What a sampler may decide by, and what the span keeps."""
    attributes: Attributes = {
        "http.request.method": method,
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
    }
    if scope["method"] != method:
        attributes["http.request.method_original"] = scope["method"]
    if scope.get("query_string"):
        attributes["url.query"] = _without_secrets(scope["query_string"].decode("latin-1"))
    if scope.get("http_version"):
        attributes["network.protocol.version"] = scope["http_version"]
    if scope.get("client"):
        attributes["client.address"] = scope["client"][0]
    agent = Headers(scope=scope).get("user-agent")
    if agent is not None:
        attributes["user_agent.original"] = agent
    return attributes | _server_attributes(scope)


def _server_attributes(scope: Scope) -> Attributes:
    """The name by which the client called the server, and the port."""
    url = URL(scope=scope)
    if url.hostname is None:
        return {}
    server = scope.get("server")
    port = url.port if url.port is not None or server is None else server[1]
    address: Attributes = {"server.address": url.hostname}
    return address if port is None else {**address, "server.port": port}


def _without_secrets(query: str) -> str:
    parts = []
    for part in query.split("&"):
        name, separator, _ = part.partition("=")
        is_secret = separator and unquote_plus(name) in SECRET_PARAMETERS
        parts.append(f"{name}=REDACTED" if is_secret else part)
    return "&".join(parts)


def _route_template(scope: Scope) -> str | None:
    """The path of the route that answered, with the names of its parameters; of a mount, that of the mount."""
    route = scope.get("route")
    path = getattr(route, "path_format", None)
    if not isinstance(path, str):
        return None
    root: str = scope.get(ROUTE_ROOT_KEY) or scope.get("root_path", "")
    if hasattr(route, "routes"):  # a mount: what it handed the request to is no route
        return root or "/"
    return root.rstrip("/") + path or "/"
