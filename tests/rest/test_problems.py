"""Views in an application that answers its errors with problem details."""

from __future__ import annotations

import pytest

from vivace.rest import exceptions, serializers, views
from vivace.rest.problems import problem_of
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.web.applications import Application
from vivace.web.exceptions import HTTPException
from vivace.web.middleware.problem_details import install
from vivace.web.routing import Route
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class Note(serializers.Serializer):
    title = serializers.CharField(max_length=5)


class Notes(views.APIView):
    async def post(self, request: Request) -> Response:
        await Note(data=request.data).is_valid(raise_exception=True)
        return Response(status=201)

    async def put(self, request: Request) -> Response:
        raise exceptions.Throttled(wait=3)

    async def delete(self, request: Request) -> Response:
        raise HTTPException(418, "short and stout")


def app_with_problems() -> Application:
    app = Application(routes=[Route("/notes", Notes.as_view())])
    install(app)
    return app


async def test_errors_of_views_are_problems() -> None:
    async with AsyncTestClient(app_with_problems()) as client:
        answer = await client.post("/notes", json={"title": "too long"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert answer.json()["instance"] == "/notes"
        error = answer.json()["errors"][0]
        assert (error["pointer"], error["code"]) == ("#/title", "max_length")
        answer = await client.put("/notes")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
        assert answer.json()["title"] == "Too Many Requests"
        assert answer.json()["code"] == "throttled"
        answer = await client.get("/notes")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT, DELETE, OPTIONS")
        assert answer.json()["status"] == 405
        answer = await client.delete("/notes")
        assert (answer.status_code, answer.json()["detail"]) == (418, "short and stout")


async def test_without_them_the_shape_is_that_of_django_rest_framework() -> None:
    async with AsyncTestClient(Application(routes=[Route("/notes", Notes.as_view())])) as client:
        assert (await client.delete("/notes")).json() == {"detail": "short and stout"}
        assert list((await client.post("/notes", json={})).json()) == ["title"]


def test_each_error_points_to_what_it_is_about() -> None:
    detail = {"title": ["a", "b"], "non_field_errors": ["c"], "tags": [{}, {"na/me": ["d"]}], "deep": {"x": ["e"]}}
    errors = problem_of(exceptions.ValidationError(detail, code="x"), {}).extensions["errors"]
    assert [(error["pointer"], error["detail"]) for error in errors] == [
        ("#/title", "a"),
        ("#/title", "b"),
        ("#", "c"),
        ("#/tags/1/na~1me", "d"),
        ("#/deep/x", "e"),
    ]
    assert {error["code"] for error in errors} == {"x"}
