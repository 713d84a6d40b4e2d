"""Vivace's own pages: welcome, not found, server error. Each works under the strict policy that it is sent with."""

from __future__ import annotations

import base64
import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from vivace.project.routing import route_lines
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

if TYPE_CHECKING:
    from vivace.project.application import Vivace

_FOLDER = Path(__file__).parent / "templates"
_STYLE = (_FOLDER / "pages.css").read_text(encoding="utf-8")
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
)
# The pages need their one style sheet, known by its hash, and nothing else.
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; frame-ancestors 'none'; base-uri 'none'"
# In development the server adds the script that loads a page again.
_DEVELOPER_POLICY = f"{_POLICY}; script-src 'self'; connect-src 'self'"
FOR_DEVELOPERS = ("welcome.html", "not_found_debug.html")


async def welcome(request: Request) -> Response:
    """The first page of a site that has none of its own."""
    app: Vivace = request.app
    api = app.settings.API_URL if app.api else ""
    return _page("welcome.html", name=app.name, urls=app.settings.ROOT_URLCONF, api=api)


async def not_found(request: Request, error: Exception) -> Response:
    """404: for a developer with the routes there are, for a visitor plain; JSON or text for who wants no HTML."""
    app: Vivace = request.app
    detail = error.detail if isinstance(error, HTTPException) else ""
    headers = error.headers if isinstance(error, HTTPException) else None
    if not _wants_html(request):
        return _plain(request, 404, detail or "Not Found", headers)
    if not app.debug:
        text = detail if detail and detail != HTTPStatus.NOT_FOUND.phrase else "There is nothing at this address."
        return _page("error.html", 404, headers, status=404, title="Not found", text=text)
    path = request.url.path
    said = detail if detail != HTTPStatus.NOT_FOUND.phrase else "None of the routes matches."
    return _page("not_found_debug.html", 404, headers, path=path, detail=said, routes=list(route_lines(app.routes)))


async def server_error(request: Request, error: Exception) -> Response:
    """500, for a visitor: what happened is in the log and nowhere else."""
    if not _wants_html(request):
        return _plain(request, 500, "Internal Server Error", None)
    text = "Something went wrong on our side, and it has been noted."
    return _page("error.html", 500, status=500, title="Server error", text=text)


def _page(template: str, status_code: int = 200, headers: Any = None, **context: Any) -> Response:
    html = _TEMPLATES.get_template(template).render(style=_STYLE, **context)
    policy = _DEVELOPER_POLICY if template in FOR_DEVELOPERS else _POLICY
    return HTMLResponse(html, status_code, headers={**(headers or {}), "Content-Security-Policy": policy})


def _plain(request: Request, status_code: int, detail: str, headers: Any) -> Response:
    if "json" in request.headers.get("accept", ""):
        return JSONResponse({"detail": detail}, status_code, headers=headers)
    return PlainTextResponse(detail, status_code, headers=headers)


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
