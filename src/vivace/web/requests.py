"""An incoming request, read only as far as the code asks (names as in `starlette.requests`)."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar, cast

import anyio

from vivace.web._json import MalformedJSON, decode
from vivace.web._json_lines import MAX_LINE_LENGTH, JSONLines, MalformedJSONLine
from vivace.web._utils import AwaitableOrContextManager, AwaitableOrContextManagerWrapper
from vivace.web.datastructures import URL, Address, FormData, Headers, QueryParams, State
from vivace.web.datastructures._headers import encode_value
from vivace.web.exceptions import HTTPException
from vivace.web.formparsers import MAX_MEMORY, FormParser, MultiPartException, MultiPartParser, parse_media_type
from vivace.web.multipart import MultipartReader
from vivace.web.types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    StateT = TypeVarWithDefault("StateT", bound=Mapping[str, Any] | State, default=State)
else:
    StateT = TypeVar("StateT")

__all__ = [
    "ClientDisconnect",
    "HTTPConnection",
    "MalformedJSON",
    "MalformedJSONLine",
    "MissingMiddleware",
    "Request",
    "cookie_parser",
]

# What a pushed request inherits from the one that caused it.
SERVER_PUSH_HEADERS_TO_COPY = ("accept", "accept-encoding", "accept-language", "cache-control", "user-agent")

# What code does for each parameter it may do for a million; other frameworks take 1,000 to 4,096.
MAX_QUERY_PARAMS = 4096
# Browsers keep 180 for a site at most, and send 50 of them at least (RFC 6265 6.1).
MAX_COOKIES = 1000


class ClientDisconnect(Exception):
    """The client went away before it had sent, or been sent, everything."""


class MissingMiddleware(RuntimeError, AssertionError):
    """Something was asked for that only a middleware puts into the scope. Starlette raises AssertionError here."""


_ESCAPED = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 8)) if match[1] else match[2]


def cookie_parser(cookie_string: str) -> dict[str, str]:
    """The cookies of a Cookie header, read as browsers write them. Never raises.

    RFC 6265 5.4 wants `name=value` pairs; a chunk without `=` is a value without a name, as browsers have it.
    Quotes around a value and the escapes that `http.cookies` puts inside them are undone. What comes behind
    `MAX_COOKIES` is not looked at.
    """
    cookies: dict[str, str] = {}
    chunks = cookie_string.split(";", MAX_COOKIES)
    del chunks[MAX_COOKIES:]
    for chunk in chunks:
        name, equals, value = chunk.partition("=")
        if not equals:
            name, value = "", chunk
        name, value = name.strip(), value.strip()
        if value[:1] == '"' and value[-1:] == '"' and len(value) > 1:
            value = value[1:-1]
            if "\\" in value:
                value = _ESCAPED.sub(_unescape, value)
        if name or value:
            cookies[name] = value
    return cookies


class HTTPConnection(Mapping[str, Any], Generic[StateT]):
    """What a request and a WebSocket share: the ASGI scope, and what can be read from it.

    The connection is also a mapping, of its scope. Two connections are equal only when they are the same object.
    """

    # The dictionary is there for what others hang on a request; ours has slots of its own.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_base_url",
        "_cookies",
        "_headers",
        "_query_params",
        "_state",
        "_url",
        "scope",
    )

    def __init__(self, scope: Scope, receive: Receive | None = None) -> None:
        if scope["type"] not in ("http", "websocket"):
            raise TypeError(f'a connection has a scope of type "http" or "websocket", not {scope["type"]!r}')
        self.scope = scope
        self._url: URL | None = None
        self._base_url: URL | None = None
        self._headers: Headers | None = None
        self._query_params: QueryParams | None = None
        self._cookies: dict[str, str] | None = None
        self._state: State | None = None

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scope)

    def __len__(self) -> int:
        return len(self.scope)

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def app(self) -> Any:
        """The application that answers this request."""
        return self.scope["app"]

    @property
    def url(self) -> URL:
        if self._url is None:
            self._url = URL(scope=self.scope)
        return self._url

    @property
    def base_url(self) -> URL:
        """Where the outermost application is mounted; ends with a slash."""
        if self._base_url is None:
            # Inside a Mount `root_path` is the mount's, but URLs are built from the application's.
            root_path = self.scope.get("app_root_path", self.scope.get("root_path", ""))
            path = root_path if root_path.endswith("/") else root_path + "/"
            self._base_url = URL(scope={**self.scope, "path": path, "query_string": b"", "root_path": root_path})
        return self._base_url

    @property
    def headers(self) -> Headers:
        if self._headers is None:
            self._headers = Headers(scope=self.scope)
        return self._headers

    @property
    def query_params(self) -> QueryParams:
        """The parameters of the query; more than `MAX_QUERY_PARAMS` are a 400."""
        if self._query_params is None:
            query: bytes = self.scope["query_string"]
            if query.count(b"&") >= MAX_QUERY_PARAMS:
                raise HTTPException(400, f"Too many query parameters. Maximum number is {MAX_QUERY_PARAMS}.")
            self._query_params = QueryParams(query)
        return self._query_params

    @property
    def path_params(self) -> dict[str, Any]:
        """What the route's pattern found in the path, converted."""
        path_params: dict[str, Any] = self.scope.get("path_params", {})
        return path_params

    @property
    def cookies(self) -> dict[str, str]:
        if self._cookies is None:
            # RFC 9113 8.2.3: HTTP/2 may send several Cookie fields.
            self._cookies = cookie_parser(";".join(self.headers.getlist("cookie")))
        return self._cookies

    @property
    def client(self) -> Address | None:
        """The other end, or None when the server does not know it."""
        address = self.scope.get("client")
        return None if address is None else Address(*address)

    @property
    def session(self) -> dict[str, Any]:
        """The session; raises `MissingMiddleware` without a session middleware."""
        session: dict[str, Any] = self._from_middleware("session", "SessionMiddleware")
        # A session that tracks its use adds `Vary: Cookie` to the response.
        mark_accessed = getattr(session, "mark_accessed", None)
        if mark_accessed is not None:
            mark_accessed()
        return session

    @property
    def auth(self) -> Any:
        """The credentials; raises `MissingMiddleware` without an authentication middleware."""
        return self._from_middleware("auth", "AuthenticationMiddleware")

    @property
    def user(self) -> Any:
        """Who asks; raises `MissingMiddleware` without an authentication middleware."""
        return self._from_middleware("user", "AuthenticationMiddleware")

    def _from_middleware(self, key: str, middleware: str) -> Any:
        try:
            return self.scope[key]
        except KeyError:
            raise MissingMiddleware(f"{middleware} must be installed to access request.{key}") from None

    @property
    def state(self) -> StateT:
        """Room for what this request needs to remember; starts with what the lifespan gave."""
        if self._state is None:
            self._state = State(self.scope.setdefault("state", {}))
        return cast("StateT", self._state)

    def url_for(self, name: str, /, **path_params: Any) -> URL:
        """The absolute URL of the route with this name."""
        provider = self.scope.get("router") or self.scope.get("app")
        if provider is None:
            raise RuntimeError("The `url_for` method can only be used inside a Starlette application or with a router.")
        url: URL = provider.url_path_for(name, **path_params).make_absolute_url(base_url=self.base_url)
        return url


async def empty_receive() -> NoReturn:
    """The `receive` of a connection made without one. Raises RuntimeError."""
    raise RuntimeError("Receive channel has not been made available")


async def empty_send(message: Message) -> NoReturn:
    """The `send` of a connection made without one. Raises RuntimeError."""
    raise RuntimeError("Send channel has not been made available")


class Request(HTTPConnection[StateT]):
    """An HTTP request. The body is read once, when `stream()`, `body()`, `json()` or `form()` asks for it."""

    # `_body`, `_json` and `_parts` stay unset until they are known: their absence is the question others ask.
    __slots__ = (
        "_body",
        "_early",
        "_form",
        "_is_disconnected",
        "_json",
        "_parts",
        "_receive",
        "_send",
        "_stream_consumed",
    )
    _body: bytes
    _json: Any
    _parts: MultipartReader

    def __init__(self, scope: Scope, receive: Receive = empty_receive, send: Send = empty_send) -> None:
        if scope["type"] != "http":
            raise TypeError(f'a request has a scope of type "http", not {scope["type"]!r}')
        # What HTTPConnection sets, without the call: nearly half of what making a request costs.
        self.scope = scope
        self._url = self._base_url = self._headers = self._query_params = self._cookies = self._state = None
        self._receive = receive
        self._send = send
        self._stream_consumed = False
        self._is_disconnected = False
        self._early: Message | None = None
        self._form: FormData | None = None

    @property
    def method(self) -> str:
        method: str = self.scope["method"]
        return method

    @property
    def receive(self) -> Receive:
        return self._receive

    @property
    def last_event_id(self) -> str | None:
        """The id of the last server-sent event that a browser saw before it reconnected (HTML 9.2.3); its own claim."""
        value = self.headers.get("last-event-id")
        return value.encode("latin-1").decode("utf-8", "replace") if value else None

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives, ended by an empty chunk; afterwards `body()` cannot give it again.

        Raises `ClientDisconnect` when the client leaves before the end, RuntimeError when the body was streamed before.
        """
        if hasattr(self, "_body"):
            yield self._body
            yield b""
            return
        if self._stream_consumed:
            raise RuntimeError("Stream consumed")
        more = True
        while more:
            chunk, more = await self._receive_chunk()
            if chunk:
                yield chunk
        yield b""

    async def _receive_chunk(self) -> tuple[bytes, bool]:
        """More of the body, maybe nothing, and whether there may be more still."""
        if self._stream_consumed:  # by another iteration since this one began
            return b"", False
        message, self._early = self._early or await self._receive(), None
        if message["type"] == "http.disconnect":
            self._is_disconnected = True
            raise ClientDisconnect
        if message["type"] != "http.request":
            return b"", True
        more: bool = message.get("more_body", False)
        self._stream_consumed = not more
        return message.get("body", b""), more

    async def body(self) -> bytes:
        """The whole body, remembered."""
        if not hasattr(self, "_body"):
            self._body = b"".join([chunk async for chunk in self.stream()])
        return self._body

    async def json(self) -> Any:
        """The body as JSON, remembered. Raises `MalformedJSON`, a 400 with line and column, when it is none."""
        if not hasattr(self, "_json"):
            self._json = decode(await self.body())
        return self._json

    def json_lines(self, type: Any = Any, *, max_line_length: int = MAX_LINE_LENGTH) -> AsyncIterator[Any]:
        """The values of a body of JSON lines, each as soon as it has arrived; the body is never held whole.

        `type` is what each line has to be, as msgspec knows types: a Struct, `dict[str, int]` …. Blank lines are left
        out. A line that is no JSON is a `MalformedJSONLine`, a 400 that names it; one of another type is a 422, one of
        more than `max_line_length` bytes a 413. Raises `ClientDisconnect` and RuntimeError as `stream()` does.
        """
        if self._stream_consumed and not hasattr(self, "_body"):
            raise RuntimeError("Stream consumed")
        return JSONLines(self._known_or_next_chunk, type, max_line_length)

    async def _known_or_next_chunk(self) -> tuple[bytes, bool]:
        return (self._body, False) if hasattr(self, "_body") else await self._receive_chunk()

    def form(
        self,
        *,
        max_files: float = 1000,
        max_fields: float = 1000,
        max_part_size: int = 1024 * 1024,
        max_file_size: float = math.inf,
        max_memory: float = MAX_MEMORY,
        max_size: float = math.inf,
    ) -> AwaitableOrContextManager[FormData]:
        """The body as a form, multipart or urlencoded, to `await` or to use in `async with`, which closes its files.

        A route closes them after its response at the latest. A body of another type is an empty form. Sizes are in
        bytes: `max_part_size` of one field, `max_file_size` of one file, `max_memory` of all that is not on disk,
        `max_size` of the body. Raises `MultiPartException` for a broken form (400) and beyond the limits (400 of fields
        and numbers, as in Starlette; 413 of files, memory and body), `ClientDisconnect` when the client leaves.
        """
        return AwaitableOrContextManagerWrapper(
            self._get_form(
                max_files=max_files,
                max_fields=max_fields,
                max_part_size=max_part_size,
                max_file_size=max_file_size,
                max_memory=max_memory,
                max_size=max_size,
            )
        )

    async def _get_form(self, *, max_files: float, max_file_size: float, **limits: Any) -> FormData:
        if self._form is not None:
            return self._form
        if hasattr(self, "_parts"):
            raise RuntimeError("The form is read by request.multipart(); request.form() would want it whole.")
        media_type, _ = parse_media_type(self.headers.get("content-type", ""))
        parser: MultiPartParser | FormParser
        if media_type == "multipart/form-data":
            parser = MultiPartParser(
                self.headers, self.stream(), max_files=max_files, max_file_size=max_file_size, **limits
            )
        elif media_type == "application/x-www-form-urlencoded":
            parser = FormParser(self.headers, self.stream(), **limits)
        else:
            self._form = FormData()
            return self._form
        self._form = await parser.parse()
        return self._form

    def multipart(
        self, *, max_parts: float = 1000, max_part_size: float = math.inf, max_size: float = math.inf
    ) -> MultipartReader:
        """The parts of a multipart form as they arrive, to use in `async for`: nothing is kept, each is read once.

        See `vivace.web.multipart`. Limits are a number of parts, and bytes of a part and of the body. Raises
        `MultiPartException`: 415 here for a body of another type; while reading, 400 for a broken form, 413 beyond the
        sizes. RuntimeError when the body is being read already.
        """
        content_type = self.headers.get("content-type", "")
        if parse_media_type(content_type)[0] != "multipart/form-data":
            raise MultiPartException(f"A multipart/form-data body is expected, not {content_type!r}.", 415)
        if hasattr(self, "_parts") or (self._stream_consumed and not hasattr(self, "_body")):
            raise RuntimeError("The body is being read, or was: request.multipart() reads it once, from its start.")
        self._parts = MultipartReader(
            self.headers, _Chunks(self), max_parts=max_parts, max_part_size=max_part_size, max_size=max_size
        )
        return self._parts

    async def close(self) -> None:
        """Closes the files of the form, if it was read."""
        if self._form is not None:
            await self._form.close()

    async def is_disconnected(self) -> bool:
        """Whether the client is known to have left; looks, and does not wait. No part of the body is lost by asking."""
        # Behind the last part of the body, which waits for its reader, only the end of the connection can follow.
        while not self._is_disconnected and (self._early is None or not self._early.get("more_body", False)):
            message: Message | None = None
            # A cancelled scope lets `receive` give what it has and cuts off any waiting.
            with anyio.CancelScope() as scope:
                scope.cancel()
                message = await self._receive()
            if message is not None and message["type"] == "http.disconnect":
                self._is_disconnected = True
            elif message is not None and self._early is None and not self._stream_consumed:
                self._early = message
            else:
                break
        return self._is_disconnected

    async def send_push_promise(self, path: str) -> None:
        """Pushes `path` where the server offers HTTP/2 push; nothing elsewhere. ValueError for line breaks."""
        encode_value(path)
        if "http.response.push" in self.scope.get("extensions", {}):
            headers = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name in SERVER_PUSH_HEADERS_TO_COPY
                for value in self.headers.getlist(name)
            ]
            await self._send({"type": "http.response.push", "path": path, "headers": headers})

    async def send_early_hints(self, link: str, /, *additional_links: str) -> None:
        """Sends 103 with these Link values where the server can; nothing elsewhere. ValueError for line breaks."""
        links = [encode_value(value) for value in (link, *additional_links)]
        if "http.response.early_hint" in self.scope.get("extensions", {}):
            await self._send({"type": "http.response.early_hint", "links": links})


class _Chunks(AsyncIterator[bytes]):
    """The body as it arrives. Unlike a generator it goes on after a cancelled wait, and needs no closing."""

    def __init__(self, request: Request[Any]) -> None:
        self._request = request
        self._body_given = False

    async def __anext__(self) -> bytes:
        request = self._request
        if hasattr(request, "_body"):
            if self._body_given:
                raise StopAsyncIteration
            self._body_given = True
            return request._body
        while not request._stream_consumed:
            chunk, _ = await request._receive_chunk()
            if chunk:
                return chunk
        raise StopAsyncIteration
