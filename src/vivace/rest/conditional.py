"""Conditional requests (RFC 9110 13): `ETag`, 304 for what the client has, 412 for what has changed meanwhile."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from vivace.rest.exceptions import APIException
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.utils.conditional import evaluate, if_match, quote_etag
from vivace.web.responses import Response as WebResponse

if TYPE_CHECKING:
    from vivace.rest.generics import GenericAPIView as _View
else:
    _View = object


class PreconditionFailed(APIException):
    """What the client wants to change is not what it has seen (412)."""

    status_code = 412
    default_detail = "The object was changed meanwhile; read it again."
    default_code = "precondition_failed"


class PreconditionRequired(APIException):
    """A change must say what it changes, with If-Match (428, RFC 6585)."""

    status_code = 428
    default_detail = "Send If-Match with the ETag of the object that you have read."
    default_code = "precondition_required"


class ETagMixin(_View):
    """Stands before a generic view or viewset: GET answers with an ETag, changes are refused when the object changed.

    The tag of one object is `get_etag()`'s, by default of the data that GET shows of it, so that two clients who both
    have read an object cannot overwrite each other's change unseen. With `require_if_match` a change without If-Match
    is a 428. For a change to be safe against one at the same moment, let the view's transaction lock the row:
    `queryset = Book.objects.select_for_update()` in an atomic view.
    """

    require_if_match = False

    async def get_etag(self, instance: Any) -> str | None:
        """The quoted tag of an object; None for no tag. Override it where a version or a time says enough."""
        serializer = self.get_serializer(instance)
        return etag_of(self.get_renderers()[0].render(await serializer.load()))

    async def get_object(self) -> Any:
        instance = await super().get_object()
        if self.request.method in ("PUT", "PATCH", "DELETE"):
            await self.check_preconditions(self.request, instance)
        return instance

    async def check_preconditions(self, request: Request, instance: Any) -> None:
        """Raises PreconditionFailed when If-Match names another state of the object, or PreconditionRequired."""
        wanted = request.headers.get("if-match")
        if wanted is None:
            if self.require_if_match:
                raise PreconditionRequired
            return
        if not if_match(wanted, await self.get_etag(instance)):
            raise PreconditionFailed

    def finalize_response(self, request: Request, response: Any) -> WebResponse:
        answer = super().finalize_response(request, response)
        if not isinstance(answer, Response) or answer.status_code != 200 or request.method not in ("GET", "HEAD"):
            return answer
        if not answer.body:
            return answer
        etag = answer.headers.get("etag") or etag_of(bytes(answer.body))
        answer.headers["ETag"] = etag
        if evaluate(request.method, request.headers, etag=etag) == 304:
            kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
            return WebResponse(status_code=304, headers=kept)
        return answer


def etag_of(body: bytes) -> str:
    """A strong tag of these bytes."""
    return quote_etag(blake2b(body, digest_size=16).hexdigest())
