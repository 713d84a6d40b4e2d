"""Views through a client: negotiation, bodies, permissions, errors."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from vivace.rest import decorators, exceptions, permissions, serializers, throttling, views
from vivace.rest.authentication import BaseAuthentication
from vivace.rest.permissions import AllowAny, BasePermission, IsAdminUser, IsAuthenticated, ReadOnly
from vivace.rest.renderers import BaseRenderer, JSONRenderer
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.web.applications import Application
from vivace.web.exceptions import HTTPException
from vivace.web.requests import empty_receive, empty_send
from vivace.web.responses import PlainTextResponse
from vivace.web.routing import Route
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


class NoteSerializer(serializers.Serializer):
    title = serializers.CharField(max_length=5)
    stars = serializers.IntegerField(min_value=1)


class Notes(views.APIView):
    """All notes."""

    async def get(self, request: Request) -> Response:
        return Response([{"title": "a"}], headers={"X-Count": "1"})

    async def post(self, request: Request) -> Response:
        serializer = NoteSerializer(data=request.data)
        await serializer.is_valid(raise_exception=True)
        return Response(serializer.validated_data, status=201)

    async def delete(self, request: Request) -> Response:
        return Response(status=204)


class Raises(views.APIView):
    errors = {
        "http": HTTPException(418, "I am a teapot", headers={"X-Pot": "tea"}),
        "throttled": exceptions.Throttled(wait=3),
        "list": exceptions.ValidationError(["one"]),
    }

    async def get(self, request: Request, kind: str) -> Response:
        if kind == "bug":
            raise ZeroDivisionError("ours")
        if kind == "plain":
            return PlainTextResponse("plain")  # type: ignore[return-value]  # any response will do
        if kind == "nothing":
            return None  # type: ignore[return-value]  # the mistake under test
        raise self.errors[kind]


class Shouting(BaseRenderer):
    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return str(data).upper().encode()


class Negotiated(views.APIView):
    renderer_classes = (JSONRenderer, Shouting)

    async def get(self, request: Request) -> Response:
        return Response({"a": 1})


class Body(views.APIView):
    async def post(self, request: Request) -> Response:
        return Response({"type": type(request.data).__name__, "raw": (await request.body()).decode()})


@decorators.api_view(["GET", "POST"])
@decorators.permission_classes([ReadOnly])
async def hello(request: Request, name: str) -> Response:
    """Greets."""
    return Response({"hello": name})


@decorators.api_view()
def blocking(request: Request) -> Response:
    return Response({"thread": threading.current_thread() is threading.main_thread()})


class User:
    is_authenticated = True

    def __init__(self, name: str) -> None:
        self.name, self.is_staff = name, name == "root"


class HeaderAuthentication(BaseAuthentication):
    challenge: str | None = "Name"

    async def authenticate(self, request: Request) -> Any:
        name = request.headers.get("x-user")
        if name == "eve":
            raise exceptions.AuthenticationFailed("Not you.")
        return None if name is None else (User(name), "header")

    def authenticate_header(self, request: Request) -> Any:
        return self.challenge


class SilentAuthentication(HeaderAuthentication):
    challenge = None


class Private(views.APIView):
    authentication_classes = (HeaderAuthentication,)
    permission_classes: Any = (IsAuthenticated,)

    async def get(self, request: Request) -> Response:
        await self.check_object_permissions(request, request.query_params.get("owner"))
        return Response({"user": request.user.name, "auth": request.auth})


class IsOwner(BasePermission):
    message, code = "Not yours.", "owner"

    async def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        return bool(obj == request.user.name)


class Never(throttling.BaseThrottle):
    async def allow_request(self, request: Request, view: Any) -> bool:
        return "now" in request.query_params

    def wait(self) -> float:
        return 7.5


@pytest.fixture
async def client() -> AsyncIterator[AsyncTestClient]:
    app = Application(
        routes=[
            Route("/notes", Notes.as_view()),
            Route("/raises/{kind}", Raises.as_view()),
            Route("/negotiated", Negotiated.as_view()),
            Route("/body", Body.as_view()),
            Route("/hello/{name}", hello),
            Route("/blocking", blocking),
            Route("/private", Private.as_view()),
            Route("/silent", Private.as_view(authentication_classes=(SilentAuthentication,))),
            Route("/owner", Private.as_view(permission_classes=(IsAuthenticated & (IsOwner | IsAdminUser),))),
            Route("/not", Private.as_view(permission_classes=(IsAuthenticated, ~IsAdminUser))),
            Route("/throttled", Notes.as_view(throttle_classes=(Never,))),
        ]
    )
    async with AsyncTestClient(app, raise_server_exceptions=True) as client:
        yield client


async def test_data_becomes_json_with_the_headers_given(client: AsyncTestClient) -> None:
    response = await client.get("/notes")
    assert response.status_code == 200
    assert response.json() == [{"title": "a"}]
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-count"] == "1"


async def test_valid_json_is_answered(client: AsyncTestClient) -> None:
    response = await client.post("/notes", json={"title": "abc", "stars": "3"})
    assert (response.status_code, response.json()) == (201, {"title": "abc", "stars": 3})


async def test_a_response_without_content_has_no_body_and_no_type(client: AsyncTestClient) -> None:
    response = await client.delete("/notes")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers
    assert "content-length" not in response.headers


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"title": nope}', "JSON parse error - Expecting value: line 1 column 11 (char 10)"),
        (
            b'{\n  "title": "a",\n  "stars" 3\n}',
            "JSON parse error - Expecting ':' delimiter: line 3 column 11 (char 28)",
        ),
        (b'{"title": "a"', "JSON parse error - Expecting ',' delimiter: line 1 column 14 (char 13)"),
        (b'{"title": "\xff"}', "JSON parse error - Invalid UTF-8: line 1 column 12 (char 11)"),
    ],
)
async def test_wrong_json_is_a_400_that_says_where(client: AsyncTestClient, body: bytes, detail: str) -> None:
    response = await client.post("/notes", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()) == (400, {"detail": detail})


@pytest.mark.parametrize("body", [b"[" * 100_000, b"NaN", b'{"stars": 1e999}', b'{"a": "\\ud800"}', b"\x00"])
async def test_hostile_json_is_a_400(client: AsyncTestClient, body: bytes) -> None:
    response = await client.post("/notes", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert "JSON parse error" in response.json()["detail"]


async def test_wrong_values_are_a_400_that_names_each_field(client: AsyncTestClient) -> None:
    response = await client.post("/notes", json={"title": "too long", "stars": 0})
    assert response.status_code == 400
    assert response.json() == {
        "title": ["Ensure this field has no more than 5 characters."],
        "stars": ["Ensure this value is greater than or equal to 1."],
    }


async def test_a_content_type_nobody_parses_is_a_415(client: AsyncTestClient) -> None:
    response = await client.post("/notes", content=b"a,b", headers={"content-type": "text/csv; charset=utf-8"})
    assert (response.status_code, response.json()) == (415, {"detail": 'Unsupported media type "text/csv" in request.'})


async def test_a_body_that_nobody_reads_may_be_of_any_type(client: AsyncTestClient) -> None:
    response = await client.request("DELETE", "/notes", content=b"a", headers={"content-type": "text/csv"})
    assert response.status_code == 204


async def test_no_body_is_an_empty_object(client: AsyncTestClient) -> None:
    assert (await client.post("/body")).json() == {"type": "dict", "raw": ""}
    response = await client.post("/notes")
    assert response.json() == {"title": ["This field is required."], "stars": ["This field is required."]}


async def test_forms_are_read(client: AsyncTestClient) -> None:
    response = await client.post("/notes", data={"title": "abc", "stars": "2"})
    assert (response.status_code, response.json()) == (201, {"title": "abc", "stars": 2})
    response = await client.post("/notes", data={"title": "abc"}, files={"stars": (None, "2")})
    assert (response.status_code, response.json()) == (201, {"title": "abc", "stars": 2})


async def test_a_broken_multipart_body_is_a_400(client: AsyncTestClient) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = await client.post("/notes", content=b"nothing of the kind", headers=headers)
    assert response.status_code == 400
    assert "parse error" in response.json()["detail"]


async def test_a_method_there_is_not_is_a_405_with_allow(client: AsyncTestClient) -> None:
    response = await client.put("/notes", json={})
    assert (response.status_code, response.json()) == (405, {"detail": 'Method "PUT" not allowed.'})
    assert response.headers["allow"] == "GET, HEAD, POST, DELETE, OPTIONS"


async def test_head_is_answered_as_get(client: AsyncTestClient) -> None:
    response = await client.head("/notes")
    assert (response.status_code, response.headers["x-count"]) == (200, "1")


async def test_options_tells_what_the_view_takes(client: AsyncTestClient) -> None:
    response = await client.options("/notes")
    assert response.json() == {
        "name": "Notes",
        "description": "All notes.",
        "renders": ["application/json"],
        "parses": ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"],
    }


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("http", 418, {"detail": "I am a teapot"}),
        ("throttled", 429, {"detail": "Request was throttled. Expected available in 3 seconds."}),
        ("list", 400, ["one"]),
    ],
)
async def test_errors_have_drfs_shape(client: AsyncTestClient, kind: str, status: int, body: Any) -> None:
    response = await client.get(f"/raises/{kind}")
    assert (response.status_code, response.json()) == (status, body)


async def test_headers_of_an_error_are_sent(client: AsyncTestClient) -> None:
    assert (await client.get("/raises/http")).headers["x-pot"] == "tea"
    assert (await client.get("/raises/throttled")).headers["retry-after"] == "3"


async def test_a_bug_is_raised_and_not_hidden(client: AsyncTestClient) -> None:
    with pytest.raises(ZeroDivisionError, match="ours"):
        await client.get("/raises/bug")


async def test_other_responses_pass_and_no_response_is_a_clear_error(client: AsyncTestClient) -> None:
    assert (await client.get("/raises/plain")).text == "plain"
    with pytest.raises(TypeError, match=r"Raises: the handler of GET returned NoneType; return a Response"):
        await client.get("/raises/nothing")


@pytest.mark.parametrize(
    ("url", "accept", "content_type"),
    [
        ("/negotiated", "*/*", "application/json"),
        ("/negotiated", "text/plain", "text/plain; charset=utf-8"),
        ("/negotiated", "text/*;q=0.5, application/json;q=0.4", "text/plain; charset=utf-8"),
        ("/negotiated", "text/html, */*;q=0.1", "application/json"),
        ("/negotiated", "text/plain;q=0, application/*", "application/json"),
        ("/negotiated?format=txt", "*/*", "text/plain; charset=utf-8"),
    ],
)
async def test_the_accept_header_chooses_the_renderer(
    client: AsyncTestClient, url: str, accept: str, content_type: str
) -> None:
    response = await client.get(url, headers={"accept": accept})
    assert response.status_code == 200
    assert response.headers["content-type"] == content_type
    assert response.headers["vary"] == "Accept"


async def test_a_type_nobody_renders_is_a_406_and_an_unknown_format_a_404(client: AsyncTestClient) -> None:
    response = await client.get("/negotiated", headers={"accept": "image/png, ;q=x, text/plain;q=nan-sense"})
    assert (response.status_code, response.json()) == (406, {"detail": "Could not satisfy the request Accept header."})
    assert (await client.get("/negotiated?format=xml")).status_code == 404


async def test_api_view_takes_path_parameters_and_decorators(client: AsyncTestClient) -> None:
    assert (await client.get("/hello/ann")).json() == {"hello": "ann"}
    assert (await client.post("/hello/ann")).status_code == 403
    options = await client.options("/hello/ann")
    assert (options.headers["allow"], options.json()["description"]) == ("GET, HEAD, POST, OPTIONS", "Greets.")


async def test_a_plain_function_does_not_block_the_event_loop(client: AsyncTestClient) -> None:
    assert (await client.get("/blocking")).json() == {"thread": False}


def test_mistakes_in_decorators_are_told_at_once() -> None:
    with pytest.raises(TypeError, match="needs its parentheses"):
        decorators.api_view(blocking)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(ValueError, match="'fetch' is no HTTP method"):
        decorators.api_view(["FETCH"])
    with pytest.raises(TypeError, match="below @api_view"):
        decorators.permission_classes([AllowAny])(hello)
    with pytest.raises(TypeError, match="detail=True"):
        decorators.action()
    with pytest.raises(TypeError, match=r"as_view\(nonsense=…\)"):
        Notes.as_view(nonsense=1)
    with pytest.raises(TypeError, match=r"as_view\(get=…\)"):
        Notes.as_view(get=1)


async def test_authentication_decides_who_may(client: AsyncTestClient) -> None:
    response = await client.get("/private")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Name")
    assert response.json() == {"detail": "Authentication credentials were not provided."}
    assert (await client.get("/silent")).status_code == 403
    assert (await client.get("/private", headers={"x-user": "eve"})).json() == {"detail": "Not you."}
    assert (await client.get("/private", headers={"x-user": "ann"})).json() == {"user": "ann", "auth": "header"}


@pytest.mark.parametrize(
    ("url", "user", "status"),
    [
        ("/owner?owner=ann", "ann", 200),
        ("/owner?owner=bob", "ann", 403),
        ("/owner?owner=bob", "root", 200),
        ("/not", "ann", 200),
        ("/not", "root", 403),
    ],
)
async def test_permissions_combine(client: AsyncTestClient, url: str, user: str, status: int) -> None:
    assert (await client.get(url, headers={"x-user": user})).status_code == status


async def test_read_only_lets_strangers_read(client: AsyncTestClient) -> None:
    assert (await client.post("/hello/ann", json={})).json() == {
        "detail": "You do not have permission to perform this action."
    }


async def test_a_throttle_refuses_with_429(client: AsyncTestClient) -> None:
    response = await client.get("/throttled")
    assert (response.status_code, response.headers["retry-after"]) == (429, "8")
    assert (await client.get("/throttled?now")).status_code == 200


async def test_a_response_alone_is_json() -> None:
    async def endpoint(request: Any) -> Response:
        response = Response({"a": 1})
        response.set_cookie("seen", "yes")
        return response

    async with AsyncTestClient(Application(routes=[Route("/", endpoint)])) as client:
        response = await client.get("/")
        assert response.json() == {"a": 1}
        assert response.cookies["seen"] == "yes"


def test_strangers_are_anonymous() -> None:
    request = Request({"type": "http"}, empty_receive, empty_send)
    assert str(request.user) == "AnonymousUser"
    assert not permissions.IsAuthenticated().has_permission(request, None)
