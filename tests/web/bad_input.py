"""An application that reads all there is in a request, and requests made of pieces that are nearly right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

from vivace.web.applications import Application
from vivace.web.middleware import Middleware
from vivace.web.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from vivace.web.middleware.conditional import ConditionalGetMiddleware
from vivace.web.middleware.cors import CORSMiddleware
from vivace.web.middleware.csrf import CSRFMiddleware, get_token
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.middleware.httpsredirect import HTTPSRedirectMiddleware
from vivace.web.middleware.request_id import RequestIdMiddleware
from vivace.web.middleware.security_headers import SecurityHeadersMiddleware
from vivace.web.middleware.sessions import SessionMiddleware
from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.requests import Request
from vivace.web.responses import FileResponse, JSONResponse, RedirectResponse, Response
from vivace.web.routing import Host, Mount, Route, Router
from vivace.web.staticfiles import StaticFiles
from vivace.web.types import Message, Scope

Pairs = Sequence[tuple[bytes, bytes]]

METHODS = ["GET", "HEAD", "POST", "PUT", "OPTIONS", "QUERY", "DELETE"]


async def everything(request: Request) -> Response:
    """All that is parsed only when it is asked for."""
    found = {
        "url": [
            str(request.url),
            request.url.hostname,
            request.url.port,
            str(request.url.include_query_params(a="ü")),
            str(request.url.replace(scheme="https", port=None, path="/x")),
            str(request.base_url),
            str(request.url_for("item", number=1, price=1.5, rest="a/b")),
            repr(request.url),
        ],
        "query": [request.query_params.multi_items(), str(request.query_params), request.query_params.getlist("a")],
        "headers": request.headers.items(),
        "cookies": request.cookies,
        "path": {key: str(value) for key, value in request.path_params.items()},
        "client": request.client,
    }
    request.session["seen"] = request.session.get("seen", 0)
    response = JSONResponse(found)
    response.headers["content-type"] = request.headers.get("x-type", "application/json")
    return response


async def body(request: Request) -> Response:
    return JSONResponse({"json": await request.json()})


async def form(request: Request) -> Response:
    async with request.form(max_fields=20, max_files=5, max_part_size=100_000, max_memory=200_000) as data:
        return JSONResponse([[name, str(value)] for name, value in data.multi_items()])


async def parts(request: Request) -> Response:
    reader = request.multipart(max_parts=20, max_part_size=100_000)
    return JSONResponse([[part.name, part.filename, part.safe_filename, await part.text()] async for part in reader])


async def protected(request: Request) -> Response:
    return JSONResponse({"token": get_token(request), "form": len(await request.form())})


async def again(request: Request) -> Response:
    """What a client sent is sent back in headers, as far as that is possible without checks of one's own."""
    return RedirectResponse(request.url.replace(path="/there").include_query_params(next=request.url.path))


async def passes(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


def make_application(folder: Path) -> Application:
    """`folder` gets a few files to serve."""
    (folder / "static").mkdir(exist_ok=True)
    (folder / "static" / "a.txt").write_bytes(b"0123456789" * 500)
    (folder / "static" / "index.html").write_text("<p>")
    (folder / "secret.txt").write_text("secret")

    async def file(request: Request) -> Response:
        return FileResponse(folder / "static" / "a.txt", filename=request.query_params.get("name"))

    middle = Middleware
    routes = [
        Route("/everything", everything, methods=METHODS),
        Route("/body", body, methods=METHODS),
        Route("/form", form, methods=METHODS),
        Route("/parts", parts, methods=METHODS),
        Route("/again", again, methods=METHODS),
        Route("/file", file, methods=["GET", "POST"]),
        Route("/trusted", everything, middleware=[middle(TrustedHostMiddleware, allowed_hosts=["*.example.org", "a"])]),
        Route("/https", everything, middleware=[middle(HTTPSRedirectMiddleware)]),
        Route("/base", form, methods=METHODS, middleware=[middle(BaseHTTPMiddleware, dispatch=passes)]),
        Route("/csrf", protected, methods=METHODS, middleware=[middle(CSRFMiddleware)]),
        Route("/item/{number:int}/{price:float}/{rest:path}", everything, name="item", methods=METHODS),
        Route("/id/{id:uuid}", everything),
        Route("/name/{name}", everything),
        Mount("/static", StaticFiles(directory=folder / "static", html=True)),
        Host("{sub}.example.net", Router([Route("/everything", everything)])),
        Mount("/under/{name}", routes=[Route("/{rest:path}", everything, methods=METHODS)]),
    ]
    return Application(
        routes=routes,
        middleware=[
            middle(RequestIdMiddleware),
            middle(SecurityHeadersMiddleware),
            middle(CORSMiddleware, allow_origin_regex=r"https://.*\.example\.org", allow_credentials=True),
            middle(GZipMiddleware, minimum_size=10),
            middle(ConditionalGetMiddleware),
            middle(SessionMiddleware, secret_key="x" * 32),
        ],
    )


def scope_of(method: str, target: bytes, headers: Pairs) -> Scope:
    """What our server makes of such a request: names in lower case, the path decoded, invalid UTF-8 replaced."""
    raw_path, _, query_string = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote_to_bytes(raw_path).decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query_string,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


async def answer(app: Application, method: str, target: bytes, headers: Pairs, *chunks: bytes) -> tuple[int, Pairs]:
    """The status and the headers. Whatever the application raises is raised, as is an answer that is not complete."""
    waiting: list[Message] = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of(method, target, headers), receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    assert not sent[-1].get("more_body", False)
    for name, value in start["headers"]:
        assert not set(name + value) & set(b"\r\n\0")
    return start["status"], start["headers"]
