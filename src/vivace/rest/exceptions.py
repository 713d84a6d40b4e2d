"""What a REST view raises to answer with an error; names, codes and shapes are `rest_framework.exceptions`'.

`detail` is a text, a list or a mapping of these, every text an `ErrorDetail` that also carries a machine-readable code.
The texts become the response's body: `{"detail": "Not found."}`, or for a refused body `{"title": ["This field is
required."]}`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from vivace.rest import status
from vivace.utils.exceptions import ValidationError as ValueRefused


class ErrorDetail(str):
    """A text with a `code`. Equal to the same text, and to another ErrorDetail only when the codes agree too."""

    __slots__ = ("code",)

    code: str | None

    def __new__(cls, string: object, code: str | None = None) -> Self:
        self = super().__new__(cls, string)
        self.code = code
        return self

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ErrorDetail) and self.code != other.code:
            return False
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __repr__(self) -> str:
        return f"ErrorDetail(string={str(self)!r}, code={self.code!r})"


class APIException(Exception):
    """Base of everything a REST view may raise to answer with an error; subclasses set the three class attributes."""

    status_code: int = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_detail: Any = "A server error occurred."
    default_code: str = "error"

    def __init__(self, detail: Any = None, code: str | None = None) -> None:
        detail = self.default_detail if detail is None else detail
        self.detail: Any = as_error_details(detail, self.default_code if code is None else code)
        super().__init__(self.detail)

    def __str__(self) -> str:
        return str(self.detail)

    @property
    def headers(self) -> dict[str, str]:
        """Response headers that belong to this error."""
        return {}

    def get_codes(self) -> Any:
        """Only the codes, in the shape of `detail`: `{"title": ["required"]}`."""
        return _map_details(self.detail, lambda detail: detail.code)

    def get_full_details(self) -> Any:
        """Texts and codes: `{"title": [{"message": "This field is required.", "code": "required"}]}`."""
        return _map_details(self.detail, lambda detail: {"message": detail, "code": detail.code})


class ValidationError(APIException):
    """The values sent are not acceptable (400); `detail` is always a list or a mapping of field names."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "Invalid input."
    default_code = "invalid"

    def __init__(self, detail: Any = None, code: str | None = None) -> None:
        detail = self.default_detail if detail is None else detail
        if isinstance(detail, tuple):
            detail = list(detail)
        elif not isinstance(detail, dict | list):
            detail = [detail]
        super().__init__(detail, code)


class ParseError(APIException):
    """The body is not what its content type says (400)."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "Malformed request."
    default_code = "parse_error"


class AuthenticationFailed(APIException):
    """Credentials were sent and are wrong (401)."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "Incorrect authentication credentials."
    default_code = "authentication_failed"


class NotAuthenticated(APIException):
    """Credentials are needed and were not sent (401)."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "Authentication credentials were not provided."
    default_code = "not_authenticated"


class PermissionDenied(APIException):
    """Whoever asks may not do this (403)."""

    status_code = status.HTTP_403_FORBIDDEN
    default_detail = "You do not have permission to perform this action."
    default_code = "permission_denied"


class NotFound(APIException):
    """There is no such object (404)."""

    status_code = status.HTTP_404_NOT_FOUND
    default_detail = "Not found."
    default_code = "not_found"


class MethodNotAllowed(APIException):
    """The resource does not answer this method (405)."""

    status_code = status.HTTP_405_METHOD_NOT_ALLOWED
    default_detail = 'Method "{method}" not allowed.'
    default_code = "method_not_allowed"

    def __init__(self, method: str, detail: Any = None, code: str | None = None) -> None:
        super().__init__(self.default_detail.format(method=method) if detail is None else detail, code)


class NotAcceptable(APIException):
    """No renderer makes a type that the Accept header allows (406)."""

    status_code = status.HTTP_406_NOT_ACCEPTABLE
    default_detail = "Could not satisfy the request Accept header."
    default_code = "not_acceptable"


class Conflict(APIException):
    """The change contradicts what is stored (409)."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "The change conflicts with what is stored."
    default_code = "conflict"


class UnsupportedMediaType(APIException):
    """No parser reads the body's content type (415)."""

    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_detail = 'Unsupported media type "{media_type}" in request.'
    default_code = "unsupported_media_type"

    def __init__(self, media_type: str, detail: Any = None, code: str | None = None) -> None:
        super().__init__(self.default_detail.format(media_type=media_type) if detail is None else detail, code)


class Throttled(APIException):
    """Too many requests (429); `wait` is the number of seconds until the next is allowed."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_detail = "Request was throttled."
    default_code = "throttled"

    def __init__(self, wait: float | None = None, detail: Any = None, code: str | None = None) -> None:
        self.wait = None if wait is None else math.ceil(wait)
        detail = self.default_detail if detail is None else detail
        if self.wait is not None:
            detail = f"{detail} Expected available in {self.wait} second{'' if self.wait == 1 else 's'}."
        super().__init__(detail, code)

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.wait is None else {"Retry-After": str(self.wait)}


def as_error_details(detail: Any, default_code: str | None = None) -> Any:
    """`detail` with every text in it an ErrorDetail; texts that have a code already keep it."""
    if isinstance(detail, Mapping):
        return {key: as_error_details(value, default_code) for key, value in detail.items()}
    if isinstance(detail, list | tuple):
        return [as_error_details(item, default_code) for item in detail]
    return ErrorDetail(detail, getattr(detail, "code", default_code))


def get_error_detail(error: ValueRefused) -> Any:
    """The details of a validator's or a model's ValidationError: a list, or a mapping when it names fields."""
    if hasattr(error, "error_dict"):
        return {field: _details_of(errors) for field, errors in error.error_dict.items()}
    return _details_of(error.error_list)


def _details_of(errors: Iterable[ValueRefused]) -> list[ErrorDetail]:
    return [ErrorDetail(error.text, error.code or "invalid") for error in errors]


def _map_details(detail: Any, leaf: Any) -> Any:
    if isinstance(detail, Mapping):
        return {key: _map_details(value, leaf) for key, value in detail.items()}
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return [_map_details(item, leaf) for item in detail]
    return leaf(detail)
