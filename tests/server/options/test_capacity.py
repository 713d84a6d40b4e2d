"""What one process can be told to take on."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.server import Config
from vivace.server.errors import ConfigError
from vivace.server.options.capacity import Capacity


def test_nothing_is_limited_unless_asked_for() -> None:
    capacity = Capacity()
    limits = (capacity.max_connections, capacity.max_connections_per_address, capacity.max_concurrency)
    assert limits == (0, 0, 0)
    assert capacity.health_path is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"max_connections": -1}, "max_connections must be a whole number of 0 or more, got -1"),
        ({"max_concurrency": 1.5}, "max_concurrency must be a whole number of 0 or more, got 1.5"),
        ({"max_connections_per_address": "9"}, "max_connections_per_address must be"),
        ({"max_queue": 10}, "max_queue is for requests beyond max_concurrency, which has no limit; give both"),
        ({"queue_timeout": 0}, "queue_timeout must be a number of seconds above zero, got 0"),
        ({"retry_after": True}, "retry_after must be a whole number of 0 or more, got True"),
        ({"health_path": "healthz"}, "health_path must be a path of visible ASCII such as \"/healthz\", got 'healthz'"),
        ({"health_path": "/health?full"}, "health_path must be a path"),
        ({"health_path": "/é"}, "health_path must be a path"),
        ({"health_path": "//health"}, "health_path must be a path"),
        ({"health_path": ""}, "health_path must be a path"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=r"^" + complaint.replace("?", r"\?")):
        Capacity(**options)
    with pytest.raises(ConfigError):
        Config.from_options(options)
