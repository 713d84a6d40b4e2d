"""`path()`, `re_path()`, `include()` and `reverse()`: what Django's documentation promises, and as Django answers."""

from __future__ import annotations

import sys
import types
import uuid
from collections.abc import Iterator
from typing import Any

import django.conf
import django.urls
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivace.web.applications import Application
from vivace.web.endpoints import HTTPEndpoint
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import Host, InvalidRouteError, Mount, Route, Router, WebSocketRoute
from vivace.web.testclient import TestClient
from vivace.web.urls import (
    NoReverseMatch,
    Resolver404,
    get_urlconf,
    include,
    path,
    re_path,
    register_converter,
    resolve,
    reverse,
    reverse_lazy,
    set_urlconf,
)
from vivace.web.views import View
from vivace.web.websockets import WebSocket


async def echo(request: Request, *args: Any, **kwargs: Any) -> Response:
    """Says what it was called with."""
    return JSONResponse([list(args), kwargs])


def echo_plainly(request: Request, **kwargs: Any) -> Response:
    return JSONResponse(["plain", kwargs])


class YearConverter:
    regex = "[0-9]{4}"

    def to_python(self, value: str) -> int:
        if value == "0000":
            raise ValueError("there was no year 0")
        return int(value)

    def to_url(self, value: int) -> str:
        if not 0 < value < 10_000:
            raise ValueError(value)
        return f"{value:04d}"


register_converter(YearConverter, "test_year")


def get(routes: Any, path: str, method: str = "GET") -> Any:
    response = TestClient(Application(routes=routes)).request(method, path, follow_redirects=False)
    return response.json() if response.status_code == 200 else response.status_code


def test_a_view_is_called_with_the_request_and_its_converted_parameters() -> None:
    key = uuid.UUID(int=7)
    routes = [
        path("", echo),
        path("books/<int:pk>/", echo),
        path("tags/<slug:tag>/<name>", echo_plainly, {"size": 3}),
        path("files/<path:rest>", echo),
        path("years/<test_year:year>/", echo),
        path("keys/<uuid:key>", echo),
    ]
    assert get(routes, "/") == [[], {}]
    assert get(routes, "/books/3/") == [[], {"pk": 3}]
    assert get(routes, "/books/x/") == 404
    assert get(routes, "/tags/a-b_1/Ann%20B") == ["plain", {"tag": "a-b_1", "name": "Ann B", "size": 3}]
    assert get(routes, "/files/a/b.txt") == [[], {"rest": "a/b.txt"}]
    assert get(routes, "/files/") == 404
    assert get(routes, "/years/2026/") == [[], {"year": 2026}]
    assert get(routes, "/years/0000/") == 404
    assert get(routes, f"/keys/{key}") == [[], {"key": str(key)}]


def test_a_missing_slash_is_redirected_and_any_method_reaches_the_view() -> None:
    assert get([path("books/", echo)], "/books") == 307
    assert get([path("books/", echo)], "/books/", "DELETE") == [[], {}]


def test_a_regular_expression_gives_its_groups() -> None:
    routes = [
        re_path(r"^years/(?P<year>[0-9]{4})/$", echo),
        re_path(r"^pairs/([a-z]+)-(\d+)$", echo),
        re_path(r"^mixed/([a-z]+)-(?P<number>\d+)$", echo),
        re_path(r"^pages/(?:page-(?P<page>\d+)/)?$", echo),
        re_path(r"anywhere", echo, {"found": True}),
    ]
    assert get(routes, "/years/2026/") == [[], {"year": "2026"}]
    assert get(routes, "/years/2026/more") == 404
    assert get(routes, "/pairs/a-12") == [["a", "12"], {}]
    assert get(routes, "/mixed/a-12") == [[], {"number": "12"}]
    assert get(routes, "/pages/") == [[], {}]
    assert get(routes, "/pages/page-2/") == [[], {"page": "2"}]
    assert get(routes, "/it/is/anywhere/there") == [[], {"found": True}]


@pytest.fixture
def blog() -> Iterator[str]:
    module = types.ModuleType("files_test_blog_urls")
    module.__dict__.update(
        app_name="blog", urlpatterns=[path("", echo, name="index"), path("<int:pk>/", echo, name="post")]
    )
    sys.modules[module.__name__] = module
    yield module.__name__
    del sys.modules[module.__name__]


def test_included_urls_stand_below_their_path_with_its_parameters_and_arguments(blog: str) -> None:
    routes = [
        path("blog/", include(blog)),
        path("<str:user>/blog/", include(blog, namespace="theirs"), {"wide": True}),
        re_path(r"^(?P<language>[a-z]{2})/", include([path("x/<int:n>", echo), re_path(r"^y/(\d+)$", echo)])),
        path("blog/more", echo, {"after": True}),
    ]
    assert get(routes, "/blog/") == [[], {}]
    assert get(routes, "/ann/blog/3/") == [[], {"user": "ann", "pk": 3, "wide": True}]
    assert get(routes, "/de/x/3") == [[], {"language": "de", "n": 3}]
    assert get(routes, "/de/y/3") == [[], {"language": "de"}]
    # What nothing included answers goes on to what comes after.
    assert get(routes, "/blog/more") == [[], {"after": True}]


def test_names_lead_back_to_paths(blog: str) -> None:
    app = Application(
        routes=[
            path("", echo, name="home"),
            path("blog/", include(blog)),
            path("<str:user>/blog/", include(blog, namespace="theirs")),
            path("years/<test_year:year>/", echo, {"extra": 1}, name="year"),
            re_path(r"^pairs/([a-z]+)-(\d+)/?$", echo, name="pair"),
            re_path(r"^pages/(?:page-(?P<page>\d+)/)?$", echo, name="pages"),
            Route("/plain/{name}", PlainTextResponse(""), name="plain"),
            Mount("/m/{tenant}", name="m", routes=[path("<int:pk>", echo, name="in")]),
        ]
    )
    assert reverse("home", app) == "/"
    assert reverse("blog:post", app, kwargs={"pk": 3}) == reverse("blog:post", app, args=[3]) == "/blog/3/"
    assert reverse("theirs:post", app, args=["ann", 3]) == "/ann/blog/3/"
    assert reverse("blog:post", app, args=["ann", 3], current_app="theirs") == "/ann/blog/3/"
    assert reverse("year", app, args=[2026]) == reverse("year", app, kwargs={"year": 2026, "extra": 1})
    assert reverse("pair", app, args=["ab", 5]) == "/pairs/ab-5"
    assert (reverse("pages", app), reverse("pages", app, kwargs={"page": 2})) == ("/pages/", "/pages/page-2/")
    assert reverse("plain", app, args=["a b/c?é".replace("/", "")]) == "/plain/a%20bc%3F%C3%A9"
    assert reverse("m:in", app, args=["t", 3]) == "/m/t/3"
    assert app.url_path_for("theirs:post", user="ann", pk=3) == "/ann/blog/3/"
    assert reverse("home", app, query={"q": "a b", "tag": [1, 2]}, fragment="top") == "/?q=a+b&tag=1&tag=2#top"


def test_the_last_instance_is_taken_where_none_is_called_as_the_application(blog: str) -> None:
    routes = [
        path("a/", include(blog, namespace="first")),
        path("b/", include(blog, namespace="second")),
        path("o/", include(([path("i/", include(blog, namespace="inner"))], "outer"))),
    ]
    assert reverse("blog:index", routes) == "/b/"
    assert reverse("blog:index", routes, current_app="first") == "/a/"
    assert reverse("outer:inner:index", routes) == reverse("outer:blog:index", routes) == "/o/i/"


def test_what_cannot_be_reversed_says_what_there_is() -> None:
    routes = [path("books/<int:pk>/", echo, name="book"), re_path(r"^x(.)\1$", echo, name="twice")]
    with pytest.raises(NoReverseMatch, match=r'no route of that name\. Did you mean "book"'):
        reverse("bok", routes)
    with pytest.raises(NoReverseMatch, match=r"fits no route of that name\. It takes: pk"):
        reverse("book", routes, args=[1, 2])
    with pytest.raises(NoReverseMatch, match=r"kwargs \{'pk': -1\} fits no route"):
        reverse("book", routes, kwargs={"pk": -1})
    with pytest.raises(NoReverseMatch):
        reverse("twice", routes, args=["a"])
    with pytest.raises(NoReverseMatch, match="no route with a name leads to"):
        reverse(echo_plainly, routes)
    with pytest.raises(ValueError, match="args or kwargs"):
        reverse("book", routes, args=[1], kwargs={"pk": 1})
    assert reverse(echo, routes, args=[4]) == "/books/4/"


def test_inside_a_request_the_routes_are_known_and_their_root() -> None:
    later = reverse_lazy("book", args=[8])

    async def book(request: Request, pk: int) -> Response:
        return PlainTextResponse(f"{reverse('book', args=[pk + 1])} {later} {later + '?x'}")

    app = Application(routes=[path("books/<int:pk>/", book, name="book")])
    outer = Application(routes=[Mount("/shop", app=app)])
    assert TestClient(app).get("/books/3/").text == "/books/4/ /books/8/ /books/8/?x"
    assert TestClient(app, root_path="/root").get("/root/books/3/").text.split()[0] == "/root/books/4/"
    assert TestClient(outer).get("/shop/books/3/").text.split()[0] == "/shop/books/4/"


def test_outside_of_requests_they_are_those_that_were_set() -> None:
    set_urlconf(None)
    with pytest.raises(LookupError, match=r"set_urlconf\(app\)"):
        reverse("home")
    app = Application(routes=[path("h/", echo, name="home")])
    set_urlconf(app)
    try:
        assert get_urlconf() is app
        assert reverse("home") == "/h/"
        set_urlconf([path("l/", echo, name="home")])
        assert reverse("home") == "/l/"
    finally:
        set_urlconf(None)


def test_a_path_is_resolved_to_its_view(blog: str) -> None:
    routes = [path("b/", include(blog), {"x": 1}), re_path(r"^p/(\d+)$", echo), Route("/r", PlainTextResponse(""))]
    match = resolve("/b/3/", routes)
    assert (match.func, match.args, match.kwargs) == (echo, (), {"pk": 3, "x": 1})
    assert (match.view_name, match.namespace, match.app_name, match.route) == (
        "blog:post",
        "blog",
        "blog",
        "b/<int:pk>/",
    )
    _, args, _ = resolve("/p/5", routes)
    assert args == ("5",)
    assert resolve("/p/5", routes).view_name == "echo"
    for missing in ("/nope", "/r", "/b/x/"):
        with pytest.raises(Resolver404):
            resolve(missing, routes)


def test_routes_of_other_kinds_can_be_included() -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(dict(websocket.path_params))
        await websocket.close()

    inner = [
        Route("/plain", lambda request: JSONResponse(request.path_params), name="plain"),
        WebSocketRoute("/socket", socket),
        Mount("/files", app=PlainTextResponse("file"), name="files"),
    ]
    app = Application(routes=[path("<int:n>/", include((inner, "app"))), path("top/", include(inner))])
    client = TestClient(app)
    assert client.get("/3/plain").json() == {"n": 3}
    assert client.get("/3/files/x").text == "file"
    assert client.get("/top/files/x").text == "file"
    with client.websocket_connect("/3/socket") as websocket:
        assert websocket.receive_json() == {"n": 3}
    assert reverse("app:plain", app, args=[3]) == "/3/plain"
    assert app.url_path_for("app:files", n=3, path="a.css") == "/3/files/a.css"


def test_an_endpoint_class_is_an_application() -> None:
    class Endpoint(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return JSONResponse(request.path_params)

    assert get([path("<int:n>/", Endpoint)], "/3/") == {"n": 3}
    assert get([path("<int:n>/", Endpoint)], "/3/", "POST") == 405


def test_braces_in_a_path_are_only_text() -> None:
    routes = [path("a{b}/<int:n>", echo, name="braces")]
    assert get(routes, "/a{b}/3") == [[], {"n": 3}]
    assert get(routes, "/ax/3") == 404
    assert reverse("braces", routes, args=[3]) == "/a%7Bb%7D/3"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: path("^a/", echo), "re_path"),
        (lambda: path("<int: a>", echo), "no space"),
        (lambda: path("<int:a-b>", echo), "no name for a parameter"),
        (lambda: path("<a>/<a>", echo), "twice"),
        (lambda: path("<integer:a>", echo), "no converter 'integer'. Did you mean \"int\""),
        (lambda: re_path("(", echo), "no valid regular expression"),
        (lambda: path("a/", [path("", echo)]), "goes through include"),  # type: ignore[arg-type]
        (lambda: path("a/", (1, 2)), "goes through include"),  # type: ignore[arg-type]
        (lambda: path("a/", include([]), name="a"), "is a view's"),
        (lambda: path("a/", "view"), "must be callable"),  # type: ignore[arg-type]
        (lambda: path("a/", View), r"given as View.as_view\(\)"),
        (lambda: include([], namespace="a"), "app_name"),
        (lambda: include(([], "a", "b")), "a pair"),  # type: ignore[arg-type]
        (lambda: include(["a"]), "which is no route"),  # type: ignore[list-item]
        (lambda: include("vivace.web.status"), "has no urlpatterns"),
        (lambda: Router([path("/a", echo)]).url_path_for("x"), "first slash"),
        (lambda: Router([path("a/", include([Host("a", PlainTextResponse(""))]))]).url_path_for("x"), "cannot put"),
    ],
)
def test_what_cannot_work_is_refused(make: Any, message: str) -> None:
    with pytest.raises(InvalidRouteError, match=message):
        make()


# The same lists of URLs in Django, and here.

PATTERNS: list[tuple[str, str]] = [
    ("path", "a/"),
    ("path", "a/<int:n>/"),
    ("path", "<slug:s>/"),
    ("path", "<str:s>-<int:n>"),
    ("path", "a/<path:rest>"),
    ("re_path", r"^a/(?P<n>\d+)/?$"),
    ("re_path", r"^(a|b)/(\d+)"),
    ("re_path", r"b/$"),
    ("re_path", r"^[ab]{2}(?P<s>[^/]*)$"),
]
entries = st.lists(st.tuples(st.sampled_from(PATTERNS), st.none() | st.lists(st.sampled_from(PATTERNS), max_size=3)))


def _build(urls: Any, chosen: Any) -> list[Any]:
    built: list[Any] = []
    for index, ((kind, text), below) in enumerate(chosen):
        # Below a parameter at the end of a prefix Django finds nothing, since that takes all it can. We do.
        if below is None or text.endswith(">"):
            built.append(getattr(urls, kind)(text, echo, name=f"v{index}"))
        else:
            inner = _build(urls, [(pattern, None) for pattern in below])
            built.append(getattr(urls, kind)(text.rstrip("$"), urls.include(inner)))
    return built


@pytest.fixture(scope="module", autouse=True)
def configured_django() -> None:
    if not django.conf.settings.configured:
        django.conf.settings.configure()


@settings(max_examples=200, deadline=None)
@given(entries, st.lists(st.sampled_from(["a", "b", "1", "a-1", "ab", ""]), max_size=4).map("/".join))
def test_a_path_leads_where_django_leads_it(chosen: Any, asked: str) -> None:
    import vivace.web.urls as ours

    module = types.ModuleType("files_test_django_urls")
    module.__dict__["urlpatterns"] = _build(django.urls, chosen)
    try:
        found = django.urls.get_resolver(module).resolve("/" + asked)
        expected = (found.url_name, found.args, found.kwargs)
    except django.urls.Resolver404:
        expected = None
    finally:
        django.urls.clear_url_caches()
    try:
        match = resolve("/" + asked, _build(ours, chosen))
        got = (match.url_name, match.args, match.kwargs)
    except Resolver404:
        got = None
    assert got == expected
