"""The metrics there are, made of what processes have counted. Names as Prometheus advises: unit last, `_total`."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import vivace
from vivace.server.statistics import DURATIONS, Distribution, Statistics, Totals

Kind = Literal["counter", "gauge", "histogram"]
Labels = dict[str, str]
# A rate can only be seen of what has been there before.
NOT_REFUSED = dict.fromkeys(
    ("max_connections", "max_connections_per_address", "queue_full", "queue_timeout", "client_left", "stopping"), 0
)
Samples = Iterable[tuple[Labels, float]]
Histograms = Iterable[tuple[Labels, Distribution]]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its labels. A counter's name goes without `_total`; `bounds` are a histogram's."""

    name: str
    kind: Kind
    help: str
    samples: list[tuple[Labels, float | Distribution]] = field(default_factory=list)
    bounds: tuple[float, ...] = DURATIONS


@dataclass(frozen=True, slots=True)
class Place:
    """A place for a worker, and the processes that have it now: none after a crash, two while one follows the other."""

    worker: str
    processes: list[Statistics]
    past: Totals = field(default_factory=Totals)  # of those that are gone, so that counters never go back


def build_family() -> Family:
    """Which Vivace and which Python this is."""
    labels = {"version": vivace.__version__, "python": platform.python_version()}
    return Family("vivace_build_info", "gauge", "1, with the versions of Vivace and Python.", [(labels, 1)])


def process_families(places: Sequence[Place], supervisor: Place | None = None) -> Iterator[Family]:
    """What is told of each process that serves, and of a supervisor, which is no more than a process."""
    processes = [*places] if supervisor is None else [*places, supervisor]
    totals = [(place, sum(place.processes, place.past)) for place in processes]
    for name, explanation, read in COUNTERS:
        family = Family(name, "counter", explanation)
        for place, counted in totals:
            if place is supervisor and not name.startswith("process_"):
                continue
            family.samples.extend((_of(place, labels), value) for labels, value in read(counted))
        yield family
    for name, explanation, read_histograms in HISTOGRAMS:
        family = Family(name, "histogram", explanation)
        for place, counted in totals:
            found = read_histograms(counted)
            family.samples.extend((_of(place, labels), values) for labels, values in found if values.counts)
        yield family
    for name, explanation, read_now in GAUGES:
        family = Family(name, "gauge", explanation)
        for place in processes if name.startswith("process_") else places:
            if place.processes:
                family.samples.extend(_now(place, read_now))
        yield family
    family = Family("process_start_time_seconds", "gauge", "When the process began, in seconds since 1970.")
    for place in processes:
        if place.processes:
            family.samples.append(({"worker": place.worker}, max(process.started for process in place.processes)))
    yield family


def _of(place: Place, labels: Labels) -> Labels:
    return {"worker": place.worker, **labels}


def _now(place: Place, read: Callable[[Statistics], Samples]) -> Iterator[tuple[Labels, float]]:
    """What the processes of a place have together."""
    found: dict[tuple[tuple[str, str], ...], float] = {}
    for process in place.processes:
        for labels, value in read(process):
            key = tuple(labels.items())
            found[key] = found.get(key, 0) + value
    for key, value in found.items():
        yield _of(place, dict(key)), value


def _responses(totals: Totals) -> Samples:
    for protocol, found in totals.responses.items():
        for status, count in found.items():
            yield {"protocol": protocol, "status": str(status)}, count


def _opened(totals: Totals) -> Samples:
    for protocol, found in totals.opened.items():
        for tls, count in found.items():
            yield {"protocol": protocol, "tls": tls}, count


def _open_now(statistics: Statistics) -> Samples:
    for protocol, found in statistics.open_connections.items():
        for tls, count in found.items():
            yield {"protocol": protocol, "tls": tls}, count


def _refused(totals: Totals) -> Samples:
    for reason, count in (NOT_REFUSED | totals.refused).items():
        yield {"reason": reason}, count


def _collections(totals: Totals) -> Samples:
    for generation, count in totals.collections.items():
        yield {"generation": str(generation)}, count


def _durations(totals: Totals) -> Histograms:
    for protocol, found in totals.durations.items():
        yield {"protocol": protocol}, found


def _in_flight(statistics: Statistics) -> Samples:
    # The application of a WebSocket may go on for a moment after its end.
    yield {}, max(0, statistics.in_flight - statistics.open_websockets)


def _one(name: str) -> Callable[[Totals], Samples]:
    def read(statistics: Totals) -> Samples:
        return [({}, getattr(statistics, name))]

    return read


def _whole(name: str) -> Callable[[Totals], Histograms]:
    def read(totals: Totals) -> Histograms:
        return [({}, getattr(totals, name))]

    return read


COUNTERS: list[tuple[str, str, Callable[[Totals], Samples]]] = [
    ("vivace_http_requests", "Requests answered, by protocol (WebSockets by themselves) and status.", _responses),
    ("vivace_http_requests_abandoned", "Requests whose client left before the response.", _one("abandoned")),
    ("vivace_refused", "Requests and connections turned away for a limit of this server, by reason.", _refused),
    ("vivace_connections_opened", "Connections, by protocol and TLS.", _opened),
    ("vivace_received_bytes", "Bytes received, without what TLS adds.", _one("bytes_received")),
    ("vivace_sent_bytes", "Bytes sent, without what TLS adds.", _one("bytes_sent")),
    ("vivace_websocket_messages_received", "Messages of WebSockets received.", _one("messages_received")),
    ("vivace_websocket_messages_sent", "Messages of WebSockets sent.", _one("messages_sent")),
    ("process_cpu_seconds", "Processor time, in seconds.", _one("cpu_seconds")),
    ("python_gc_collections", "Times that garbage was collected, by generation.", _collections),
]
HISTOGRAMS: list[tuple[str, str, Callable[[Totals], Histograms]]] = [
    ("vivace_http_request_duration_seconds", "From a request's head to its response's end, by protocol.", _durations),
    ("vivace_queue_wait_seconds", "Time in the queue, of requests that then had their turn.", _whole("queue_waits")),
    ("vivace_event_loop_lag_seconds", "How late the event loop was, ten times a second.", _whole("loop_lags")),
]
GAUGES: list[tuple[str, str, Callable[[Statistics], Samples]]] = [
    ("vivace_http_requests_in_flight", "Requests that the application works on.", _in_flight),
    ("vivace_queue_length", "Requests that wait for their turn.", _one("queued")),
    ("vivace_connections", "Open connections, by protocol and TLS.", _open_now),
    ("vivace_websockets", "Open WebSockets.", _one("open_websockets")),
    ("process_resident_memory_bytes", "Memory that is not swapped out.", _one("memory")),
    ("process_open_fds", "Open file descriptors.", _one("open_files")),
]
