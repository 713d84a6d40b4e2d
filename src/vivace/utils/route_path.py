"""Where a request's path lies below the path that the application is served under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def get_route_path(scope: Mapping[str, Any]) -> str:
    """The part of `scope["path"]` below `root_path`, which is what routes and static files match."""
    path: str = scope["path"]
    root_path: str = scope.get("root_path", "")
    if not root_path or not path.startswith(root_path):
        return path
    below = path[len(root_path) :]
    # "/api" is not the root of "/apiary".
    return below if not below or below[0] == "/" else path
