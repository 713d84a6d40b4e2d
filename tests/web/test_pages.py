"""The pages docs/web/starlette.md, testing.md and telemetry.md, run as they are printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.conformance.starlette.test_starlette_suite import EXPECTED

from vivace.web.testclient import TestClient

PAGES = Path(__file__).parents[2] / "docs" / "web"


def code(name: str) -> str:
    """The Python of a page."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", (PAGES / name).read_text(), re.DOTALL | re.MULTILINE))


def run(name: str) -> dict[str, Any]:
    """The names that a page's Python defines."""
    names: dict[str, Any] = {}
    exec(code(name), names)
    return names


def test_an_application_moves_by_replacing_a_name() -> None:
    assert TestClient(run("starlette.md")["app"]).get("/?name=Ann").json() == {"hello": "Ann"}


def test_the_table_has_every_test_that_is_expected_to_fail() -> None:
    page = (PAGES / "starlette.md").read_text()
    counted = {name: int(count or 1) for name, count in re.findall(r"`(test_\w+)`(?: \((\d+)\))?", page)}
    expected: dict[str, int] = {}
    for test in EXPECTED:
        name = test.partition("[")[0].rpartition(".")[2]
        expected[name] = expected.get(name, 0) + 1
    # Some depend on who runs them, and by which Python.
    assert expected.items() <= counted.items()
    assert sum(counted.values()) <= 15


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    (tmp_path / "test_page.py").write_text(code("testing.md"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert "5 passed" in done.stdout, done.stdout


def test_the_span_has_the_name_that_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    assert TestClient(run("telemetry.md")["app"]).get("/acme/orders/3").text == "order"
    assert [f"`{span.name}`" in (PAGES / "telemetry.md").read_text() for span in exporter.get_finished_spans()] == [
        True
    ]
    provider.shutdown()
