from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from opentelemetry import metrics, propagate, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vivace.web import Application, Middleware, Mount, PlainTextResponse, Request, Route, Router, StreamingResponse
from vivace.web.middleware.opentelemetry import OpenTelemetryMiddleware
from vivace.web.routing import BaseRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio


@dataclass
class Telemetry:
    """Providers of the SDK, and what they have been told."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def around(self, app: ASGIApp, **options: Any) -> OpenTelemetryMiddleware:
        return OpenTelemetryMiddleware(
            app, tracer_provider=self.tracer_provider, meter_provider=self.meter_provider, **options
        )

    def client(self, routes: list[BaseRoute], **options: Any) -> AsyncTestClient:
        return AsyncTestClient(self.around(Application(routes=routes), **options), raise_server_exceptions=False)

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        data = self.reader.get_metrics_data()
        found = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
        return [point for metric in found if metric.name == name for point in metric.data.data_points]


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    yield Telemetry(tracer_provider, meter_provider, exporter, reader)
    tracer_provider.shutdown()
    meter_provider.shutdown()


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello")


async def fail(request: Request) -> PlainTextResponse:
    raise LookupError


async def test_a_span_is_named_by_the_route_and_knows_the_request(telemetry: Telemetry) -> None:
    client = telemetry.client([Route("/users/{id:int}", hello)])
    assert (await client.get("/users/3?page=2", headers={"user-agent": "me"})).status_code == 200
    (span,) = telemetry.spans
    assert (span.name, span.kind, span.status.status_code) == (
        "GET /users/{id}",
        SpanKind.SERVER,
        StatusCode.UNSET,
    )
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "url.path": "/users/3",
        "url.query": "page=2",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "client.address": "testclient",
        "server.address": "testserver",
        "server.port": 80,
        "user_agent.original": "me",
        "http.response.status_code": 200,
        "http.route": "/users/{id}",
    }


async def test_the_template_of_a_mount_has_the_names_of_its_parameters(telemetry: Telemetry) -> None:
    inner = Router([Mount("/books", routes=[Route("/{id:int}", hello), Route("/", hello)])])
    client = telemetry.client([Mount("/{tenant}", app=Application(routes=[Mount("/v1", app=inner)]))])
    for path in ("/acme/v1/books/3", "/acme/v1/books/", "/acme/v1/books/none/such", "/acme/nothing"):
        await client.get(path)
    assert [span.name for span in telemetry.spans] == [
        "GET /{tenant}/v1/books/{id}",
        "GET /{tenant}/v1/books/",
        "GET /{tenant}/v1/books",
        "GET /{tenant}",
    ]


async def test_the_two_metrics_of_a_server_are_recorded(telemetry: Telemetry) -> None:
    active: list[int] = []

    async def look(request: Request) -> PlainTextResponse:
        active.extend(point.value for point in telemetry.points("http.server.active_requests"))
        return PlainTextResponse("")

    client = telemetry.client([Route("/{name}", look), Route("/fail/now", fail)])
    await client.get("/a")
    await client.get("/b")
    await client.get("/fail/now")
    assert active == [1, 1]
    assert [point.value for point in telemetry.points("http.server.active_requests")] == [0]
    durations = telemetry.points("http.server.request.duration")
    assert [(point.count, dict(point.attributes)) for point in durations] == [
        (
            2,
            {
                "http.request.method": "GET",
                "url.scheme": "http",
                "network.protocol.version": "1.1",
                "http.response.status_code": 200,
                "http.route": "/{name}",
            },
        ),
        (
            1,
            {
                "http.request.method": "GET",
                "url.scheme": "http",
                "network.protocol.version": "1.1",
                "http.response.status_code": 500,
                "error.type": "LookupError",
                "http.route": "/fail/now",
            },
        ),
    ]
    assert durations[0].explicit_bounds[0] == 0.005


async def test_an_exception_that_reaches_it_is_recorded_and_raised_on(telemetry: Telemetry) -> None:
    app = telemetry.around(Router([Route("/", fail)]))
    with pytest.raises(LookupError):
        await AsyncTestClient(app).get("/")
    (span,) = telemetry.spans
    assert span.attributes is not None
    assert span.attributes["error.type"] == "LookupError"
    assert span.attributes["http.response.status_code"] == 500
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


async def test_the_span_is_that_of_the_handler_and_part_of_the_trace_of_the_client(telemetry: Telemetry) -> None:
    trace_id, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    inside: list[trace.Span] = []

    def plain(request: Request) -> PlainTextResponse:  # in a worker thread
        inside.append(trace.get_current_span())
        return PlainTextResponse("")

    client = telemetry.client([Route("/", plain)])
    await client.get("/", headers={"traceparent": f"00-{trace_id}-{parent}-01"})
    (span,) = telemetry.spans
    assert inside[0].get_span_context() == span.context
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (trace_id, parent)
    assert not trace.get_current_span().get_span_context().is_valid


async def test_the_span_lasts_as_long_as_the_streamed_body(telemetry: Telemetry) -> None:
    more = anyio.Event()

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await more.wait()
        yield b"last"

    client = telemetry.client([Route("/", lambda request: StreamingResponse(parts()))])
    async with client.stream("GET", "/") as response:
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"first"
        assert telemetry.spans == []
        more.set()
        assert [chunk async for chunk in chunks] == [b"last"]
    assert len(telemetry.spans) == 1


async def test_a_request_whose_client_leaves_is_recorded_without_a_response(telemetry: Telemetry) -> None:
    async def wait(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a")], "query_string": b""}
    with anyio.move_on_after(0.01):
        await telemetry.around(wait)(scope, _receive, _send)
    (span,) = telemetry.spans
    assert "http.response.status_code" not in (span.attributes or {})
    assert [point.value for point in telemetry.points("http.server.active_requests")] == [0]


async def test_odd_methods_and_the_keys_of_signed_urls_are_not_kept(telemetry: Telemetry) -> None:
    client = telemetry.client([Route("/", hello)])
    await client.request("BREW", "/?sig=abc&a=1&X-Goog-Signature=%20x&sig")
    (span,) = telemetry.spans
    assert span.attributes is not None
    assert span.name == "HTTP /"
    assert span.attributes["http.request.method"] == "_OTHER"
    assert span.attributes["http.request.method_original"] == "BREW"
    assert span.attributes["url.query"] == "sig=REDACTED&a=1&X-Goog-Signature=REDACTED&sig"
    (point,) = telemetry.points("http.server.request.duration")
    assert point.attributes["http.request.method"] == "_OTHER"


@pytest.mark.parametrize("excluded", ["/health$, ^http://other/", [r"/health$", "^http://other/"]])
async def test_excluded_urls_are_not_recorded(telemetry: Telemetry, excluded: str | list[str]) -> None:
    inner = telemetry.around(Router([Route("/health", hello), Route("/other", hello)]))
    client = telemetry.client([Mount("/", app=inner)], excluded_urls=excluded)
    for url in ("/health", "http://other/other", "/other"):
        assert (await client.get(url)).status_code == 200
    assert [span.name for span in telemetry.spans] == ["GET /other"]
    assert [point.count for point in telemetry.points("http.server.request.duration")] == [1]


async def test_what_the_server_measures_is_not_measured_again_and_the_server_learns_the_route(
    telemetry: Telemetry,
) -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/users/3",
        "headers": [(b"host", b"a")],
        "query_string": b"",
        "extensions": {"vivace.metrics": {}},
    }
    await telemetry.around(Router([Route("/users/{id}", hello)]))(scope, _receive, _send)
    assert scope["http.route"] == "/users/{id}"
    assert telemetry.points("http.server.request.duration") == []
    assert [span.name for span in telemetry.spans] == ["GET /users/{id}"]


async def test_without_a_provider_a_request_passes_untouched() -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope, dict(scope), receive, send))

    scope = {"type": "http"}
    await OpenTelemetryMiddleware(app)(scope, _receive, _send)
    assert seen == [scope, {"type": "http"}, _receive, _send]
    assert seen[2:] == [_receive, _send]


async def test_a_provider_may_be_set_up_after_the_first_request(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = AsyncTestClient(OpenTelemetryMiddleware(Router([Route("/", hello)])))
    await client.get("/")
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: telemetry.tracer_provider)
    await client.get("/")
    monkeypatch.setattr(metrics, "get_meter_provider", lambda: telemetry.meter_provider)
    await client.get("/")
    assert len(telemetry.spans) == 2
    assert [point.count for point in telemetry.points("http.server.request.duration")] == [1]


async def test_metrics_are_recorded_without_spans(telemetry: Telemetry) -> None:
    app = OpenTelemetryMiddleware(Router([Route("/", hello)]), meter_provider=telemetry.meter_provider)
    await AsyncTestClient(app).get("/")
    assert [point.count for point in telemetry.points("http.server.request.duration")] == [1]


async def test_websockets_and_lifespans_pass(telemetry: Telemetry) -> None:
    options: dict[str, Any] = {"tracer_provider": telemetry.tracer_provider, "meter_provider": telemetry.meter_provider}
    app = Application(middleware=[Middleware(OpenTelemetryMiddleware, **options)])

    @app.websocket_route("/")
    async def echo(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text("Hello")

    async with AsyncTestClient(app) as client, client.websocket_connect("/") as websocket:
        assert await websocket.receive_text() == "Hello"
    assert telemetry.spans == []


async def test_a_request_that_names_no_host_has_a_span_without_one(telemetry: Telemetry) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"Accept", b"a")], "query_string": b""}
    await telemetry.around(Router([Route("/", hello)]))(scope, _receive, _send)
    (span,) = telemetry.spans
    assert "server.address" not in (span.attributes or {})


async def test_a_propagator_may_ask_for_all_headers(telemetry: Telemetry) -> None:
    asked: list[list[str]] = []

    class Asking(TraceContextTextMapPropagator):
        def extract(self, carrier: Any, context: Any = None, getter: Any = None) -> Any:
            asked.append(getter.keys(carrier))
            return super().extract(carrier, context, getter)

    before = propagate.get_global_textmap()
    propagate.set_global_textmap(Asking())
    try:
        await telemetry.client([Route("/", hello)]).get("/", headers={"X-One": "1"})
    finally:
        propagate.set_global_textmap(before)
    assert "x-one" in asked[0]


def test_a_missing_package_is_told_with_what_to_do() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None; import vivace.web.middleware.opentelemetry"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'Try: pip install "vivace[opentelemetry]"' in done.stderr


async def _receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Message) -> None:
    pass
