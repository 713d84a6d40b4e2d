"""Where metrics can be told."""

from __future__ import annotations

import pytest

from vivace.server.options.metrics import Metrics


@pytest.mark.parametrize("bind", ["127.0.0.1:9100", "[::1]:0", ":9100", "unix:/run/site/metrics.sock"])
def test_an_address_or_a_unix_socket_turns_metrics_on(bind: str) -> None:
    assert Metrics(metrics_bind=bind).enabled


def test_metrics_are_off_unless_asked_for() -> None:
    assert not Metrics().enabled
    assert Metrics(opentelemetry=True).enabled


@pytest.mark.parametrize("bind", ["9100/metrics", "http://127.0.0.1:9100", "127.0.0.1:99999", "", "fd://3", "systemd"])
def test_what_is_no_address_is_refused(bind: str) -> None:
    with pytest.raises(ValueError, match=r"^metrics_bind"):
        Metrics(metrics_bind=bind)
