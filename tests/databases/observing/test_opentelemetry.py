"""Spans and metrics of statements."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from vivace.databases import Database, DatabaseURL
from vivace.databases.errors import DatabaseError
from vivace.databases.observing.opentelemetry import OpenTelemetry

pytestmark = pytest.mark.anyio


@dataclass
class Telemetry:
    """Providers of the SDK, and what they have been told."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def watch(self, database: Database) -> None:
        database.add_query_hook(
            OpenTelemetry(database, tracer_provider=self.tracer_provider, meter_provider=self.meter_provider)
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def points(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        found = [] if data is None else data.resource_metrics[0].scope_metrics[0].metrics
        return {metric.name: list(metric.data.data_points) for metric in found}


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracer_provider = TracerProvider(shutdown_on_exit=False)
    tracer_provider.add_span_processor(SimpleSpanProcessor(exporter))
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    yield Telemetry(tracer_provider, meter_provider, exporter, reader)
    tracer_provider.shutdown()
    meter_provider.shutdown()


async def test_a_statement_is_a_client_span_with_the_names_of_the_conventions(
    postgres: Database, postgres_url: str, telemetry: Telemetry
) -> None:
    url = DatabaseURL(postgres_url)
    await postgres.execute("CREATE TABLE book (id INTEGER, title TEXT)")
    telemetry.watch(postgres)
    with telemetry.tracer_provider.get_tracer("test").start_as_current_span("request") as request:
        await postgres.fetch_all("SELECT * FROM book WHERE title = :title AND id > 5", {"title": "Emma"})
    span = telemetry.spans[0]
    assert span.name == "SELECT book"
    assert span.kind is SpanKind.CLIENT
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id
    assert dict(span.attributes or {}) == {
        "db.system.name": "postgresql",
        "db.namespace": url.database,
        "db.query.summary": "SELECT book",
        "db.query.text": "SELECT * FROM book WHERE title = $1 AND id > ?",
        "server.address": url.hostname,
        "server.port": url.port,
    }
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 < span.end_time - span.start_time < 5e9


async def test_an_error_is_told_with_the_databases_code(database: Database, telemetry: Telemetry) -> None:
    telemetry.watch(database)
    with pytest.raises(DatabaseError):
        await database.fetch_all("SELECT * FROM nowhere")
    (span,) = telemetry.spans
    attributes = dict(span.attributes or {})
    assert span.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == "ProgrammingError"
    assert attributes["db.response.status_code"] in ("42P01", "1", "42S02")
    (point,) = telemetry.points()["db.client.operation.duration"]
    assert point.attributes["error.type"] == "ProgrammingError"
    assert "db.query.text" not in point.attributes


async def test_many_rows_are_one_batch(sqlite: Database, telemetry: Telemetry) -> None:
    await sqlite.execute("CREATE TABLE book (id INTEGER)")
    telemetry.watch(sqlite)
    await sqlite.execute_many("INSERT INTO book VALUES (:id)", [{"id": 1}, {"id": 2}])
    assert dict(telemetry.spans[0].attributes or {})["db.operation.batch.size"] == 2
    assert dict(telemetry.spans[0].attributes or {})["db.system.name"] == "sqlite"


async def test_the_pools_figures_are_metrics(postgres: Database, telemetry: Telemetry) -> None:
    telemetry.watch(postgres)
    async with postgres.connection() as connection:
        await connection.fetch_all("SELECT 1")
        points = telemetry.points()
    counts = {point.attributes["db.client.connection.state"]: point for point in points["db.client.connection.count"]}
    assert counts["used"].value == 1
    assert "/" in counts["used"].attributes["db.client.connection.pool.name"]
    assert "@" not in counts["used"].attributes["db.client.connection.pool.name"]
    assert points["db.client.connection.max"][0].value == 10
    assert points["db.client.connection.pending_requests"][0].value == 0
    assert points["db.client.connection.timeouts"][0].value == 0
    assert points["vivace.db.client.connection.wait_time.total"][0].value == 0
    assert points["db.client.operation.duration"][0].count == 1


async def test_without_an_sdk_nothing_is_recorded(sqlite_url: str) -> None:
    async with Database(sqlite_url, opentelemetry=True) as database:
        assert await database.fetch_val("SELECT 1") == 1
        assert database.watch is not None


def test_without_the_package_the_option_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from vivace.databases import Database\n"
        "Database('sqlite://')\n"
        "Database('sqlite://', opentelemetry=True)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert 'pip install "vivace[opentelemetry]"' in found.stderr
    assert "InterfaceError" in found.stderr
