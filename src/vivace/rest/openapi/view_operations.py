"""The operations of REST views: what each takes and answers, from its class, and what `@extend_schema` says of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vivace.rest import fields, model_fields
from vivace.rest._models import find_field
from vivace.rest.fields.base import empty
from vivace.rest.openapi.bodies import JSON, content, page_example, with_examples
from vivace.rest.openapi.descriptions import OpenApiParameter, OpenApiRequest, OpenApiResponse
from vivace.rest.openapi.extend import overrides_of, serializer_override
from vivace.rest.openapi.parameters import (
    PARAMETER,
    collect,
    convertor_schema,
    described_parameter,
    response_header,
    serializer_parameters,
)
from vivace.rest.openapi.schemas import Schema, field_schema
from vivace.rest.openapi.security import strangers_may_ask
from vivace.rest.openapi.types import OpenApiTypes, Use
from vivace.rest.openapi.versions import Versions
from vivace.rest.request import Request
from vivace.rest.serializers import BaseSerializer, ListSerializer
from vivace.rest.views import HTTP_METHODS, Endpoint
from vivace.web.requests import empty_receive, empty_send

if TYPE_CHECKING:
    from vivace.rest.openapi.document import Document

METHODS_WITH_BODY = ("post", "put", "patch")
# Names of operations of views that are no viewsets.
METHOD_ACTIONS = {"get": "retrieve", "post": "create", "put": "update", "patch": "partial_update", "delete": "destroy"}


def view_methods(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    """`(HTTP method, action)` for all that a view answers but HEAD and OPTIONS."""
    for method in HTTP_METHODS:
        if method in ("head", "options"):
            continue
        if endpoint.actions is not None:
            if method in endpoint.actions:
                yield method, endpoint.actions[method]
        elif method in endpoint.cls.http_method_names and hasattr(endpoint.cls, method):
            yield method, METHOD_ACTIONS.get(method, method)


class ViewOperation:
    """One method of one path."""

    def __init__(self, document: Document, path: str, endpoint: Endpoint, method: str, action: str) -> None:
        self.document, self.components = document, document.components
        self.path, self.method, self.action = path, method, action
        self.view: Any = endpoint.make_view()
        self.view.request = _request(method, path)
        self.view.kwargs = {}
        self.versions = Versions(self.view, document.options.api_version)
        name = action if endpoint.actions is not None else method
        self.handler = getattr(endpoint.cls, name)
        self.told = overrides_of(endpoint.cls, name, method, self.versions.described)

    @property
    def is_list(self) -> bool:
        """Whether the answer is a list of objects."""
        serializer = self._serializer_class()
        told = serializer_override(serializer, "many") if isinstance(serializer, type) else None
        if told is not None and self.method == "get":
            return bool(told)
        if self.action != "retrieve" or self.view.detail is not None:
            return self.action == "list"
        return hasattr(self.view, "list")

    @property
    def _creates(self) -> bool:
        return self.action == "create" and (self.view.detail is not None or hasattr(self.view, "create"))

    def describe(self) -> dict[str, Any] | None:
        """The Operation Object; None for one that is left out."""
        told = self.told
        if told.exclude or not self.versions.has_operation:
            return None
        if told.operation is not None:
            return dict(told.operation)
        found: dict[str, Any] = {
            "operationId": self.document.unique_id(told.operation_id or self._operation_id()),
            "tags": list(told.tags) if told.tags is not None else self.document.tags_of(self.path),
            "summary": told.summary,
            "description": self._description() if told.description is None else told.description,
            "externalDocs": {"url": told.external_docs} if isinstance(told.external_docs, str) else told.external_docs,
            "deprecated": told.deprecated or None,
            "parameters": self._parameters(),
            "requestBody": self._request_body(),
            "responses": self._responses(),
            "callbacks": self.document.callbacks(told.callbacks),
            "security": self._security(),
        }
        return {**{name: value for name, value in found.items() if value}, **told.extensions}

    def _operation_id(self) -> str:
        name = "list" if self.is_list else self.action
        segments = self.document.own_segments(self.path)
        parts = segments if segments[-1:] == [name] else [*segments, name]
        return re.sub(r"\W+", "_", "_".join(parts))

    def _description(self) -> str:
        own = inspect.getdoc(self.handler) or ""
        if own and not self.handler.__module__.startswith("vivace.rest."):
            return own
        description: str = self.view.get_view_description()
        return description

    def _security(self) -> list[dict[str, list[str]]]:
        if self.told.auth is not None:
            return [{name: []} for name in self.told.auth] or [{}]
        return self.document.security.of_view(self.view, self.method)

    # What is asked

    def _parameters(self) -> list[dict[str, Any]]:
        found = [*self._path_parameters(), *self.versions.parameters(self.path)]
        if (self.is_list and self.told.filters is not False) or self.told.filters:
            found += self._filter_parameters()
        if self.is_list and getattr(self.view, "paginator", None) is not None:
            found += self.view.paginator.get_schema_operation_parameters(self.view)
        return collect(found, self._told_parameters())

    def _told_parameters(self) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
        """`(name, place, Parameter Object)`, with None for a parameter that is taken away."""
        for parameter in self.told.parameters:
            if isinstance(parameter, OpenApiParameter):
                if not parameter.response:
                    described = None if parameter.exclude else described_parameter(parameter, self.components)
                    yield parameter.name, parameter.location, described
            elif isinstance(parameter, Mapping):
                yield parameter["name"], parameter["in"], dict(parameter)
            else:
                for described in serializer_parameters(parameter, self.components):
                    yield described["name"], "query", described

    def _path_parameters(self) -> Iterator[dict[str, Any]]:
        for name, convertor in PARAMETER.findall(self.path):
            schema, description = convertor_schema(convertor), ""
            field = self._lookup_field(name)
            if field is not None:
                schema = schema or field_schema(model_fields.value_field(field))
                schema.pop("default", None)
                description = f"The {field.verbose_name} of the {field.model._meta.verbose_name}."
            parameter = {"name": name, "in": "path", "required": True, "schema": schema or {"type": "string"}}
            yield {**parameter, "description": description} if description else parameter

    def _lookup_field(self, name: str) -> Any:
        lookup = getattr(self.view, "lookup_field", None)
        queryset = getattr(self.view, "queryset", None)
        if queryset is None or lookup is None or name != (self.view.lookup_url_kwarg or lookup):
            return None
        return find_field(queryset.model, lookup)

    def _filter_parameters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for backend in getattr(self.view, "filter_backends", ()):
            if hasattr(backend, "get_schema_operation_parameters"):
                found += backend().get_schema_operation_parameters(self.view)
        return found

    def _serializer_class(self) -> Any:
        return getattr(self.view, "serializer_class", None)

    def _serializer(self) -> BaseSerializer | None:
        if not hasattr(self.view, "get_serializer"):
            return None
        if self.view.serializer_class is None and not _overrides_serializer(type(self.view)):
            return None
        of_lists = getattr(self.view, "get_bulk_serializer", None)
        is_bulk = of_lists is not None and self.action in ("bulk_update", "partial_bulk_update")
        serializer: BaseSerializer = of_lists() if is_bulk and of_lists else self.view.get_serializer()
        return serializer

    def _request_body(self) -> dict[str, Any] | None:
        told: Any = self.told.request
        encoding, examples = None, [*self._serializer_examples(), *self.told.examples]
        if isinstance(told, OpenApiRequest):
            told, encoding, examples = told.request, told.encoding, [*examples, *told.examples]
        if told is empty:
            told = self._serializer() if self.method in METHODS_WITH_BODY else None
        if told is None or told is OpenApiTypes.NONE:
            return None
        use: Use = "patch" if self.method == "patch" else "request"
        if isinstance(told, Mapping) and all("/" in key for key in told):
            found = {name: {"schema": self.components.of(value, use)} for name, value in told.items()}
        else:
            media_types = [parser.media_type for parser in self.view.parser_classes if parser.media_type]
            found = content(self.versions.media_types(media_types), self.components.of(told, use))
        if encoding:
            for name in found:
                if name != JSON:
                    found[name]["encoding"] = {field: dict(said) for field, said in encoding.items()}
        return {"content": with_examples(found, examples, status=None), "required": self.method != "patch"}

    # What is answered

    def _responses(self) -> dict[str, Any]:
        responses: dict[str, Any] = {status: self.document.errors.describe(status) for status in self._errors()}
        responses.update(self._success())
        for parameter in self.told.parameters:
            if isinstance(parameter, OpenApiParameter) and parameter.response:
                codes = None if parameter.response is True else [str(code) for code in parameter.response]
                for status, response in responses.items():
                    if codes is None or status in codes:
                        headers = response.setdefault("headers", {})
                        headers[parameter.name] = response_header(parameter, self.components)
        return dict(sorted(responses.items()))

    def _errors(self) -> Iterator[str]:
        view = self.view
        if self.method in METHODS_WITH_BODY or (self.is_list and getattr(view, "filter_backends", None)):
            yield "400"
        if not strangers_may_ask(view.permission_classes, self.method):
            if any(getattr(each, "security_scheme", None) for each in view.authentication_classes):
                yield "401"
            yield "403"
        if "{" in self.path or (self.is_list and getattr(view, "paginator", None) is not None):
            yield "404"
        if view.throttle_classes:
            yield "429"

    def _success(self) -> dict[str, Any]:
        told: Any = self.told.responses
        status = "204" if self.method == "delete" else "201" if self._creates else "200"
        if told is empty:
            if self.method == "delete":
                return {"204": {"description": "Deleted."}}
            serializer = self._serializer()
            return {status: self._response({} if serializer is None else serializer, status)}
        if isinstance(told, Mapping) and all(isinstance(key, int | str | tuple) and _is_status(key) for key in told):
            found: dict[str, Any] = {}
            for key, value in told.items():
                code, media_type = key if isinstance(key, tuple) else (key, None)
                response = self._response(value, str(code), media_type)
                earlier = found.setdefault(str(code), response)
                if earlier is not response:
                    earlier.setdefault("content", {}).update(response.get("content", {}))
            return found
        if told is None:
            return {"204": {"description": "No response body."}}
        return {status: self._response(told, status)}

    def _response(self, value: Any, status: str, media_type: str | None = None) -> dict[str, Any]:
        description, examples = "", [*self._serializer_examples(), *self.told.examples]
        if isinstance(value, OpenApiResponse):
            description = value.description
            examples = [*examples, *(_for_status(example, status) for example in value.examples)]
            value = value.response
        description = description or {"200": "OK.", "201": "Created.", "204": "No response body."}.get(status, "")
        if value is None or value is OpenApiTypes.NONE:
            return {"description": description or "No response body."}
        schema, wrap = self._response_schema(value, status)
        renderers = [renderer.media_type for renderer in self.view.renderer_classes if renderer.media_type]
        media_types = self.versions.media_types([media_type] if media_type else list(dict.fromkeys(renderers)))
        found = with_examples(content(media_types, schema), examples, status=status, wrap=wrap)
        return {"description": description, "content": found}

    def _response_schema(self, value: Any, status: str) -> tuple[Schema, Any]:
        """The schema, and what puts an example into its list or page."""
        is_serializer = isinstance(value, BaseSerializer) or (
            isinstance(value, type) and issubclass(value, fields.Field)
        )
        schema = self.components.of(value, "response")
        if not is_serializer or not status.startswith("2"):
            return schema, None
        if not (self.is_list or isinstance(value, ListSerializer)):
            return schema, None
        rows: Schema = schema if isinstance(value, ListSerializer) else {"type": "array", "items": schema}
        paginator = getattr(self.view, "paginator", None)
        if paginator is None or not self.is_list:
            return rows, lambda example: [example]
        name = f"Paginated{rows['items'].get('$ref', 'Object').rpartition('/')[2]}List"
        page = paginator.get_paginated_response_schema(rows)
        return self.components.reference(name, page), lambda example: page_example(page, example)

    def _serializer_examples(self) -> list[Any]:
        serializer = self._serializer_class()
        return list(serializer_override(serializer, "examples") or ()) if isinstance(serializer, type) else []


def _is_status(key: Any) -> bool:
    code = key[0] if isinstance(key, tuple) else key
    return isinstance(code, int) or code == "default" or re.fullmatch(r"[1-5](\d\d|XX)", code) is not None


def _for_status(example: Any, status: str) -> Any:
    """An example that stands in the answer of a status belongs to it, unless it says of which."""
    return example if example.status_codes is not None else replace(example, status_codes=[status])


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
