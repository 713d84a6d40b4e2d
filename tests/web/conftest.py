"""The toolkit is written on anyio: its tests run on asyncio and on trio."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from vivace.web.types import ASGIApp


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


@pytest.fixture
def client_for() -> Callable[[ASGIApp], httpx.AsyncClient]:
    """A client, to be used in `async with`, that calls an ASGI application without a server."""

    def make(app: ASGIApp) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=app)
        return httpx.AsyncClient(transport=transport, base_url="http://testserver")

    return make
