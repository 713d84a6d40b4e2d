"""Errors as application/problem+json, which programs can read (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from vivace.utils.exceptions import NON_FIELD_ERRORS, ValidationError
from vivace.web._exception_handler import HANDLERS_KEY, call_handler, has_started
from vivace.web._tracked_send_cy import tracked
from vivace.web.exceptions import HTTPException
from vivace.web.middleware.exceptions import ExceptionMiddleware
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, Response
from vivace.web.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

if TYPE_CHECKING:
    from vivace.web.applications import Application

BLANK = "about:blank"


class ProblemDetails(HTTPException):
    """Answer this request with a problem: `raise ProblemDetails(403, "Not enough credit", balance=30)`.

    * `title`: what kind of problem it is; the phrase of the status when there is none.
    * `detail`: what is wrong this time, for a person.
    * `type`: a URI that stands for the kind; "about:blank" for no more than the status says.
    * `instance`: a URI of this very problem; the path of the request when there is none.
    * further names are extension members, any JSON values.

    Without `install` or `ProblemDetailsMiddleware` it is answered as any HTTPException, with its detail as text.
    """

    def __init__(
        self,
        status_code: int,
        title: str | None = None,
        detail: str | None = None,
        *,
        type: str = BLANK,
        instance: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        if not 400 <= status_code <= 599:
            raise ValueError(f"A problem has a status from 400 to 599, got {status_code!r}.")
        if "status" in extensions:
            raise TypeError("status is a member of every problem and no extension: it is the first argument.")
        super().__init__(status_code, detail if detail is not None else title, headers)
        self.title = phrase_of(status_code) if title is None else title
        self.problem_detail = detail
        self.type = type
        self.instance = instance
        self.extensions = extensions

    def members(self) -> dict[str, Any]:
        """The JSON object, with the members that have a value."""
        known = {
            "type": self.type,
            "title": self.title or None,
            "status": self.status_code,
            "detail": self.problem_detail,
            "instance": self.instance,
        }
        return {**{name: value for name, value in known.items() if value is not None}, **self.extensions}


class ProblemResponse(JSONResponse):
    """JSON of the media type application/problem+json."""

    media_type = "application/problem+json"


def phrase_of(status_code: int) -> str:
    """The standard phrase of a status ("Not Found"), "" when it has none."""
    try:
        return HTTPStatus(status_code).phrase
    except ValueError:
        return ""


def as_problem(exception: Exception) -> ProblemDetails:
    """The problem that an exception is: an HTTPException's, a ValidationError's with its `errors`, else a 500."""
    if isinstance(exception, ProblemDetails):
        return exception
    if isinstance(exception, ValidationError):
        return ProblemDetails(400, detail="What was sent is not acceptable.", errors=_errors(exception))
    if isinstance(exception, HTTPException) and 400 <= exception.status_code <= 599:
        said = exception.detail
        detail = None if not said or said == phrase_of(exception.status_code) else said
        return ProblemDetails(exception.status_code, detail=detail, headers=exception.headers)
    # What went wrong inside is in the log and nowhere else.
    return ProblemDetails(500)


def escape_pointer(name: str) -> str:
    """A name as part of a JSON pointer (RFC 6901 section 3)."""
    return name.replace("~", "~0").replace("/", "~1")


def _errors(exception: ValidationError) -> list[dict[str, Any]]:
    """The members of RFC 9457 3.1's example: a detail, and a JSON pointer (RFC 6901) to what it is about."""
    by_field = getattr(exception, "error_dict", None) or {NON_FIELD_ERRORS: exception.error_list}
    errors: list[dict[str, Any]] = []
    for field, reasons in by_field.items():
        pointer = "#" if field == NON_FIELD_ERRORS else f"#/{escape_pointer(field)}"
        for reason in reasons:
            error = {"detail": reason.text, "pointer": pointer}
            errors.append(error if reason.code is None else {**error, "code": reason.code})
    return errors


class ProblemHandler:
    """An exception handler that answers with a problem; browsers get `html(request, exc)` when that is given.

    `types` gives the `type` for a status whose problems have none: `{404: "https://example.com/problems/not-found"}`.
    """

    answers_refusals = True  # of middleware that stands outside of the layer that calls handlers

    def __init__(self, html: ExceptionHandler | None = None, types: Mapping[int, str] | None = None) -> None:
        self.html = html
        self.types = dict(types or {})

    async def __call__(self, request: Request, exc: Exception) -> Response:
        if self.html is not None and _wants_html(request):
            page = await call_handler(self.html, request, exc)
            if page is not None:
                return page
        if isinstance(exc, HTTPException) and not 400 <= exc.status_code <= 599:
            body = None if exc.status_code in (204, 304) else exc.detail  # no error: a redirect, or a 304
            return Response(body, exc.status_code, exc.headers)
        return self.respond(request, as_problem(exc))

    def respond(self, request: Request, problem: ProblemDetails) -> ProblemResponse:
        """The response that tells this problem."""
        members = problem.members()
        if problem.type == BLANK:
            members["type"] = self.types.get(problem.status_code, BLANK)
        members.setdefault("instance", request.url.path)
        return ProblemResponse(members, problem.status_code, problem.headers)


def handler_of(scope: Scope) -> ProblemHandler | None:
    """The handler that answers HTTPExceptions raised for this request, if it answers with problems."""
    handlers = scope.get(HANDLERS_KEY)
    handler = None if handlers is None else handlers[0].get(HTTPException)
    return handler if isinstance(handler, ProblemHandler) else None


def install(
    app: Application, *, html: ExceptionHandler | None = None, types: Mapping[int, str] | None = None
) -> ProblemHandler:
    """Makes an application answer its errors with problems: HTTPExceptions (404 and 405 of its routes among them),
    ValidationErrors, 500, and what its middleware refuses.

    Handlers that it has already, for a status or for a class, stay. `html(request, exc)` answers those whose Accept
    header has text/html; `types` are those of `ProblemHandler`. In debug a 500 is the traceback. RuntimeError after the
    application has started.
    """
    if app.middleware_stack is not None:
        raise RuntimeError("problem_details.install() comes before the first request: the application has started.")
    handler = ProblemHandler(html, types)
    for key in (HTTPException, ValidationError):
        app.exception_handlers.setdefault(key, handler)
    if not {500, Exception} & app.exception_handlers.keys():
        app.exception_handlers[Exception] = handler
    return handler


class ProblemDetailsMiddleware:
    """As `install`, for what stands inside of it: a `Mount`, a `Router`, a `Route`, or an application.

    Inside of it handlers of exception classes stay, those of a status do not. A fault of ours is answered with 500, and
    raised on for the log.
    """

    def __init__(
        self, app: ASGIApp, *, html: ExceptionHandler | None = None, types: Mapping[int, str] | None = None
    ) -> None:
        self.app = app
        self.handler = ProblemHandler(html, types)
        _teach(app, self.handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        before = scope.get(HANDLERS_KEY)
        by_class = before[0] if before else {}
        scope[HANDLERS_KEY] = {**by_class, HTTPException: self.handler, ValidationError: self.handler}, {}
        if scope["type"] == "http":
            send = tracked(send)
        try:
            await self.app(scope, receive, send)
        except Exception as exception:
            if scope["type"] != "http" or has_started(send):
                raise
            await (await self.handler(Request(scope, receive), exception))(scope, receive, send)
            if not isinstance(exception, HTTPException | ValidationError):
                raise
        finally:
            if before is not None:
                scope[HANDLERS_KEY] = before


def _teach(app: Any, handler: ProblemHandler) -> None:
    """Among the layers of an application: its innermost one answers HTTPExceptions before they come out here."""
    while app is not None and not isinstance(app, ExceptionMiddleware):
        app = getattr(app, "app", None)
    if app is not None:
        handlers = app._exception_handlers
        if handlers[HTTPException] == app.http_exception:
            handlers[HTTPException] = handler
        handlers.setdefault(ValidationError, handler)


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
