"""Metrics through OpenTelemetry, read back by its SDK in a process of its own: a provider is set once in a process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from vivace.server.errors import ConfigError
from vivace.server.metrics import open_telemetry
from vivace.server.metrics.open_telemetry import describe, require_opentelemetry

SCRIPT = """
import asyncio
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from vivace.server import Config, Server

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))

async def app(scope, receive, send):
    if scope["path"] == "/fail":
        raise ZeroDivisionError
    assert "vivace.metrics" in scope["extensions"]
    scope["http.route"] = "/{name}"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})

async def main():
    config = Config.from_options({"port": 0, "opentelemetry": True, "lifespan": "off", "log_level": "critical"})
    async with Server(app, config) as server:
        for path in (b"/", b"/", b"/fail"):
            reader_, writer = await asyncio.open_connection("127.0.0.1", server.port)
            method = b"GET" if path == b"/" else b"BREW"
            writer.write(method + b" " + path + b" HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n")
            await reader_.read()
            writer.close()
        print(reader.get_metrics_data().to_json(indent=None))

asyncio.run(main())
"""


def collected() -> dict[str, list[dict[str, Any]]]:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout.splitlines()[-1])
    (scope,) = data["resource_metrics"][0]["scope_metrics"]
    assert scope["scope"]["name"] == "vivace"
    return {metric["name"]: metric["data"]["data_points"] for metric in scope["metrics"]}


def test_requests_are_recorded_by_the_names_of_the_semantic_conventions() -> None:
    found = collected()
    durations = {
        point["attributes"]["http.response.status_code"]: point for point in found["http.server.request.duration"]
    }
    assert {status: point["count"] for status, point in durations.items()} == {200: 2, 500: 1}
    assert durations[200]["attributes"] == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "http.route": "/{name}",
    }
    assert durations[500]["attributes"]["http.request.method"] == "_OTHER"
    assert durations[500]["attributes"]["error.type"] == "500"
    assert [point["value"] for point in found["http.server.active_requests"]] == [0]
    assert found["process.memory.usage"][0]["value"] > 1_000_000
    assert {
        point["attributes"]["http.response.status_code"]: point["value"] for point in found["vivace.http.requests"]
    } == {
        "200": 2,
        "500": 1,
    }


def test_a_missing_package_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_telemetry, "AVAILABLE", False)
    with pytest.raises(ConfigError, match=r"opentelemetry-api.*pip install"):
        require_opentelemetry()


def test_clients_cannot_make_up_attributes() -> None:
    assert describe("X" * 100, "https", 200, "2", None)["http.request.method"] == "_OTHER"
