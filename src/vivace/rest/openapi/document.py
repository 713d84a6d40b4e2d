"""The document: walks the routes, asks each view and typed function what it takes and answers."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from vivace.rest.fields.base import empty
from vivace.rest.openapi.bodies import JSON, Errors, with_examples
from vivace.rest.openapi.components import Components
from vivace.rest.openapi.descriptions import OpenApiCallback, OpenApiRequest, OpenApiResponse, Override
from vivace.rest.openapi.enums import name_enums
from vivace.rest.openapi.function_operations import FunctionOperation, operations_of, path_item
from vivace.rest.openapi.options import Options
from vivace.rest.openapi.parameters import PARAMETER
from vivace.rest.openapi.security import SecuritySchemes
from vivace.rest.openapi.view_operations import ViewOperation, view_methods
from vivace.rest.operations import Operation
from vivace.rest.views import Endpoint
from vivace.web.routing import BaseRoute, Mount, Route

VERSION = "3.1.0"


def build(routes: Any, *, prefix: str = "", request: Any = None, **options: Any) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the REST views and typed functions among `routes`.

    `routes` are a list of routes, a router or an application, `prefix` the path that they are mounted at when they are
    not given together with their Mount, `options` those of `Options`: title, version, servers, … Raises TypeError for
    an unknown option. `request` is handed on to the postprocessing hooks.
    """
    return Document(getattr(routes, "routes", routes), prefix.rstrip("/"), Options.of(options)).finish(request)


class Document:
    """A document in the making."""

    def __init__(self, routes: Iterable[BaseRoute], prefix: str, options: Options) -> None:
        self.options = options
        self.components = Components()
        self.security = SecuritySchemes(options.security_schemes)
        self.errors = Errors(self.components, problem_details=options.problem_details)
        self.paths: dict[str, dict[str, Any]] = {}
        self.operation_ids: set[str] = set()
        found = self._preprocessed(list(_endpoints(routes, prefix)))
        self.shared = self._shared_segments([_segments(path) for path, _, _ in found])
        for path, method, target in found:
            self._add(path, method, target)

    def finish(self, request: Any) -> dict[str, Any]:
        """The OpenAPI Object."""
        options = self.options
        webhooks = self._webhooks(options.webhooks)
        name_enums(self.components.schemas, options.enum_names)
        components: dict[str, Any] = {
            "schemas": dict(sorted(self.components.schemas.items())),
            "securitySchemes": dict(sorted(self.security.schemes.items())),
        }
        found: dict[str, Any] = {
            "openapi": VERSION,
            "info": options.info(),
            "servers": [dict(server) for server in options.servers],
            "paths": self.paths,
            "webhooks": webhooks,
            "components": {name: value for name, value in components.items() if value},
            "security": [dict(needed) for needed in options.security],
            "tags": [{"name": tag} if isinstance(tag, str) else dict(tag) for tag in options.tags],
            "externalDocs": dict(options.external_docs),
            **options.extensions,
        }
        document = {name: value for name, value in found.items() if value or name == "paths"}
        for hook in options.postprocessing_hooks:
            document = hook(result=document, generator=self, request=request, public=True)
        return document

    # Names

    def unique_id(self, wanted: str) -> str:
        """`wanted`, or with a number when another operation is called so."""
        candidate, number = wanted, 1
        while candidate in self.operation_ids:
            number += 1
            candidate = f"{wanted}_{number}"
        self.operation_ids.add(candidate)
        return candidate

    def own_segments(self, path: str) -> list[str]:
        """The parts of a path that are its own: no parameters, and nothing that all paths begin with, as "api"."""
        return _segments(path)[self.shared :]

    def tags_of(self, path: str) -> list[str]:
        """The tag of an operation that says none."""
        return self.own_segments(path)[:1] or ["api"]

    def _shared_segments(self, paths: list[list[str]]) -> int:
        """How many segments all paths begin with, one left to each."""
        if self.options.path_prefix is not None:
            return len(_segments(self.options.path_prefix))
        count = 0
        while paths and all(len(path) > count + 1 and path[count] == paths[0][count] for path in paths):
            count += 1
        return count

    # Operations

    def _preprocessed(self, found: list[tuple[str, str, Any]]) -> list[tuple[str, str, Any]]:
        endpoints = [(path, path, method.upper(), target) for path, method, target in found]
        for hook in self.options.preprocessing_hooks:
            endpoints = hook(endpoints)
        return [(path, method.lower(), target) for path, _, method, target in endpoints]

    def _add(self, path: str, method: str, target: Any) -> None:
        described: dict[str, Any] | None
        if isinstance(target, Operation):
            described = FunctionOperation(self, path, target).describe()
        else:
            action = dict(view_methods(target))[method]
            operation = ViewOperation(self, path, target, method, action)
            path, described = operation.versions.path(path), operation.describe()
        if described is not None:
            self.paths.setdefault(PARAMETER.sub(r"{\1}", path), {})[method] = described

    def callbacks(self, callbacks: Sequence[OpenApiCallback]) -> dict[str, Any]:
        """The callbacks of an operation by name."""
        return {callback.name: {callback.path: self._sent(callback.decorator)} for callback in callbacks}

    def _webhooks(self, webhooks: Any) -> dict[str, Any]:
        routes = getattr(webhooks, "routes", ())
        found = {operation.path.strip("/"): path_item(self, operation) for operation in operations_of(routes)}
        for webhook in () if routes else webhooks:
            operations = operations_of([webhook])
            if operations:
                found[operations[0].path.strip("/")] = path_item(self, operations[0])
            elif hasattr(webhook, "decorator"):
                found[webhook.name] = self._sent(webhook.decorator)
        return found

    def _sent(self, decorator: Any) -> dict[str, Any]:
        """The Path Item Object of a request that this API sends."""
        decorators = decorator if isinstance(decorator, Mapping) else {"post": decorator}
        return {method.lower(): self._sent_operation(each.override) for method, each in decorators.items()}

    def _sent_operation(self, told: Override) -> dict[str, Any]:
        found: dict[str, Any] = {
            "operationId": None if told.operation_id is None else self.unique_id(told.operation_id),
            "tags": told.tags,
            "summary": told.summary,
            "description": told.description,
            "deprecated": told.deprecated,
        }
        request = told.request.request if isinstance(told.request, OpenApiRequest) else told.request
        if request is not empty and request is not None:
            # The other side gets what this side answers with.
            media_types = {JSON: {"schema": self.components.of(request, "response")}}
            found["requestBody"] = {"content": with_examples(media_types, told.examples, status=None), "required": True}
        told_responses = {"200": None} if told.responses is empty else told.responses
        responses = told_responses if isinstance(told_responses, Mapping) else {"200": told_responses}
        found["responses"] = {str(status): self._received(value) for status, value in responses.items()}
        return {**{name: value for name, value in found.items() if value}, **told.extensions}

    def _received(self, value: Any) -> dict[str, Any]:
        description = "It was received."
        if isinstance(value, OpenApiResponse):
            description, value = value.description or description, value.response
        if value is None or value is empty:
            return {"description": description}
        return {"description": description, "content": {JSON: {"schema": self.components.of(value, "request")}}}


def _endpoints(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[str, str, Any]]:
    """`(path, method, what answers)` of all that is described: an Operation, or the Endpoint of a view."""
    for route in routes:
        if isinstance(route, Mount):
            yield from _endpoints(route.routes or (), prefix + route.path)
            continue
        operation = getattr(route, "operation", None)
        if isinstance(operation, Operation):
            path = prefix + PARAMETER.sub(r"{\1}", getattr(route, "path", operation.path))
            for method in operation.methods:
                yield path, method.lower(), dataclasses.replace(operation, methods=(method,), path=path)
        elif isinstance(route, Route) and route.include_in_schema and isinstance(route.endpoint, Endpoint):
            path = prefix + route.path
            # A path with a format's suffix is the same operation once more.
            if route.endpoint.cls.exclude_from_schema or re.search(r"\{format(:\w+)?\}", path):
                continue
            for method, _ in view_methods(route.endpoint):
                yield path, method, route.endpoint


def _segments(path: str) -> list[str]:
    """The parts of a path that are no parameters."""
    return [segment for segment in path.split("/") if segment and not segment.startswith("{")]
