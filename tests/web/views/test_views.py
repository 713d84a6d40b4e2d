"""Class-based views, generic views, decorators and shortcuts, as Django's documentation describes them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import jinja2
import pytest

from vivace.web.applications import Application
from vivace.web.requests import Request
from vivace.web.responses import JSONResponse, PlainTextResponse, Response
from vivace.web.routing import BaseRoute, Mount, Route
from vivace.web.shortcuts import redirect, render, resolve_url
from vivace.web.staticfiles import StaticFiles
from vivace.web.templating import Jinja2Templates
from vivace.web.testclient import AsyncTestClient, TestClient
from vivace.web.urls import NoReverseMatch, path, reverse_lazy
from vivace.web.views import View
from vivace.web.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe
from vivace.web.views.generic import RedirectView, TemplateView

pytestmark = pytest.mark.anyio


class BookView(View):
    greeting = "hello"

    async def get(self, request: Request, pk: int) -> Response:
        return JSONResponse([self.greeting, pk, self.kwargs, self.request is request])

    def post(self, request: Request, pk: int) -> Response:
        return PlainTextResponse("main" if threading.current_thread() is threading.main_thread() else "thread")


def client_of(*routes: BaseRoute, templates: Jinja2Templates | None = None) -> TestClient:
    app = Application(routes=routes)
    app.state.templates = templates
    return TestClient(app, follow_redirects=False)


def test_a_view_class_answers_by_its_methods() -> None:
    client = client_of(path("<int:pk>/", BookView.as_view(greeting="hi")), path("own/<int:pk>/", BookView.as_view()))
    assert client.get("/3/").json() == ["hi", 3, {"pk": 3}, True]
    assert client.get("/own/3/").json()[0] == "hello"
    assert (client.head("/3/").status_code, client.head("/3/").content) == (200, b"")
    assert client.post("/3/").text == "thread"
    refused = client.delete("/3/")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST, HEAD, OPTIONS")
    assert client.options("/3/").headers["allow"] == "GET, POST, HEAD, OPTIONS"
    assert client.request("BREW", "/3/").status_code == 405


async def test_a_view_class_stands_in_a_route_as_well() -> None:
    app = Application(routes=[Route("/{pk:int}", BookView.as_view(), methods=["GET", "POST"])])
    async with AsyncTestClient(app) as client:
        assert (await client.get("/3")).json() == ["hello", 3, {"pk": 3}, True]
        assert (await client.post("/3")).text == "thread"


def test_setup_and_dispatch_may_be_overridden_plain_or_async() -> None:
    seen: list[str] = []

    class Counted(BookView):
        def setup(self, request: Request, *args: Any, **kwargs: Any) -> None:
            super().setup(request, *args, **kwargs)
            seen.append("setup")

        def dispatch(self, request: Request, *args: Any, **kwargs: Any) -> Any:
            seen.append("dispatch")
            return super().dispatch(request, *args, **kwargs)

        def get(self, request: Request, pk: int) -> Any:
            return super().get(request, pk)

    class Forgetful(View):
        def setup(self, request: Request, *args: Any, **kwargs: Any) -> None: ...

    client = client_of(path("<int:pk>/", Counted.as_view()), path("forgetful/", Forgetful.as_view()))
    assert client.get("/3/").json()[1] == 3
    assert seen == ["setup", "dispatch"]
    with pytest.raises(AttributeError, match=r"must call super\(\).setup\(\)"):
        client.get("/forgetful/")


def test_as_view_takes_attributes_of_the_class_only() -> None:
    with pytest.raises(TypeError, match="name of a method"):
        BookView.as_view(get=1)
    with pytest.raises(TypeError, match="has no attribute 'greting'"):
        BookView.as_view(greting=1)
    view: Any = BookView.as_view(greeting="x")
    assert (view.view_class, view.view_initkwargs, view.__name__) == (BookView, {"greeting": "x"}, "BookView")


@pytest.fixture
def templates(tmp_path: Path) -> Jinja2Templates:
    (tmp_path / "page.html").write_text("{{ title }} {{ pk }} {{ view.__class__.__name__ }} {{ url_for('home') }}")
    (tmp_path / "static.html").write_text("{{ static('app.css') }}")
    (tmp_path / "app.css").write_text("a{}")
    return Jinja2Templates(tmp_path)


class Page(TemplateView):
    template_name = "page.html"

    async def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_context_data(**kwargs), "title": "<late>"}


def test_a_template_view_renders_its_page(templates: Jinja2Templates) -> None:
    client = client_of(
        path("", Page.as_view(), name="home"),
        path("<int:pk>/", TemplateView.as_view(template_name="page.html", extra_context={"title": "T"})),
        path("text/", Page.as_view(content_type="text/plain", template_engine=templates)),
        path("none/", TemplateView.as_view()),
        templates=templates,
    )
    answer = client.get("/")
    assert answer.text == "&lt;late&gt;  Page http://testserver/"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/3/").text == "T 3 TemplateView http://testserver/"
    assert client.get("/text/").headers["content-type"] == "text/plain; charset=utf-8"
    assert client.post("/").status_code == 405
    with pytest.raises(TypeError, match="needs a template_name"):
        client.get("/none/")


def test_a_redirect_view_redirects() -> None:
    class Nowhere(RedirectView):
        async def get_redirect_url(self, *args: Any, **kwargs: Any) -> str | None:
            return None

    client = client_of(
        path("books/<int:pk>/", BookView.as_view(), name="book"),
        path("old/<int:pk>/", RedirectView.as_view(pattern_name="book", permanent=True)),
        path("url/<slug:s>/", RedirectView.as_view(url="/new/%(s)s/", query_string=True)),
        path("lazy/", RedirectView.as_view(url=reverse_lazy("book", args=[1]))),
        path("gone/", RedirectView.as_view()),
        path("nowhere/", Nowhere.as_view()),
    )
    for method, asked, status, location in [
        ("GET", "/old/3/", 301, "/books/3/"),
        ("POST", "/url/a-b/?x=1", 302, "/new/a-b/?x=1"),
        ("HEAD", "/lazy/", 302, "/books/1/"),
        ("GET", "/gone/", 410, None),
        ("OPTIONS", "/nowhere/", 410, None),
    ]:
        answer = client.request(method, asked)
        assert (answer.status_code, answer.headers.get("location")) == (status, location)


def test_decorators_say_which_methods_a_view_answers() -> None:
    @require_http_methods(["get", "post"])
    async def both(request: Request) -> Response:
        return PlainTextResponse("both")

    @require_safe
    def safe(request: Request) -> Response:
        return PlainTextResponse("safe")

    async def view(request: Request) -> Response:
        return PlainTextResponse("view")

    client = client_of(
        path("both/", both), path("safe/", safe), path("get/", require_GET(view)), path("post/", require_POST(view))
    )
    assert client.post("/both/").text == "both"
    assert client.get("/safe/").text == "safe"
    for method, asked, allow in [
        ("PUT", "/both/", "GET, POST"),
        ("POST", "/safe/", "GET, HEAD"),
        ("HEAD", "/get/", "GET"),
        ("GET", "/post/", "POST"),
    ]:
        answer = client.request(method, asked)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    with pytest.raises(TypeError, match="takes a list"):
        require_http_methods("GET")


def test_render_takes_the_templates_of_the_application(templates: Jinja2Templates) -> None:
    async def page(request: Request) -> Response:
        return render(request, ["missing.html", "page.html"], {"title": "T"}, status=201, headers={"x-a": "1"})

    async def missing(request: Request) -> Response:
        return render(request, ["missing.html", "lost.html"])

    routes = [path("", page, name="home"), path("missing/", missing)]
    answer = client_of(*routes, templates=templates).get("/")
    assert (answer.status_code, answer.headers["x-a"], answer.text[:1]) == (201, "1", "T")
    with pytest.raises(jinja2.TemplatesNotFound):
        client_of(*routes, templates=templates).get("/missing/")
    with pytest.raises(RuntimeError, match=r"Set app.state.templates"):
        client_of(*routes).get("/")


async def test_an_async_template_may_await(anyio_backend: str) -> None:
    async def later(text: str) -> str:
        return text * 2

    env = jinja2.Environment(
        loader=jinja2.DictLoader({"a.html": "{{ later('ä') }}"}), enable_async=True, autoescape=True
    )
    templates = Jinja2Templates(env=env)

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "a.html", {"later": later})

    async with AsyncTestClient(Application(routes=[Route("/", page)])) as client:
        answer = await client.get("/")
        assert (answer.text, answer.headers["content-length"]) == ("ää", "4")


def test_templates_find_static_files(templates: Jinja2Templates, tmp_path: Path) -> None:
    async def page(request: Request) -> Response:
        return render(request, "static.html")

    client = client_of(path("", page), Mount("/s", StaticFiles(directory=tmp_path), name="static"), templates=templates)
    assert client.get("/").text == "/s/app.css"


class Book:
    def get_absolute_url(self) -> str:
        return "/books/9/"


def test_redirect_goes_to_urls_names_views_and_objects() -> None:
    async def target(request: Request, pk: int) -> Response:
        return Response()

    async def home(request: Request) -> Response:
        answers = [
            redirect("/plain/"),
            redirect("https://example.com/?a=b"),
            redirect("../up"),
            redirect("page.html"),
            redirect("book", pk=3, permanent=True),
            redirect("book", 4, preserve_request=True),
            redirect(target, 5, permanent=True, preserve_request=True),
            redirect(Book()),
        ]
        return JSONResponse([[answer.status_code, answer.headers["location"]] for answer in answers])

    async def wrong(request: Request) -> Response:
        return redirect("bok", pk=3)

    client = client_of(path("", home), path("wrong/", wrong), path("books/<int:pk>/", target, name="book"))
    assert client.get("/").json() == [
        [302, "/plain/"],
        [302, "https://example.com/?a=b"],
        [302, "../up"],
        [302, "page.html"],
        [301, "/books/3/"],
        [307, "/books/4/"],
        [308, "/books/5/"],
        [302, "/books/9/"],
    ]
    with pytest.raises(NoReverseMatch, match='Did you mean "book"'):
        client.get("/wrong/")
    assert resolve_url("a/b", 3) == "a/b"
