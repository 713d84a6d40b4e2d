"""OpenTelemetry: a client span and a metric for each statement, and the pool's figures.

Names and units are those of the stable semantic conventions for databases; those of the pool's are still in
development there. Nothing is recorded before the application sets up the SDK.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import time_ns
from typing import TYPE_CHECKING, Any
from weakref import ref

try:
    from opentelemetry import metrics, trace
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.trace import SpanKind, Status, StatusCode
except ImportError as error:  # pragma: no cover - tested in a process of its own
    from vivace.databases.errors import InterfaceError

    raise InterfaceError(
        "opentelemetry=True needs the package opentelemetry-api, which is not installed. "
        'Try: pip install "vivace[opentelemetry]"'
    ) from error

import vivace
from vivace.databases.errors import DatabaseError
from vivace.databases.observing.events import QueryEvent
from vivace.databases.observing.summary import summary, without_literals
from vivace.databases.url import DatabaseURL
from vivace.utils.telemetry import records_nothing

if TYPE_CHECKING:
    from vivace.databases.database import Database

# The boundaries that the conventions advise.
DURATIONS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
_DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
# Statements whose names are kept.
_MAX_NAMES = 1024
# As much of a statement as a span shows: a bulk insert can be megabytes.
_MAX_TEXT = 4096

Attributes = dict[str, str | int]


class OpenTelemetry:
    """A query hook that records statements, with the given providers or the global ones as they are at that time.

    `Database(url, opentelemetry=True)` attaches it; with providers of your own:
    `database.add_query_hook(OpenTelemetry(database, tracer_provider=…))`.
    """

    def __init__(
        self,
        database: Database,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._servers = [_server(url) for url in database.server_urls]
        self._is_mysql = database.dialect.name in ("mysql", "mariadb")
        self._names: dict[str, tuple[str, str]] = {}
        self._tracer: trace.Tracer | None = None
        self._durations: metrics.Histogram | None = None
        self._database = ref(database)

    def __call__(self, event: QueryEvent) -> None:
        tracer = self._tracer or self._find_tracer()
        durations = self._durations or self._find_instruments()
        if tracer is None and durations is None:
            return
        name, text = self._named(event)
        attributes: Attributes = {"db.query.summary": name, **self._servers[event.replica or 0]}
        if event.error is not None:
            attributes |= _failure(event.error)
        if durations is not None:
            durations.record(event.duration, attributes)
        if tracer is not None:
            self._span(tracer, event, name, {**attributes, "db.query.text": text})

    def _span(self, tracer: trace.Tracer, event: QueryEvent, name: str, attributes: Attributes) -> None:
        if event.operation == "many" and event.rows is not None and event.rows > 1:
            attributes["db.operation.batch.size"] = event.rows
        end = time_ns()
        started = end - int(event.duration * 1e9)
        span = tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes, start_time=started)
        if event.error is not None:
            message = event.error.message if isinstance(event.error, DatabaseError) else None
            span.set_status(Status(StatusCode.ERROR, message))
        span.end(end)

    def _named(self, event: QueryEvent) -> tuple[str, str]:
        """The statement's summary, and its text with no value that was written into it."""
        named = self._names.get(event.sql)
        if named is None:
            if len(self._names) >= _MAX_NAMES:
                self._names.clear()
            text = without_literals(event.sql, mysql=self._is_mysql)[:_MAX_TEXT]
            named = self._names[event.sql] = summary(event.sql, mysql=self._is_mysql) or "query", text
        return named

    def _find_tracer(self) -> trace.Tracer | None:
        provider = self._tracer_provider or trace.get_tracer_provider()
        tracer = provider.get_tracer("vivace.databases", vivace.__version__)
        if records_nothing(tracer):
            return None
        self._tracer = tracer
        return tracer

    def _find_instruments(self) -> metrics.Histogram | None:
        provider = self._meter_provider or metrics.get_meter_provider()
        if records_nothing(provider):
            return None
        meter = provider.get_meter("vivace.databases", vivace.__version__)
        self._durations = meter.create_histogram(
            "db.client.operation.duration",
            "s",
            "Duration of database client operations.",
            explicit_bucket_boundaries_advisory=DURATIONS,
        )
        observe_pools(meter, self._database)
        return self._durations


def _server(url: DatabaseURL) -> Attributes:
    system = {"postgres": "postgresql"}.get(url.dialect, url.dialect)
    attributes: Attributes = {"db.system.name": system}
    if url.database:
        attributes["db.namespace"] = url.database
    if url.hostname:
        attributes["server.address"] = url.hostname
        if url.port is not None and url.port != _DEFAULT_PORTS.get(system):
            attributes["server.port"] = url.port
    return attributes


def _failure(error: BaseException) -> Attributes:
    """The error's kind, and the code the server gave: SQLSTATE, or the number of MySQL and SQLite."""
    attributes: Attributes = {"error.type": type(error).__qualname__}
    cause = error.__cause__
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorcode", None)
    if code is None and cause is not None and cause.args and isinstance(cause.args[0], int):
        code = cause.args[0]
    if code is not None:
        attributes["db.response.status_code"] = str(code)
    return attributes


def observe_pools(meter: metrics.Meter, database: ref[Database]) -> None:
    """The figures of `Database.statistics()`, read when they are collected."""

    def observed(figure: str, **more: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(options: CallbackOptions) -> Iterable[Observation]:
            alive = database()
            return [] if alive is None else [_observation(pool, figure, more) for pool in _pools(alive, figure)]

        return read

    name = "db.client.connection"
    meter.create_observable_up_down_counter(
        f"{name}.count",
        [observed("idle", **{f"{name}.state": "idle"}), observed("in_use", **{f"{name}.state": "used"})],
        "{connection}",
        "The number of connections that are currently in state described by the state attribute.",
    )
    meter.create_observable_up_down_counter(
        f"{name}.max", [observed("max_size")], "{connection}", "The maximum number of open connections allowed."
    )
    meter.create_observable_up_down_counter(
        f"{name}.pending_requests",
        [observed("waiting")],
        "{request}",
        "The number of current pending requests for an open connection.",
    )
    meter.create_observable_counter(
        f"{name}.timeouts",
        [observed("timeouts")],
        "{timeout}",
        "The number of connection timeouts that have occurred trying to obtain a connection from the pool.",
    )
    meter.create_observable_counter(
        "vivace.db.client.connection.wait_time.total",
        [observed("waited")],
        "s",
        "Seconds that tasks have waited for a connection of the pool, in all.",
    )


def _pools(database: Database, figure: str) -> list[tuple[str, Any]]:
    """Name and figure of the primary's pool and of each replica's, where it has that figure."""
    found = database.statistics()
    pools = [found, *found.get("replicas", ())]
    names = [f"{url.netloc.rpartition('@')[2] if url.netloc else ''}/{url.database}" for url in database.server_urls]
    return [(name, pool[figure]) for name, pool in zip(names, pools, strict=False) if figure in pool]


def _observation(pool: tuple[str, Any], figure: str, more: dict[str, str]) -> Observation:
    return Observation(pool[1], {"db.client.connection.pool.name": pool[0], **more})
