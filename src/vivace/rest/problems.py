"""Errors of views as application/problem+json, in an application that answers so (`web.middleware.problem_details`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vivace.rest.exceptions import APIException
from vivace.rest.response import Response
from vivace.rest.serializers.base import NON_FIELD_ERRORS
from vivace.web.middleware.problem_details import (
    ProblemDetails,
    ProblemHandler,
    ProblemResponse,
    escape_pointer,
    handler_of,
)
from vivace.web.requests import Request
from vivace.web.responses import Response as WebResponse


def problem_response(exc: APIException, request: Request, headers: Mapping[str, str]) -> ProblemResponse | None:
    """The response for an error of a view; None where problem details are not installed."""
    handler = handler_of(request.scope)
    return None if handler is None else handler.respond(request, problem_of(exc, headers))


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> WebResponse | None:
    """For the setting EXCEPTION_HANDLER: what `views.exception_handler` answers, as application/problem+json."""
    from vivace.rest import views

    response = views.exception_handler(exc, context)
    if not isinstance(response, Response):
        return response  # None, or a problem already
    headers = {name: value for name, value in response.headers.items() if not name.startswith("content-")}
    detail = response.data
    if isinstance(detail, Mapping) and set(detail) == {"detail"} and isinstance(detail["detail"], str):
        detail = detail["detail"]
    refused = APIException(detail)
    refused.status_code, refused.detail = response.status_code, detail
    return ProblemHandler().respond(context["request"], problem_of(refused, headers))


def problem_of(exc: APIException, headers: Mapping[str, str]) -> ProblemDetails:
    """An error of a view as a problem: one text is its detail, those of fields are `errors` with JSON pointers."""
    if isinstance(exc.detail, str):
        code = getattr(exc.detail, "code", None)
        extensions = {} if code is None else {"code": code}
        return ProblemDetails(exc.status_code, detail=str(exc.detail), headers=headers, **extensions)
    errors = list(_errors(exc.detail, "#"))
    return ProblemDetails(exc.status_code, detail="What was sent is not acceptable.", headers=headers, errors=errors)


def _errors(detail: Any, pointer: str) -> Iterator[dict[str, Any]]:
    if isinstance(detail, Mapping):
        for name, below in detail.items():
            own = name == NON_FIELD_ERRORS
            yield from _errors(below, pointer if own else f"{pointer}/{escape_pointer(str(name))}")
    elif isinstance(detail, list):
        for position, below in enumerate(detail):
            # A list of texts is about one thing; one of mappings is about the items of a list.
            yield from _errors(below, f"{pointer}/{position}" if isinstance(below, Mapping | list) else pointer)
    else:
        code = getattr(detail, "code", None)
        error = {"detail": str(detail), "pointer": pointer}
        yield error if code is None else {**error, "code": code}
