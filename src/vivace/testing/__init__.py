"""The pytest plugin: the site's test client, database isolation and query-count assertions.

Read `plugin` first: its fixtures are there in every pytest run, so importing it loads no layer of Vivace. `queries`
counts statements; the clients are `vivace.web.testclient`'s.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivace.testing.queries import CapturedQueries as CapturedQueries
    from vivace.testing.queries import assert_max_queries as assert_max_queries
    from vivace.testing.queries import assert_num_queries as assert_num_queries
    from vivace.testing.queries import capture_queries as capture_queries
    from vivace.web.testclient import AsyncTestClient as AsyncTestClient
    from vivace.web.testclient import TestClient as TestClient

_EXPORTS = {
    "AsyncTestClient": "vivace.web.testclient",
    "CapturedQueries": "vivace.testing.queries",
    "TestClient": "vivace.web.testclient",
    "assert_max_queries": "vivace.testing.queries",
    "assert_num_queries": "vivace.testing.queries",
    "capture_queries": "vivace.testing.queries",
}

__all__ = [
    "AsyncTestClient",
    "CapturedQueries",
    "TestClient",
    "assert_max_queries",
    "assert_num_queries",
    "capture_queries",
]


def __getattr__(name: str) -> object:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'vivace.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
