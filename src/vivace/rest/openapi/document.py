"""Paths and operations: walks the routes, asks each view what it takes and answers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

from vivace.rest import model_fields
from vivace.rest._models import find_field
from vivace.rest.openapi.components import Components
from vivace.rest.openapi.schemas import Schema, field_schema
from vivace.rest.permissions import AllowAny
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.serializers import BaseSerializer, ListSerializer
from vivace.rest.views import HTTP_METHODS, APIView, Endpoint
from vivace.web.requests import empty_receive, empty_send
from vivace.web.routing import BaseRoute, Mount, Route

VERSION = "3.1.0"
METHODS_WITH_BODY = ("post", "put", "patch")
# Names of operations of views that are no viewsets.
METHOD_ACTIONS = {"get": "retrieve", "post": "create", "put": "update", "patch": "partial_update", "delete": "destroy"}
PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
CONVERTOR_SCHEMAS: dict[str, Schema] = {
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "uuid": {"type": "string", "format": "uuid"},
}


def build(
    routes: Any, *, title: str = "API", version: str = "1.0.0", description: str = "", prefix: str = ""
) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the REST views among `routes`: a list of routes, a router or an application.

    `prefix` is the path that the routes are mounted at, when they are not given together with their Mount.
    """
    document = _Document(_endpoints(getattr(routes, "routes", routes), prefix.rstrip("/")))
    info: dict[str, Any] = {"title": title, "version": version}
    if description:
        info["description"] = description
    found: dict[str, Any] = {"openapi": VERSION, "info": info, "paths": document.paths}
    if document.components.schemas:
        found["components"] = {"schemas": dict(sorted(document.components.schemas.items()))}
    return found


class OpenAPIView(APIView):
    """The OpenAPI document of this API."""

    exclude_from_schema = True
    routes: Any = ()
    title = "API"
    version = "1.0.0"

    async def get(self, request: Request, **kwargs: Any) -> Response:
        """The document, made at each request, so that it shows routes added later."""
        # Inside a Mount the routes' paths are relative to it; a proxy's prefix belongs to the server's address.
        root, outside = request.scope.get("root_path", ""), request.scope.get("app_root_path", "")
        document = build(
            self.routes,
            title=self.title,
            version=self.version,
            description=self.description or "",
            prefix=root.removeprefix(outside),
        )
        if outside:
            document["servers"] = [{"url": outside}]
        return Response(document)


def schema_view(routes: Any, *, title: str = "API", version: str = "1.0.0", description: str = "") -> Endpoint:
    """An endpoint that answers with the document of `routes`, which are mounted where it is."""
    return OpenAPIView.as_view(routes=routes, title=title, version=version, description=description)


class _Document:
    def __init__(self, endpoints: Iterable[tuple[str, Endpoint]]) -> None:
        found = [(path, endpoint) for path, endpoint in endpoints if not endpoint.cls.exclude_from_schema]
        self.shared = _shared_segments([_segments(path) for path, _ in found])
        self.paths: dict[str, dict[str, Any]] = {}
        self.components = Components()
        self.operation_ids: set[str] = set()
        for path, endpoint in found:
            self._add(path, endpoint)

    def _add(self, path: str, endpoint: Endpoint) -> None:
        for method, action in _operations(endpoint):
            operation = _Operation(self, path, endpoint, method, action).describe()
            self.paths.setdefault(PARAMETER.sub(r"{\1}", path), {})[method] = operation

    def unique_id(self, wanted: str) -> str:
        candidate, number = wanted, 1
        while candidate in self.operation_ids:
            number += 1
            candidate = f"{wanted}_{number}"
        self.operation_ids.add(candidate)
        return candidate


def _endpoints(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[str, Endpoint]]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _endpoints(route.routes or (), prefix + route.path)
        elif isinstance(route, Route) and route.include_in_schema and isinstance(route.endpoint, Endpoint):
            yield prefix + route.path, route.endpoint


def _segments(path: str) -> list[str]:
    """The parts of a path that are no parameters."""
    return [segment for segment in path.split("/") if segment and not segment.startswith("{")]


def _shared_segments(paths: list[list[str]]) -> int:
    """How many segments all paths begin with, one left to each."""
    count = 0
    while paths and all(len(path) > count + 1 and path[count] == paths[0][count] for path in paths):
        count += 1
    return count


def _operations(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    for method in HTTP_METHODS:
        if method in ("head", "options"):
            continue
        if endpoint.actions is not None:
            if method in endpoint.actions:
                yield method, endpoint.actions[method]
        elif method in endpoint.cls.http_method_names and hasattr(endpoint.cls, method):
            yield method, METHOD_ACTIONS.get(method, method)


class _Operation:
    """One method of one path."""

    def __init__(self, document: _Document, path: str, endpoint: Endpoint, method: str, action: str) -> None:
        self.document, self.components = document, document.components
        self.path, self.method, self.action = path, method, action
        self.view: Any = endpoint.make_view()
        self.view.request = _request(method, path)
        self.view.kwargs = {}
        self.handler = getattr(endpoint.cls, action if endpoint.actions is not None else method)
        # Names leave out what all paths begin with, "api" for instance.
        self.segments = _segments(path)[document.shared :]

    @property
    def is_list(self) -> bool:
        """Whether the answer is a list of objects."""
        if self.action != "retrieve" or self.view.detail is not None:
            return self.action == "list"
        return hasattr(self.view, "list")

    def describe(self) -> dict[str, Any]:
        name = "list" if self.is_list else self.action
        parts = [*self.segments] if self.segments[-1:] == [name] else [*self.segments, name]
        operation: dict[str, Any] = {
            "operationId": self.document.unique_id(re.sub(r"\W+", "_", "_".join(parts))),
            "tags": self.segments[:1] or ["api"],
        }
        if description := self._description():
            operation["description"] = description
        if parameters := [*self._path_parameters(), *self._query_parameters()]:
            operation["parameters"] = parameters
        if self.method in METHODS_WITH_BODY and (body := self._request_body()):
            operation["requestBody"] = body
        operation["responses"] = self._responses()
        return operation

    def _description(self) -> str:
        own = inspect.getdoc(self.handler) or ""
        if own and not self.handler.__module__.startswith("vivace.rest."):
            return own
        description: str = self.view.get_view_description()
        return description

    # What is asked

    def _path_parameters(self) -> Iterator[dict[str, Any]]:
        for name, convertor in PARAMETER.findall(self.path):
            schema = CONVERTOR_SCHEMAS.get(convertor) or self._lookup_schema(name)
            yield {"name": name, "in": "path", "required": True, "schema": schema}

    def _lookup_schema(self, name: str) -> Schema:
        lookup = getattr(self.view, "lookup_field", None)
        queryset = getattr(self.view, "queryset", None)
        if queryset is None or lookup is None or name != (self.view.lookup_url_kwarg or lookup):
            return {"type": "string"}
        field = find_field(queryset.model, lookup)
        return {"type": "string"} if field is None else field_schema(model_fields.value_field(field))

    def _query_parameters(self) -> list[dict[str, Any]]:
        if not self.is_list:
            return []
        found = []
        for backend in getattr(self.view, "filter_backends", ()):
            if hasattr(backend, "get_schema_operation_parameters"):
                found += backend().get_schema_operation_parameters(self.view)
        if getattr(self.view, "paginator", None) is not None:
            found += self.view.paginator.get_schema_operation_parameters(self.view)
        return list({parameter["name"]: parameter for parameter in found}.values())

    def _serializer(self) -> BaseSerializer | None:
        if not hasattr(self.view, "get_serializer"):
            return None
        if self.view.serializer_class is None and not _overrides_serializer(type(self.view)):
            return None
        serializer: BaseSerializer = self.view.get_serializer()
        return serializer

    def _request_body(self) -> dict[str, Any] | None:
        serializer = self._serializer()
        if serializer is None:
            return None
        schema = self.components.serializer(serializer, "patch" if self.method == "patch" else "request")
        content = {parser.media_type: {"schema": schema} for parser in self.view.parser_classes}
        return {"content": content, "required": self.method != "patch"}

    # What is answered

    def _responses(self) -> dict[str, Any]:
        responses = {}
        if self.method == "delete":
            responses["204"] = {"description": "Deleted."}
        else:
            is_creation = self.action == "create"
            responses["201" if is_creation else "200"] = self._content(
                self._response_schema(), "Created." if is_creation else "OK."
            )
        if self.method in METHODS_WITH_BODY or (self.is_list and getattr(self.view, "filter_backends", None)):
            responses["400"] = self._content(self.components.validation_error(), "The values sent are not valid.")
        if any(permission is not AllowAny for permission in self.view.permission_classes):
            responses["403"] = self._content(self.components.error(), "Not allowed.")
        if "{" in self.path or (self.is_list and getattr(self.view, "paginator", None) is not None):
            responses["404"] = self._content(self.components.error(), "There is no such object or page.")
        return responses

    def _response_schema(self) -> Schema:
        serializer = self._serializer()
        if serializer is None:
            return {}
        schema = self.components.serializer(serializer, "response")
        if not self.is_list or isinstance(serializer, ListSerializer):
            return schema
        rows = {"type": "array", "items": schema}
        paginator = getattr(self.view, "paginator", None)
        if paginator is None:
            return rows
        name = f"Paginated{schema.get('$ref', 'Object').rpartition('/')[2]}List"
        return self.components.reference(name, paginator.get_paginated_response_schema(rows))

    def _content(self, schema: Schema, description: str) -> dict[str, Any]:
        content = {renderer.media_type: {"schema": schema} for renderer in self.view.renderer_classes}
        return {"description": description, "content": content}


def _overrides_serializer(cls: type[Any]) -> bool:
    return not cls.get_serializer_class.__module__.startswith("vivace.rest.")


def _request(method: str, path: str) -> Request:
    scope = {
        "type": "http",
        "method": method.upper(),
        "path": path,
        "query_string": b"",
        "headers": [],
        "path_params": {},
        "scheme": "http",
        "server": ("localhost", 80),
    }
    return Request(scope, empty_receive, empty_send)
