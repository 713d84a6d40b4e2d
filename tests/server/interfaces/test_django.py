"""Django's own handlers, by ASGI and by WSGI: served alike, and quietly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path

pytestmark = pytest.mark.anyio
Live = Callable[..., AbstractAsyncContextManager[Any]]


def echo(request: HttpRequest, name: str) -> HttpResponse:
    user = request.headers.get("X-User", "nobody")
    return HttpResponse(f"{request.method} {request.path} {name} {user} {request.GET.get('q')} {len(request.body)}")


def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.POST['name']} {request.FILES['file'].size}")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(b"%d," % number for number in range(5))


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(Path(__file__).open("rb"))


class Urls:
    urlpatterns = [
        path("echo/<name>", echo),
        path("form", form),
        path("stream", stream),
        path("file", file),
    ]


@pytest.fixture(params=[ASGIHandler, WSGIHandler])
def app(request: pytest.FixtureRequest) -> Iterator[Any]:
    if not settings.configured:
        settings.configure(USE_TZ=True, TIME_ZONE="UTC")
    with override_settings(ROOT_URLCONF=Urls, ALLOWED_HOSTS=["a"], MIDDLEWARE=[]):
        yield request.param()


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators:Warning")
async def test_django_is_served_quietly(live: Live, app: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "vivace.server")
    upload = (
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nvalue\r\n--x\r\nContent-Disposition: form-data; '
        b'name="file"; filename="f"\r\n\r\n' + b"y" * 300_000 + b"\r\n--x--\r\n"
    )
    async with live(app) as site:

        async def ask(method: str, target: str, headers: str = "", body: bytes = b"") -> bytes:
            fields = f"Host: a\r\nConnection: close\r\n{headers}Content-Length: {len(body)}"
            answer = await site.ask(f"{method} {target} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)
            assert answer.status == 200, answer.body
            return bytes(answer.body)

        named = await ask("PUT", "/echo/caf%C3%A9%20x?q=%C3%A9", "X-User: me\r\nX_User: root\r\n", b"body")
        assert named.decode() == "PUT /echo/café x café x me é 4"
        assert (
            await ask("POST", "/form", "Content-Type: multipart/form-data; boundary=x\r\n", upload) == b"value 300000"
        )
        assert await ask("GET", "/stream") == b"0,1,2,3,4,"
        assert await ask("GET", "/file") == Path(__file__).read_bytes()
    levels = [record.levelname for record in caplog.records if record.name.startswith("vivace")]
    assert levels == ["INFO", "INFO"]  # that it serves, and that it has stopped
