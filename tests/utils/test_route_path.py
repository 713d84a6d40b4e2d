from __future__ import annotations

import pytest

from vivace.utils.route_path import get_route_path


@pytest.mark.parametrize(
    ("path", "root_path", "below"),
    [
        ("/a", "", "/a"),
        ("/app/a", "/app", "/a"),
        ("/app", "/app", ""),
        ("/app/", "/app", "/"),
        ("/apples", "/app", "/apples"),
        ("/other", "/app", "/other"),
    ],
)
def test_the_route_path_is_below_the_root(path: str, root_path: str, below: str) -> None:
    assert get_route_path({"path": path, "root_path": root_path}) == below
    assert get_route_path({"path": path}) == path
