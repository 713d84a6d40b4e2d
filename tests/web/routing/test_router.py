from __future__ import annotations

import copy
from typing import Any

import pytest

from vivace.web.applications import Application
from vivace.web.datastructures import URLPath
from vivace.web.endpoints import HTTPEndpoint
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import Host, InvalidRouteError, Match, Mount, NoMatchFound, Route, Router, WebSocketRoute
from vivace.web.testclient import AsyncTestClient
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio


async def show(request: Request) -> Response:
    scope = request.scope
    return JSONResponse(
        {
            "path": scope["path"],
            "root_path": scope["root_path"],
            "params": request.path_params,
            "by": scope["route"].name,
        }
    )


def named(name: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse(name)

    endpoint.__name__ = name
    return endpoint


async def test_the_first_route_that_fits_answers() -> None:
    router = Router([Route("/{name}", named("any")), Route("/me", named("me"))])
    async with AsyncTestClient(router) as client:
        assert (await client.get("/me")).text == "any"
        router.routes.reverse()
        assert (await client.get("/me")).text == "me"


async def test_a_wrong_parameter_is_404() -> None:
    async with AsyncTestClient(Router([Route("/{id:int}", show)])) as client:
        assert (await client.get("/x")).status_code == 404
        assert (await client.get("/" + "9" * 5000)).status_code == 404


async def test_405_names_the_methods_of_all_routes_of_the_path() -> None:
    routes = [Route("/a", named("get")), Route("/a", named("put"), methods=["PUT"]), Route("/{any}", named("any"))]
    async with AsyncTestClient(Application(routes=routes)) as client:
        response = await client.delete("/a")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, PUT")
        assert (await client.put("/a")).text == "put"


async def test_a_slash_too_few_or_too_many_is_redirected() -> None:
    router = Router(
        [Route("/a/", named("slash")), Route("/b", named("none"), methods=["POST"]), Mount("/m", app=show_app)]
    )
    async with AsyncTestClient(router, follow_redirects=False) as client:
        for path, location in [
            ("/a?x=1", "http://testserver/a/?x=1"),
            ("/b/", "http://testserver/b"),
            ("/m", "http://testserver/m/"),
        ]:
            response = await client.get(path)
            assert (response.status_code, response.headers["location"]) == (307, location)
        assert (await client.get("/c/")).status_code == 404
        router.redirect_slashes = False
        assert (await client.get("/a")).status_code == 404


async def show_app(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse([scope["path"], scope["root_path"], scope["path_params"]])(scope, receive, send)


async def test_a_mount_hands_on_what_is_below_its_path() -> None:
    inner = Router([Route("/{id:int}", show, name="one")])
    router = Router([Mount("/users/{team}", app=inner), Mount("/app", app=show_app), Mount("/", app=named_app("rest"))])
    async with AsyncTestClient(router, root_path="/root") as client:
        assert (await client.get("/root/users/red/7")).json() == {
            "path": "/root/users/red/7",
            "root_path": "/root/users/red",
            "params": {"team": "red", "id": 7},
            "by": "one",
        }
        assert (await client.get("/root/app/x/y")).json() == ["/root/app/x/y", "/root/app", {}]
        assert (await client.get("/root/apple")).text == "rest"
        # A `path` parameter is of one line, as in Starlette.
        assert (await client.get("/root/app/a%0Ab")).status_code == 404


def named_app(name: str) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(name)(scope, receive, send)

    return app


async def test_a_host_takes_what_is_sent_to_it_whatever_the_port() -> None:
    async def tenant(request: Request) -> Response:
        return PlainTextResponse(request.path_params["tenant"])

    router = Router([Host("{tenant}.Example.org", app=Router([Route("/", tenant)])), Route("/", named("other"))])
    async with AsyncTestClient(router) as client:
        for host, text in [
            ("red.example.org", "red"),
            ("RED.EXAMPLE.ORG:8000", "red"),
            ("example.org", "other"),
            ("red.example.org:evil", "other"),
        ]:
            assert (await client.get("/", headers={"host": host})).text == text


async def test_routes_may_come_and_go_while_it_serves() -> None:
    router = Router()
    async with AsyncTestClient(router) as client:
        assert (await client.get("/a")).status_code == 404
        router.add_route("/a", named("added"), methods=["GET"], name="a")
        assert (await client.get("/a")).text == "added"
        assert router.url_path_for("a") == "/a"
        router.routes[0] = Route("/a", named("replaced"))
        assert (await client.get("/a")).text == "replaced"
        router.routes = []
        assert (await client.get("/a")).status_code == 404
        router.mount("/m", named_app("mounted"), name="m")
        router.host("example.org", named_app("hosted"))
        assert (await client.get("/m/")).text == "mounted"
        assert (await client.get("/", headers={"host": "example.org"})).text == "hosted"


async def test_a_copy_of_its_routes_is_a_plain_list() -> None:
    router = Router([Route("/a", show)])
    assert type(copy.copy(router.routes)) is list
    assert Router(router.routes) == router
    assert Router() != router


async def test_websockets_have_routes_of_their_own() -> None:
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello " + websocket.path_params["name"])
        await websocket.close()

    router = Router([Route("/{name}", show)])
    router.add_websocket_route("/{name}", greet)
    async with AsyncTestClient(router) as client:
        async with client.websocket_connect("/ann") as session:
            assert await session.receive_text() == "hello ann"
        with pytest.raises(WebSocketDisconnect):
            async with client.websocket_connect("/ann/lee"):
                pass


async def test_what_is_neither_http_nor_websocket_nor_lifespan_is_refused() -> None:
    with pytest.raises(RuntimeError, match="not 'telnet'"):
        await Router()({"type": "telnet"}, None, None)  # type: ignore[arg-type]


class Books(HTTPEndpoint):
    pass


routes = [
    Route("/", named("home")),
    Route("/books/{id:int}", named("book")),
    Route("/old/{id:int}/{slug}", named("book")),
    WebSocketRoute("/chat", named("chat")),
    Mount("/api/{version}", name="api", routes=[Route("/books/{id}", Books, name="book")]),
    Mount("/anonymous", routes=[Route("/deep", named("deep"))]),
    Mount("/static", app=named_app("static"), name="static"),
    Host("{sub}.example.org", app=Router([Route("/users", named("users"))]), name="tenant"),
    Host("plain.example.org", app=named_app("plain"), name="plain"),
    Mount(
        "/nested", name="outer", app=Application(routes=[Mount("/in", name="inner", routes=[Route("/x", named("x"))])])
    ),
]


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("home", {}, "/"),
        ("book", {"id": 3}, "/books/3"),
        ("book", {"id": 3, "slug": "a"}, "/old/3/a"),
        ("chat", {}, "/chat"),
        ("api:book", {"version": "v1", "id": 3}, "/api/v1/books/3"),
        ("api", {"version": "v1", "path": "/any/thing"}, "/api/v1/any/thing"),
        ("deep", {}, "/anonymous/deep"),
        ("static", {"path": "css/a.css"}, "/static/css/a.css"),
        ("tenant:users", {"sub": "red"}, "/users"),
        ("plain", {"path": "/x"}, "/x"),
        ("outer:inner:x", {}, "/nested/in/x"),
    ],
)
async def test_a_name_leads_back_to_a_path(name: str, params: dict[str, Any], path: str) -> None:
    assert Router(routes).url_path_for(name, **params) == path


async def test_a_url_knows_its_host_and_protocol() -> None:
    router = Router(routes)
    assert (
        router.url_path_for("tenant:users", sub="red").make_absolute_url("https://x") == "https://red.example.org/users"
    )
    assert router.url_path_for("chat").make_absolute_url("https://x") == "wss://x/chat"


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("hoome", {}, 'No route exists for name "hoome" and params "". Did you mean "home"?'),
        ("api:boook", {"version": "v1", "id": 1}, 'Did you mean "api:book"?'),
        (
            "book",
            {"pk": 1},
            'No route exists for name "book" and params "pk". Did you mean "book"? Names: api, api:book,',
        ),
        ("static", {"path": "a", "more": 1}, "static"),
        ("plain", {"path": "a", "more": 1}, "plain"),
        ("static:x", {}, "static:x"),
    ],
)
async def test_an_unknown_name_is_answered_with_the_nearest(name: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(NoMatchFound) as missed:
        Router(routes).url_path_for(name, **params)
    assert message in str(missed.value)


async def test_urls_are_built_from_the_root_of_the_outermost_application() -> None:
    async def url(request: Request) -> Response:
        return PlainTextResponse(str(request.url_for("inner:url")))

    app = Application(routes=[Mount("/in", name="inner", routes=[Route("/url", url)])])
    async with AsyncTestClient(app, root_path="/root") as client:
        assert (await client.get("/root/in/url")).text == "http://testserver/root/in/url"


async def test_a_host_is_no_path() -> None:
    with pytest.raises(InvalidRouteError, match="a path belongs into a Mount"):
        Host("/users", app=show_app)


async def test_mounts_and_hosts_are_equal_when_they_say_the_same() -> None:
    assert Mount("/a", app=show_app) == Mount("/a/", app=show_app)
    assert Host("a.b", app=show_app) == Host("a.b", app=show_app)
    assert len({Mount("/a", app=show_app), Mount("/a", app=show_app), Host("a", show_app), Host("b", show_app)}) == 3
    assert repr(Mount("/a", app=show_app, name="n")).startswith("Mount(path='/a', name='n', app=")
    assert repr(Host("a.b", app=show_app)).startswith("Host(host='a.b', name='', app=")
    assert Mount("/a", app=show_app).routes == Host("a", show_app).routes == []


async def test_a_mount_limits_bodies_and_wraps_its_application() -> None:
    async def size(request: Request) -> Response:
        return JSONResponse(len(await request.body()))

    mount = Mount("/m", routes=[Route("/", size, methods=["POST"])], max_body_size=2)
    router = Router([mount], max_body_size=100)
    async with AsyncTestClient(router) as client:
        assert (await client.post("/m/", content=b"ab")).json() == 2
        assert (await client.post("/m/", content=b"abc")).status_code == 413


async def test_routes_of_an_application_that_is_not_ours_have_names_too() -> None:
    class Foreign:
        def __init__(self) -> None:
            self.routes = [Route("/x", named("x")), Route("/y", named("y"))]

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            pass

    router = Router([Mount("/foreign", app=Foreign(), name="foreign")])
    assert router.url_path_for("foreign:y") == "/foreign/y"
    with pytest.raises(NoMatchFound, match='Did you mean "foreign:x"'):
        router.url_path_for("foreign:xx")


async def test_a_host_takes_only_what_has_a_host() -> None:
    assert Host("a.b", app=show_app).matches({"type": "lifespan"})[0].name == "NONE"


class Unusual(Route):
    """Made without the constructor of its base."""

    def __init__(self) -> None:
        pass

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return Match.PARTIAL, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("partial")(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        raise NoMatchFound(name, path_params)


async def test_a_route_made_in_its_own_way_may_answer_what_fits_it_in_part() -> None:
    router = Router([Unusual(), Route("/a", named("a"))])
    async with AsyncTestClient(router) as client:
        assert (await client.get("/a")).text == "a"
        assert (await client.get("/b")).text == "partial"
    assert router.url_path_for("a") == "/a"


def test_what_would_end_a_path_is_quoted_in_a_url() -> None:
    router = Router(
        [
            Route("/files/{name}", PlainTextResponse(""), name="file"),
            Mount("/{tenant}", app=PlainTextResponse(""), name="tenant"),
        ]
    )
    assert router.url_path_for("file", name="100%?#1") == "/files/100%25%3F%231"
    assert router.url_path_for("tenant", tenant="a?b", path="/c.css?v=2") == "/a%3Fb/c.css?v=2"


def test_a_mount_whose_own_parameter_is_missing_leads_to_no_url() -> None:
    app = Application(routes=[Mount("/{tenant}", routes=[Route("/page", show, name="page")])])
    assert app.url_path_for("page", tenant="a") == "/a/page"
    with pytest.raises(NoMatchFound):
        app.url_path_for("page")
