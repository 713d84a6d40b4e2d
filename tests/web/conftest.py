"""The toolkit is written on anyio: its tests run on asyncio and on trio; and its responses go out in two ways.

Every test that may send a response runs both ways: by messages, and by the direct path that our server offers. Where
there are two backends, asyncio takes the one and trio the other, so that it costs no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from vivace.web.testclient._direct import DirectSend
from vivace.web.testclient._exchange import Exchange
from vivace.web.types import ASGIApp, Receive, Scope, Send


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # The examples of the documentation keep what happened to them, and are about other things.
    is_example = metafunc.module.__name__.split(".")[-1].startswith("test_documentation")
    if "anyio_backend" not in metafunc.fixturenames and "TestClient" in vars(metafunc.module) and not is_example:
        metafunc.parametrize("direct_path", [False, True], indirect=True, ids=["messages", "direct"])


@pytest.fixture(autouse=True)
def direct_path(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Whether `send` offers the direct path to the applications of this test."""
    is_offered: bool = getattr(request, "param", None) is True
    if "anyio_backend" in request.fixturenames:
        is_offered = request.getfixturevalue("anyio_backend") == "trio"
    Exchange.offers_direct_path = is_offered
    yield is_offered
    Exchange.offers_direct_path = False


@pytest.fixture
def client_for(direct_path: bool) -> Callable[[ASGIApp], httpx.AsyncClient]:
    """A client, to be used in `async with`, that calls an ASGI application without a server."""

    def make(app: ASGIApp) -> httpx.AsyncClient:
        async def directly(scope: Scope, receive: Receive, send: Send) -> None:
            await app(scope, receive, DirectSend(send))

        transport = httpx.ASGITransport(app=directly if direct_path else app)
        return httpx.AsyncClient(transport=transport, base_url="http://testserver")

    return make
