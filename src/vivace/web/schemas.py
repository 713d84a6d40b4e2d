"""An OpenAPI document out of the YAML in the docstrings of endpoints (names as in `starlette.schemas`).

`schemas = SchemaGenerator({"openapi": "3.1.0", "info": {"title": "Books", "version": "1"}})`, then an endpoint that
answers `schemas.OpenAPIResponse(request=request)`. `vivace.rest` makes the document from types instead.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from vivace.web.requests import Request
from vivace.web.responses import Response
from vivace.web.routing import BaseRoute, Host, Mount, Route

try:
    import yaml
except ModuleNotFoundError:  # pragma: no cover - tested in a process of its own
    yaml = None

# OpenAPI 3.2 knows all of them, the versions before it all but "query".
METHODS = ("get", "post", "put", "patch", "delete", "options", "query")

_CONVERTOR = re.compile(r":\w+}")
_VERSION = re.compile(r"(\d+)\.(\d+)")


class OpenAPIResponse(Response):
    """A document as YAML."""

    media_type = "application/vnd.oai.openapi"

    def render(self, content: Any) -> bytes:
        if not isinstance(content, dict):
            raise TypeError(f"The schema of an OpenAPIResponse is a dictionary, got {type(content).__name__}.")
        text: str = _require_yaml("OpenAPIResponse").dump(content, default_flow_style=False)
        return text.encode()


class EndpointInfo(NamedTuple):
    """One operation: the path without convertors ("/users/{id}"), the method in lower case, and what answers."""

    path: str
    http_method: str
    func: Callable[..., Any]


class BaseSchemaGenerator:
    """What finds the endpoints; a generator of your own says in `get_schema` what to make of them."""

    def get_schema(self, routes: list[BaseRoute]) -> dict[str, Any]:
        """The document for these routes."""
        raise NotImplementedError

    def get_endpoints(self, routes: list[BaseRoute]) -> list[EndpointInfo]:
        """Every operation of these routes and of what is mounted in them, without those that hide from the schema."""
        return list(self._endpoints(routes, ""))

    def _endpoints(self, routes: Sequence[BaseRoute], prefix: str) -> Iterator[EndpointInfo]:
        for route in routes:
            if isinstance(route, Mount | Host):
                below = _CONVERTOR.sub("}", route.path) if isinstance(route, Mount) else ""
                yield from self._endpoints(route.routes, prefix + below)
            elif isinstance(route, Route) and route.include_in_schema:
                path = prefix + _CONVERTOR.sub("}", route.path)
                for method, func in _operations(route):
                    yield EndpointInfo(path, method, func)

    def parse_docstring(self, func_or_method: Callable[..., Any]) -> dict[str, Any]:
        """The YAML of a docstring, which is all of it or what follows the last `---`; empty when there is none."""
        docstring = func_or_method.__doc__
        if not docstring:
            return {}
        text = docstring.split("---")[-1]
        try:
            parsed = _require_yaml("parse_docstring").safe_load(text)
        except yaml.YAMLError as error:
            if "---" not in docstring:  # prose that happens not to be YAML
                return {}
            name = getattr(func_or_method, "__qualname__", repr(func_or_method))
            raise ValueError(f"The schema in the docstring of {name} is not YAML: {error}") from error
        return parsed if isinstance(parsed, dict) else {}

    def OpenAPIResponse(self, request: Request) -> Response:  # noqa: N802 (Starlette's name)
        """The document of the application that this request is for, as a response."""
        return OpenAPIResponse(self.get_schema(routes=request.app.routes))


class SchemaGenerator(BaseSchemaGenerator):
    """`base_schema` with a path for each endpoint whose docstring says something.

    A QUERY operation is left out unless the document is of OpenAPI 3.2, which is the first to know the method.
    """

    def __init__(self, base_schema: dict[str, Any]) -> None:
        self.base_schema = base_schema

    def get_schema(self, routes: list[BaseRoute]) -> dict[str, Any]:
        schema = copy.deepcopy(self.base_schema)
        paths = schema.setdefault("paths", {})
        version = _VERSION.match(str(schema.get("openapi", "")))
        knows_query = version is not None and (int(version[1]), int(version[2])) >= (3, 2)
        for path, method, func in self.get_endpoints(routes):
            if method == "query" and not knows_query:
                continue
            described = self.parse_docstring(func)
            if described:
                paths.setdefault(path, {})[method] = described
        return schema


def _operations(route: Route) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of a route that a schema knows, and what answers each."""
    if inspect.isfunction(route.endpoint) or inspect.ismethod(route.endpoint):
        for method in sorted(route.methods or ["GET"]):
            if method != "HEAD":  # comes with GET
                yield method.lower(), route.endpoint
    else:
        for name in METHODS:
            func = getattr(route.endpoint, name, None)
            if func is not None:
                yield name, func


def _require_yaml(what: str) -> Any:
    if yaml is None:
        raise RuntimeError(f"`pyyaml` must be installed to use {what}: pip install pyyaml")
    return yaml
