"""Metrics as text, read back by Prometheus's own parsers."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from vivace.server.metrics.families import Family, Place, build_family, process_families
from vivace.server.metrics.prometheus import OPENMETRICS, TEXT, choose_format, render
from vivace.server.statistics import Distribution, Statistics, Totals

STATISTICS = Statistics(
    requests=5,
    responses={"http/1.1": {200: 3, 404: 1}, "websocket": {101: 1}},
    durations={"http/1.1": Distribution([1, 2] + [0] * 15 + [1], 12.5)},
    queue_waits=Distribution([0] * 18, 0.0),
    opened={"http/1.1": {"off": 2, "on": 1}},
    open_connections={"http/1.1": {"off": 1, "on": 0}},
    bytes_sent=2**60,
    cpu_seconds=0.25,
    collections={0: 7},
    in_flight=3,
    open_websockets=1,
    memory=123456789,
    started=1.5e9,
)


@pytest.mark.parametrize("kind", [TEXT, OPENMETRICS])
def test_prometheus_reads_what_is_written(kind: str) -> None:
    families = [build_family(), *process_families([Place("1", [STATISTICS])])]
    text = render(families, kind).decode()
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in (read_openmetrics if kind == OPENMETRICS else read_text)(text)
        for sample in family.samples
    }
    worker = ("worker", "1")
    protocol = ("protocol", "http/1.1")
    assert found["vivace_http_requests_total", protocol, ("status", "404"), worker] == 1
    assert found["vivace_http_requests_total", ("protocol", "websocket"), ("status", "101"), worker] == 1
    assert found["vivace_http_request_duration_seconds_bucket", ("le", "0.001"), protocol, worker] == 3
    assert found["vivace_http_request_duration_seconds_bucket", ("le", "10.0"), protocol, worker] == 3
    assert found["vivace_http_request_duration_seconds_bucket", ("le", "+Inf"), protocol, worker] == 4
    assert found["vivace_http_request_duration_seconds_count", protocol, worker] == 4
    assert found["vivace_http_request_duration_seconds_sum", protocol, worker] == 12.5
    assert found["vivace_http_requests_in_flight", worker] == 2
    assert found["vivace_connections", protocol, ("tls", "off"), worker] == 1
    assert found["vivace_refused_total", ("reason", "queue_full"), worker] == 0
    assert found["vivace_sent_bytes_total", worker] == 2**60
    assert found["process_resident_memory_bytes", worker] == 123456789
    assert found["process_start_time_seconds", worker] == 1.5e9
    assert found["python_gc_collections_total", ("generation", "0"), worker] == 7


def test_only_openmetrics_has_an_end() -> None:
    assert render([], OPENMETRICS) == b"# EOF\n"
    assert render([], TEXT) == b""


def test_what_a_label_may_hold_is_escaped() -> None:
    family = Family("name", "gauge", 'with "quotes", \\ and\nlines', [({"label": 'a"b\\c\nd'}, 1)])
    for kind, read in ((TEXT, read_text), (OPENMETRICS, read_openmetrics)):
        (found,) = read(render([family], kind).decode())
        assert found.documentation == 'with "quotes", \\ and\nlines'
        assert found.samples[0].labels == {"label": 'a"b\\c\nd'}


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OPENMETRICS),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.5", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
        (";;,,q=", TEXT),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str, kind: str) -> None:
    assert choose_format(accept) == kind


def test_a_place_without_a_process_keeps_its_counters_and_has_no_gauges() -> None:
    past = Totals(responses={"http/1.1": {200: 3}}, bytes_sent=10)
    text = render(process_families([Place("2", [], past)]), TEXT).decode()
    assert 'vivace_http_requests_total{worker="2",protocol="http/1.1",status="200"} 3\n' in text
    assert "process_resident_memory_bytes" not in text


def test_processes_of_one_place_are_told_together() -> None:
    other = Statistics(responses={"http/1.1": {200: 5}}, in_flight=4, memory=1, started=1.6e9)
    past = Totals(responses={"http/1.1": {200: 100}})
    text = render(process_families([Place("1", [STATISTICS, other], past)]), TEXT).decode()
    assert 'vivace_http_requests_total{worker="1",protocol="http/1.1",status="200"} 108\n' in text
    assert 'vivace_http_requests_in_flight{worker="1"} 6\n' in text
    assert 'process_resident_memory_bytes{worker="1"} 123456790\n' in text
    assert 'process_start_time_seconds{worker="1"} 1600000000.0\n' in text


def test_a_supervisor_is_no_more_than_a_process() -> None:
    own = Place("supervisor", [Statistics(memory=5, started=1.0)])
    text = render(process_families([Place("1", [STATISTICS])], own), TEXT).decode()
    assert 'process_resident_memory_bytes{worker="supervisor"} 5\n' in text
    about = [line.partition("{")[0] for line in text.splitlines() if 'worker="supervisor"' in line]
    assert sorted(about) == [
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    ]
