"""Requests for tests of an API; `rest_framework.test`, awaited.

async with APIClient(app) as client:
    client.force_authenticate(user=ann)
    response = await client.post("/api/books/", {"title": "The Sea"}, format="json")
    assert response.data["title"] == "The Sea"
"""

from __future__ import annotations

import unittest
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast
from urllib.parse import urlencode, urlsplit

import msgspec

from vivace.rest.renderers import JSONRenderer, MessagePackRenderer
from vivace.rest.request import FORCED_AUTHENTICATION_KEY, Request
from vivace.rest.settings import current
from vivace.utils.suggest import did_you_mean
from vivace.web.applications import Application
from vivace.web.routing import BaseRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.testclient._httpx import httpx
from vivace.web.types import Message, Receive, Scope, Send

FORMATS = ("json", "multipart", "form", "msgpack")


def encode_data(data: Any, format: str | None = None, content_type: str | None = None) -> tuple[bytes, str | None]:
    """The body for `data`, and its content type. Raises ValueError for an unknown format, or both.

    With a content type, text and bytes are sent as they are, anything else as JSON where the type is JSON.
    """
    if format is not None and content_type is not None:
        raise ValueError("give format= or content_type=, not both")
    if data is None:
        return b"", content_type
    if content_type is not None:
        if isinstance(data, bytes | str):
            return (data.encode() if isinstance(data, str) else data), content_type
        return JSONRenderer().render(data), content_type
    chosen = current().TEST_REQUEST_DEFAULT_FORMAT if format is None else format
    if chosen == "json":
        return JSONRenderer().render(data), "application/json"
    if chosen == "msgpack":
        return MessagePackRenderer().render(data), "application/msgpack"
    if chosen == "form":
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    if chosen == "multipart":
        return _multipart(data)
    raise ValueError(f'format="{chosen}": ' + did_you_mean(chosen, FORMATS, listed_as="Formats"))


def _multipart(data: Mapping[str, Any]) -> tuple[bytes, str]:
    parts: list[tuple[str, Any]] = []
    for name, value in data.items():
        for item in value if isinstance(value, list | tuple) and not _is_file(value) else [value]:
            if isinstance(item, Mapping):
                raise TypeError(f'{name}: a form has no nested objects; use format="json"')
            parts.append((name, _file(item) if _is_file(item) else (None, _text(item))))
    request = httpx.Request("POST", "http://testserver/", files=parts or {"": ("", b"")})
    return request.read(), request.headers["content-type"]


def _is_file(value: Any) -> bool:
    # A file, or httpx's `(name, content, type)`.
    return hasattr(value, "read") or (
        isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[1], bytes | bytearray)
    )


def _file(value: Any) -> Any:
    return value if isinstance(value, tuple) else (getattr(value, "name", "file").rpartition("/")[2], value.read())


def _text(value: Any) -> str:
    if value is None:
        raise TypeError("a form cannot say None; leave the field out, or send the empty string")
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def force_authenticate(request: Request, user: Any = None, token: Any = None) -> None:
    """Views take `user` for who asks, and `token` for `request.auth`, without asking their authentication classes."""
    if user is None and token is None:
        request.scope.pop(FORCED_AUTHENTICATION_KEY, None)
    else:
        request.scope[FORCED_AUTHENTICATION_KEY] = (user, token)


class APIRequestFactory:
    """Makes requests to give to a view: `await BookList.as_view()(factory.get("/books/"))`.

    `defaults` are headers of every request.
    """

    def __init__(self, *, headers: Mapping[str, str] | None = None) -> None:
        self.headers = dict(headers or {})

    def generic(
        self,
        method: str,
        path: str,
        data: bytes = b"",
        content_type: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        path_params: Mapping[str, Any] | None = None,
    ) -> Request:
        """A request with this body. `path_params` is what a route would have found in the path."""
        target = urlsplit(path)
        sent = {"host": "testserver", **self.headers, **(headers or {})}
        if content_type is not None:
            sent["content-type"] = content_type
        if data:
            sent["content-length"] = str(len(data))
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": target.scheme or "http",
            "path": httpx.URL(path).path,
            "raw_path": target.path.encode(),
            "query_string": target.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
            "client": ("testclient", 50000),
            "server": ("testserver", 80),
            "path_params": dict(path_params or {}),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": data, "more_body": False}

        return Request(scope, receive, _no_send)

    def get(self, path: str, data: Mapping[str, Any] | None = None, **extra: Any) -> Request:
        """A GET with `data` as the parameters of the URL."""
        return self.generic("GET", _with_query(path, data), **extra)

    def head(self, path: str, data: Mapping[str, Any] | None = None, **extra: Any) -> Request:
        """A HEAD with `data` as the parameters of the URL."""
        return self.generic("HEAD", _with_query(path, data), **extra)

    def _with_body(
        self,
        method: str,
        path: str,
        data: Any = None,
        format: str | None = None,
        content_type: str | None = None,
        **extra: Any,
    ) -> Request:
        body, kind = encode_data(data, format, content_type)
        return self.generic(method, path, body, kind, **extra)

    def post(self, path: str, data: Any = None, format: str | None = None, **extra: Any) -> Request:
        """A POST with `data` in that format."""
        return self._with_body("POST", path, data, format, **extra)

    def put(self, path: str, data: Any = None, format: str | None = None, **extra: Any) -> Request:
        """A PUT with `data` in that format."""
        return self._with_body("PUT", path, data, format, **extra)

    def patch(self, path: str, data: Any = None, format: str | None = None, **extra: Any) -> Request:
        """A PATCH with `data` in that format."""
        return self._with_body("PATCH", path, data, format, **extra)

    def delete(self, path: str, data: Any = None, format: str | None = None, **extra: Any) -> Request:
        """A DELETE with `data` in that format."""
        return self._with_body("DELETE", path, data, format, **extra)

    def options(self, path: str, data: Any = None, format: str | None = None, **extra: Any) -> Request:
        """An OPTIONS with `data` in that format."""
        return self._with_body("OPTIONS", path, data, format, **extra)


async def _no_send(message: Message) -> None:
    raise RuntimeError("this request was made by APIRequestFactory and has nobody to send to")


def _with_query(path: str, data: Mapping[str, Any] | None) -> str:
    return f"{path.partition('?')[0]}?{urlencode(data, doseq=True)}" if data else path


class APIResponse(httpx.Response):
    """What `APIClient` gives: an httpx response with DRF's `data`."""

    @property
    def data(self) -> Any:
        """The body's data: JSON or MessagePack; None for an empty body. Raises ValueError for another type."""
        if not self.content:
            return None
        kind = self.headers.get("content-type", "").partition(";")[0]
        if kind.endswith("json"):
            return self.json()
        if kind == "application/msgpack":
            return msgspec.msgpack.decode(self.content)
        raise ValueError(f"response.data: the body is {kind or 'of no type'}, not JSON; see response.content")


class _Forcing:
    """Puts who shall be asking into the scope of every request."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.forced: tuple[Any, Any] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.forced is not None and scope["type"] in ("http", "websocket"):
            scope[FORCED_AUTHENTICATION_KEY] = self.forced
        await self.app(scope, receive, send)


class APIClient(AsyncTestClient):
    """An AsyncTestClient with DRF's ways: `data` in a `format`, `credentials()`, `force_authenticate()`, `.data`.

    Redirects are followed only with `follow=True`. The arguments of AsyncTestClient (`json=`, `params=`, `headers=`)
    work as well.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        self._forcing = _Forcing(app)
        self._credentials: dict[str, str] = {}
        super().__init__(self._forcing, **{"follow_redirects": False, **options})

    def credentials(self, **headers: str) -> None:
        """Headers of every request from now on, by DRF's names (`HTTP_AUTHORIZATION`) or their own."""
        self._credentials = {_header_name(name): value for name, value in headers.items()}

    def force_authenticate(self, user: Any = None, token: Any = None) -> None:
        """From now on it is `user` who asks, with `token` as `request.auth`; nobody in particular without both."""
        self._forcing.forced = None if user is None and token is None else (user, token)

    def logout(self) -> None:
        """Forgets credentials, cookies and who was forced."""
        self._credentials = {}
        self._forcing.forced = None
        self.cookies.clear()

    async def request(self, method: str, url: Any, **options: Any) -> APIResponse:
        """A request with the credentials; as httpx makes it."""
        options["headers"] = {**self._credentials, **(options.get("headers") or {})}
        response = await super().request(method, url, **options)
        response.__class__ = APIResponse
        return cast("APIResponse", response)

    async def _call(self, method: str, path: Any, data: Any, arguments: dict[str, Any]) -> APIResponse:
        chosen, content_type = arguments.pop("format", None), arguments.pop("content_type", None)
        if "follow" in arguments:
            arguments["follow_redirects"] = arguments.pop("follow")
        for name in [name for name in arguments if name.isupper()]:
            headers = arguments.setdefault("headers", {})
            headers[_header_name(name)] = arguments.pop(name)
        if method in ("GET", "HEAD"):
            if data:
                arguments.setdefault("params", data)
        elif data is not None or content_type is not None:
            body, kind = encode_data(data, chosen, content_type)
            arguments["content"] = body
            arguments["headers"] = {**({} if kind is None else {"content-type": kind}), **arguments.get("headers", {})}
        return await self.request(method, path, **arguments)

    async def get(self, path: Any, data: Any = None, **arguments: Any) -> APIResponse:  # type: ignore[override]
        """GET with `data` as the parameters of the URL."""
        return await self._call("GET", path, data, arguments)

    async def head(self, path: Any, data: Any = None, **arguments: Any) -> APIResponse:  # type: ignore[override]
        """HEAD with `data` as the parameters of the URL."""
        return await self._call("HEAD", path, data, arguments)

    async def post(self, path: Any, data: Any = None, **arguments: Any) -> APIResponse:  # type: ignore[override]
        """POST with `data` in the `format`."""
        return await self._call("POST", path, data, arguments)

    async def put(self, path: Any, data: Any = None, **arguments: Any) -> APIResponse:  # type: ignore[override]
        """PUT with `data` in the `format`."""
        return await self._call("PUT", path, data, arguments)

    async def patch(self, path: Any, data: Any = None, **arguments: Any) -> APIResponse:  # type: ignore[override]
        """PATCH with `data` in the `format`."""
        return await self._call("PATCH", path, data, arguments)

    async def delete(self, path: Any, data: Any = None, **arguments: Any) -> APIResponse:  # type: ignore[override]
        """DELETE with `data` in the `format`."""
        return await self._call("DELETE", path, data, arguments)

    async def options(self, path: Any, data: Any = None, **arguments: Any) -> APIResponse:  # type: ignore[override]
        """OPTIONS with `data` in the `format`."""
        return await self._call("OPTIONS", path, data, arguments)


def _header_name(name: str) -> str:
    return name.removeprefix("HTTP_").replace("_", "-").lower()


class APISimpleTestCase(unittest.IsolatedAsyncioTestCase):
    """A unittest case with a `client` for its `app`; test methods are `async def`."""

    app: ClassVar[Any] = None
    client_class: type[APIClient] = APIClient
    client: APIClient

    def get_app(self) -> Any:
        """The application to ask. Raises TypeError unless the class has an `app`."""
        if self.app is None:
            raise TypeError(f"{type(self).__name__} needs `app`, the application that its client asks")
        return self.app

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.client = await self.enterAsyncContext(self.client_class(self.get_app()))


class APITransactionTestCase(APISimpleTestCase):
    """The same, for tests whose database keeps what they write; clean up after them."""


class APITestCase(APISimpleTestCase):
    """The same, with what a test writes to `databases` rolled back after it; by default those of a Vivace `app`."""

    databases: ClassVar[Sequence[Any]] = ()

    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        own = getattr(self.get_app(), "database", None)
        for database in self.databases or ([] if own is None else [own]):
            await self.enterAsyncContext(database.transaction(force_rollback=True))


class URLPatternsTestCase(APISimpleTestCase):
    """A case with routes of its own, `urlpatterns`."""

    urlpatterns: ClassVar[Sequence[BaseRoute]] = ()

    def get_app(self) -> Any:
        return Application(routes=list(self.urlpatterns))

    @classmethod
    def setUpClass(cls) -> None:
        if cls is not URLPatternsTestCase and not cls.urlpatterns:
            raise TypeError(f"{cls.__name__} needs `urlpatterns`, a list of routes")
        super().setUpClass()


__all__ = [
    "APIClient",
    "APIRequestFactory",
    "APIResponse",
    "APISimpleTestCase",
    "APITestCase",
    "APITransactionTestCase",
    "URLPatternsTestCase",
    "force_authenticate",
]
