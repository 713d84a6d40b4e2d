"""What the tests of WSGI share: applications of one line, and requests that carry a body."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], None]]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


@pytest.fixture
def answering() -> Callable[[Callable[[Environ], bytes]], WsgiApp]:
    """Makes an application that answers with what a function makes of the environ."""

    def make(function: Callable[[Environ], bytes]) -> WsgiApp:
        def app(environ: Environ, start_response: StartResponse) -> list[bytes]:
            body = function(environ)
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [body]

        return app

    return make
