"""Views that serve the document, and pages that show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.rest.openapi.document import build
from vivace.rest.openapi.options import Options
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.views import APIView, Endpoint
from vivace.web.middleware.problem_details import handler_of


class OpenAPIView(APIView):
    """The OpenAPI document of this API."""

    exclude_from_schema = True
    routes: Any = ()
    described: Mapping[str, Any] = {}

    async def get(self, request: Request, **kwargs: Any) -> Response:
        """The document, made at each request, so that it shows routes added later."""
        # Inside a Mount the routes' paths are relative to it; a proxy's prefix belongs to the server's address.
        root, outside = request.scope.get("root_path", ""), request.scope.get("app_root_path", "")
        options = dict(self.described)
        if outside:
            options.setdefault("servers", [{"url": outside}])
        options.setdefault("problem_details", handler_of(request.scope) is not None)
        if version := request.query_params.get("version"):
            options["api_version"] = version
        document = build(self.routes, prefix=root.removeprefix(outside), request=request, **options)
        return Response(document)


def schema_view(routes: Any, **options: Any) -> Endpoint:
    """An endpoint that answers with the document of `routes`, which are mounted where it is; `options` as `build()`'s.

    `?version=v1` describes one version of an API that has several. Raises TypeError for an unknown option.
    """
    Options.of(options)
    return OpenAPIView.as_view(routes=routes, described=options)
