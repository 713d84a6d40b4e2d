"""What is understood of the options of workers, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from vivace.server.config import Config
from vivace.server.cpus import usable_cpus
from vivace.server.errors import ConfigError
from vivace.server.options.workers import Workers


def test_auto_is_a_worker_for_each_usable_cpu() -> None:
    assert Workers(workers="auto").count == usable_cpus()


def test_without_a_number_there_is_one() -> None:
    assert Workers().count == 1
    assert Workers(workers=4).count == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, 'workers must be a whole number above zero, or "auto", got 0'),
        ({"workers": "many"}, "got 'many'"),
        ({"workers": True}, "got True"),
        ({"workers": 2.0}, r"got 2\.0"),
        ({"workers": 1, "worker_timeout": 0}, "worker_timeout must be a number of seconds above zero, got 0"),
        ({"workers": 1, "max_requests": -1}, "max_requests must be a whole number, zero or more, got -1"),
        ({"workers": 1, "max_worker_memory": 1.5}, r"max_worker_memory must be a whole number, zero or more, got 1\.5"),
        ({"workers": 1, "max_worker_age": "1h"}, "max_worker_age must be a number of seconds above zero, got '1h'"),
        ({"workers": 1, "max_requests_jitter": 5}, "max_requests_jitter is added to max_requests, which is not given"),
        ({"preload": True}, "preload is for workers; give workers as well, workers=1 for a single one"),
        ({"max_requests": 1000}, "max_requests is for workers"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Workers(**options)


def test_preload_and_reload_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="preload keeps the code as it was imported; reload imports it anew"):
        Config.from_options({"workers": 1, "preload": True, "reload": True})
