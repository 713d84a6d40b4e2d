from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml

from vivace.web import Application, Host, HTTPEndpoint, Mount, Request, Response, Route, Router, WebSocketRoute
from vivace.web.schemas import BaseSchemaGenerator, EndpointInfo, OpenAPIResponse, SchemaGenerator
from vivace.web.testclient import TestClient

BASE = {"openapi": "3.1.0", "info": {"title": "Books", "version": "1"}}


def books(request: Request) -> Response:
    """
    Lists the books: all of them.
    ---
    responses:
      200:
        description: The books.
    """
    raise NotImplementedError


def prose(request: Request) -> Response:
    """Gives a book: [not a schema."""
    raise NotImplementedError


def silent(request: Request) -> Response:
    raise NotImplementedError


class Book(HTTPEndpoint):
    def get(self, request: Request) -> None:
        """
        description: One book.
        """

    def query(self, request: Request) -> None:
        """
        description: Books that fit.
        """


async def socket(websocket: Any) -> None:
    """description: none of this"""


ROUTES = [
    Route("/books", books, methods=["GET", "POST"]),
    Route("/books/{id:int}", Book),
    Route("/prose", prose),
    Route("/silent", silent),
    Route("/hidden", books, include_in_schema=False),
    WebSocketRoute("/socket", socket),
    Mount("/{tenant:str}", routes=[Mount("/v1", routes=[Route("/{id:uuid}/books", books)])]),
    Host("api.example.org", Router([Route("/hosted", books)])),
    Mount("/foreign", app=lambda scope, receive, send: None),  # type: ignore[arg-type,return-value]
]


def test_the_document_has_what_docstrings_say() -> None:
    schema = SchemaGenerator(BASE).get_schema(routes=ROUTES)
    described = {"responses": {200: {"description": "The books."}}}
    assert schema == {
        **BASE,
        "paths": {
            "/books": {"get": described, "post": described},
            "/books/{id}": {"get": {"description": "One book."}},
            "/{tenant}/v1/{id}/books": {"get": described},
            "/hosted": {"get": described},
        },
    }


def test_the_base_is_left_as_it_is() -> None:
    base: dict[str, Any] = {"openapi": "3.1.0", "paths": {}}
    generator = SchemaGenerator(base)
    assert generator.get_schema(routes=ROUTES) == generator.get_schema(routes=ROUTES)
    assert base == {"openapi": "3.1.0", "paths": {}}


@pytest.mark.parametrize(("version", "has_query"), [("3.1.0", False), ("3.2.0", True), ("4.0", True), ("", False)])
def test_a_query_operation_needs_openapi_3_2(version: str, has_query: bool) -> None:
    schema = SchemaGenerator({"openapi": version}).get_schema(routes=ROUTES)
    assert ("query" in schema["paths"]["/books/{id}"]) is has_query


def test_every_endpoint_is_told_to_a_generator_of_ones_own() -> None:
    found = BaseSchemaGenerator().get_endpoints(ROUTES[:3])
    assert found == [
        EndpointInfo("/books", "get", books),
        EndpointInfo("/books", "post", books),
        EndpointInfo("/books/{id}", "get", Book.get),
        EndpointInfo("/books/{id}", "query", Book.query),
        EndpointInfo("/prose", "get", prose),
    ]
    with pytest.raises(NotImplementedError):
        BaseSchemaGenerator().get_schema(ROUTES)


def test_yaml_that_is_broken_is_told_with_the_name_of_the_function() -> None:
    def broken(request: Request) -> None:
        """Lists.
        ---
        responses: [
        """

    with pytest.raises(ValueError, match=r"docstring of .*broken is not YAML"):
        SchemaGenerator(BASE).parse_docstring(broken)


def test_the_document_is_answered_as_yaml() -> None:
    schemas = SchemaGenerator(BASE)
    app = Application(routes=ROUTES[:1])

    @app.route("/schema", include_in_schema=False)
    def schema(request: Request) -> Response:
        return schemas.OpenAPIResponse(request=request)

    response = TestClient(app).get("/schema")
    assert response.headers["content-type"] == "application/vnd.oai.openapi"
    assert list(yaml.safe_load(response.text)["paths"]) == ["/books"]


def test_a_document_that_is_no_dictionary_is_refused() -> None:
    with pytest.raises(TypeError, match="dictionary, got list"):
        OpenAPIResponse([])


def test_without_yaml_the_error_says_how_to_get_it() -> None:
    code = "import sys; sys.modules['yaml'] = None; from vivace.web.schemas import OpenAPIResponse as R; R({})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "RuntimeError: `pyyaml` must be installed to use OpenAPIResponse: pip install pyyaml" in done.stderr
