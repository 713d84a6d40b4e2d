"""`CSRFMiddleware`: first where a request comes from, then whether it has the visitor's token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from html import escape
from typing import Any, Literal, TypeVar

from vivace.web._decorators import Call, around, call
from vivace.web._endpoint import endpoints_ahead
from vivace.web._refusal import refuse
from vivace.web._template_context import offer
from vivace.web.caching import add_vary
from vivace.web.datastructures import Headers
from vivace.web.datastructures._headers import encode_name, encode_value
from vivace.web.exceptions import HTTPException
from vivace.web.middleware._start import HeaderList, editing_start
from vivace.web.middleware.csrf.forms import is_form, peek_field
from vivace.web.middleware.csrf.origins import Origins
from vivace.web.middleware.csrf.tokens import STATE_KEY, CSRFState, TemplateInput, TemplateToken, get_token
from vivace.web.requests import HTTPConnection, Request
from vivace.web.responses import HTMLResponse, Response
from vivace.web.responses._cookies import format_cookie
from vivace.web.types import ASGIApp, Receive, Scope, Send

logger = logging.getLogger("vivace.security")

Handler = TypeVar("Handler", bound=Callable[..., Any])

# RFC 9110 9.2.1, and QUERY, which is safe too and which no page can send elsewhere unasked.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
SESSION_KEY = "_csrftoken"
_YEAR = 60 * 60 * 24 * 7 * 52


class CSRFError(HTTPException):
    """403 for a request that may have been made by another site; `reason` is for developers and the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(403, "CSRF verification failed.")
        self.reason = reason


class CSRFMiddleware:
    """Refuses unsafe requests (and WebSockets) of other sites with 403.

    1. Where it comes from: Sec-Fetch-Site says "same-origin" or "none"; without it, Origin is the request's own host;
       without both, the Referer is, over https. `trusted_origins` are allowed too: "https://shop.example.com",
       "https://*.example.com".
    2. Whether it knows the visitor's token, which other sites cannot read: in the header X-CSRFToken, or in the field
       "csrfmiddlewaretoken" of a form. With `require_token` off there are no tokens, and what sends none of these
       headers, since it is no browser, is let through: for APIs, and for sites whose visitors have browsers of today.

    Templates have `{{ csrf_input }}` for a form and `{{ csrf_token }}`; a script reads the cookie "csrftoken". Of a
    form only the beginning is read ahead, at most `max_form_bytes`: put `{{ csrf_input }}` first in it, and let
    scripts that upload send the header. The application gets the whole body.

    * `use_sessions`: keep the secret in `request.session` instead of a cookie of its own: signed, bound to the session
      and out of reach of other subdomains. A `SessionMiddleware` has to stand outside of this one.
    * `cookie_secure`: None for "as the request was". A `cookie_name` that begins with "__Host-" keeps other subdomains
      from setting it, on https.
    * `on_failure(request, reason) -> response`, async or plain; by default the application's answer to a 403, and in
      debug a page with the reason.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        trusted_origins: Sequence[str] = (),
        require_token: bool = True,
        use_sessions: bool = False,
        cookie_name: str = "csrftoken",
        cookie_age: int | None = _YEAR,
        cookie_domain: str | None = None,
        cookie_path: str = "/",
        cookie_secure: bool | None = None,
        cookie_httponly: bool = False,
        cookie_samesite: Literal["lax", "strict", "none"] | None = "lax",
        header_name: str = "X-CSRFToken",
        field_name: str = "csrfmiddlewaretoken",
        max_form_bytes: int = 64 * 1024,
        on_failure: Callable[[Request, str], Any] | None = None,
    ) -> None:
        if isinstance(trusted_origins, str):
            raise TypeError(f"trusted_origins is a list, got {trusted_origins!r}; try [{trusted_origins!r}].")
        if max_form_bytes < 1:
            raise ValueError(f"max_form_bytes is one byte or more, got {max_form_bytes}.")
        self.app = app
        self._origins = Origins(trusted_origins)
        self._require_token = require_token
        self._use_sessions = use_sessions
        self._cookie_name = cookie_name
        self._cookie_options: dict[str, Any] = {
            "max_age": cookie_age,
            "expires": None,
            "path": cookie_path,
            "domain": cookie_domain,
            "httponly": cookie_httponly,
            "samesite": cookie_samesite,
            "partitioned": False,
        }
        self._cookie_secure = cookie_secure
        self._cookie("", secure=True)  # what it cannot be made of is refused here
        self._header_name = encode_name(header_name).decode("ascii")
        self._field_name = field_name
        self._max_form_bytes = max_form_bytes
        self._on_failure = on_failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            objection = self._origins.objection(scope)
            if objection is not None and not self._is_exempt(scope):
                await self._fail(scope, receive, send, objection)
                return
        elif scope["type"] == "http":
            state: CSRFState | None = scope.get(STATE_KEY)
            if state is None and self._require_token:
                state = self._provide_state(scope)
                if not self._use_sessions:
                    send = self._with_cookie(scope, send, state)
            if scope["method"] not in SAFE_METHODS and (state is None or not state.is_checked):
                reason, receive = await self._check(scope, receive, state)
                if reason is not None:
                    await self._fail(scope, receive, send, reason)
                    return
        await self.app(scope, receive, send)

    async def _check(self, scope: Scope, receive: Receive, state: CSRFState | None) -> tuple[str | None, Receive]:
        """Why to refuse this request, or None, and the `receive` to go on with."""
        reason = self._origins.objection(scope, wants_referer=self._require_token)
        wants_token = reason is None and self._require_token and state is not None
        if wants_token:
            reason = self._token_objection(state, Headers(scope=scope).get(self._header_name))
        if reason is not None and self._is_exempt(scope):
            return None, receive
        if reason is not None and wants_token and state is not None and state.secret is not None:
            reason, receive = await self._check_form(scope, receive, state, reason)
        if state is not None:
            state.is_checked = True
        return reason, receive

    async def _check_form(
        self, scope: Scope, receive: Receive, state: CSRFState, reason: str
    ) -> tuple[str | None, Receive]:
        content_type = Headers(scope=scope).get("content-type", "")
        if not is_form(content_type):
            return reason, receive
        token, receive = await peek_field(receive, content_type, self._field_name, self._max_form_bytes)
        if token is None:
            return (
                f"{reason} Nor was there a field {self._field_name!r} in the first {self._max_form_bytes} bytes of the "
                "form: {{ csrf_input }} belongs at its beginning."
            ), receive
        return self._token_objection(state, token), receive

    def _token_objection(self, state: CSRFState | None, token: str | None) -> str | None:
        if state is None or state.secret is None:
            where = "session has no CSRF token" if self._use_sessions else f"cookie {self._cookie_name!r} is not set"
            return f"The {where}."
        if token is None:
            return f"There is no header {self._header_name!r}."
        return None if state.accepts(token) else "The token is not that of this visitor."

    def _is_exempt(self, scope: Scope) -> bool:
        return any(_is_marked(endpoint) for endpoint in endpoints_ahead(self.app, scope))

    def _provide_state(self, scope: Scope) -> CSRFState:
        connection: HTTPConnection = HTTPConnection(scope)
        if self._use_sessions:

            def keep(secret: str) -> None:
                connection.session[SESSION_KEY] = secret

            state = CSRFState(self._field_name, lambda: connection.session.get(SESSION_KEY), keep)
        else:
            state = CSRFState(self._field_name, lambda: connection.cookies.get(self._cookie_name), None)
        scope[STATE_KEY] = state
        offer(scope, "csrf_token", TemplateToken(state))
        offer(scope, "csrf_input", TemplateInput(state))
        return state

    def _with_cookie(self, scope: Scope, send: Send, state: CSRFState) -> Send:
        def add(headers: HeaderList) -> None:
            state.is_late = True
            if state.is_used and state.secret is not None:
                secure = scope.get("scheme") == "https" if self._cookie_secure is None else self._cookie_secure
                # Each time, so that it lives as long as the visitor comes back.
                headers.append((b"set-cookie", encode_value(self._cookie(state.secret.hex(), secure=secure))))
                add_vary(headers, "Cookie")

        return editing_start(send, add)

    def _cookie(self, value: str, *, secure: bool) -> str:
        return format_cookie(self._cookie_name, value, secure=secure, **self._cookie_options)

    async def _fail(self, scope: Scope, receive: Receive, send: Send, reason: str) -> None:
        logger.warning("Refused %s %r: %s", scope.get("method", "WebSocket"), scope["path"], reason)
        response: Response | None = None
        if scope["type"] == "http":
            request = Request(scope, receive)
            if self._on_failure is not None:
                response = await call(self._on_failure, request, reason)
            elif getattr(scope.get("app"), "debug", False) and "text/html" in request.headers.get("accept", ""):
                response = _debug_page(reason)
        if response is None:
            await refuse(scope, receive, send, CSRFError(reason))
        else:
            await response(scope, receive, send)


def csrf_exempt(handler: Handler) -> Handler:
    """`@csrf_exempt` over a handler or class, or `csrf_exempt(app)` for what is mounted: it is not checked.

    For what is not called by browsers, or knows who calls in another way than by cookies: webhooks, token APIs.
    """
    handler.csrf_exempt = True  # type: ignore[attr-defined]
    return handler


def ensure_csrf_cookie(handler: Handler) -> Handler:
    """`@ensure_csrf_cookie` over a handler whose page has no form, but a script that needs the cookie."""

    async def wrapper(call: Call) -> Any:
        get_token(call.request)
        return await call()

    return around(wrapper)(handler)


def _is_marked(endpoint: Any) -> bool:
    if getattr(endpoint, "csrf_exempt", False) is True:
        return True
    return hasattr(endpoint, "func") and _is_marked(endpoint.func)  # functools.partial


def _debug_page(reason: str) -> Response:
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>403 Forbidden</title></head><body>'
        f"<h1>CSRF verification failed</h1><p>{escape(reason)}</p>"
        "<p>A form needs <code>{{ csrf_input }}</code> as its first field, a script the header X-CSRFToken with the "
        "value of the cookie; another site of yours belongs into <code>trusted_origins</code>, and a handler for "
        "other programs gets <code>@csrf_exempt</code>. Behind a proxy that ends TLS, the server has to know the proxy."
        "</p><p>You see this page because the application runs with debug on.</p></body></html>"
    )
    return HTMLResponse(html, 403, {"Content-Security-Policy": "default-src 'none'"})
