"""What all layers that speak OpenTelemetry share; imports nothing of it."""

from __future__ import annotations


def records_nothing(of_api: object) -> bool:
    """Whether this is one of the API's own classes, which stand in where no SDK is set up."""
    return type(of_api).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))
