"""A project's parts: apps, URLs, templates, static files, pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.project.conftest import client_of

from vivace.conf import ConfigurationError, Settings
from vivace.project import API, Vivace
from vivace.web.exceptions import HTTPException
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse, Response
from vivace.web.routing import Mount, Route

Write = Callable[..., Path]
HTML = {"accept": "text/html"}


def site(folder: Path, **values: object) -> Vivace:
    return Vivace("site", settings=Settings(BASE_DIR=folder, **values))


async def view(request: Request) -> Response:
    return PlainTextResponse(f"view of {request.app.name}")


@pytest.fixture
def blog(write: Write) -> None:
    write("my_blog/__init__.py")
    write(
        "my_blog/views.py",
        "async def index(request):\n    return request.app.templates.TemplateResponse(request, 'blog.html')",
    )
    write(
        "my_blog/urls.py",
        "from vivace import Route\nfrom my_blog import views\nroutes = [Route('/', views.index, name='index')]",
    )
    write("my_blog/templates/blog.html", "<p>{{ url_for('blog:index') }} {{ '<b>' }}</p>")
    write("my_blog/static/blog.css", "p { color: green }")
    write("my_blog/api.py", "from vivace import API\napi = API()\n")
    write(
        "site_urls.py",
        """
        import my_blog.urls
        from vivace import Mount
        routes = [Mount('/blog', routes=my_blog.urls.routes, name='blog')]
        """,
    )


@pytest.mark.anyio
async def test_urls_templates_and_static_files_of_an_app_are_found(blog: None, tmp_path: Path) -> None:
    app = site(tmp_path, INSTALLED_APPS=["my_blog"], ROOT_URLCONF="site_urls")
    async with client_of(app) as client:
        assert (await client.get("/blog/")).text == "<p>http://localhost/blog/ &lt;b&gt;</p>"
        assert (await client.get("/static/blog.css")).text == "p { color: green }"
        assert (await client.get("/static/../my_blog/urls.py")).status_code == 404
    assert app.apps.labels == ["my_blog"]


@pytest.mark.anyio
async def test_the_sites_own_templates_and_static_files_come_before_those_of_apps(
    blog: None, write: Write, tmp_path: Path
) -> None:
    write("templates/blog.html", "mine")
    write("static/blog.css", "mine too")
    app = site(tmp_path, INSTALLED_APPS=["my_blog"], ROOT_URLCONF="site_urls")
    async with client_of(app) as client:
        assert (await client.get("/blog/")).text == "mine"
        assert (await client.get("/static/blog.css")).text == "mine too"


@pytest.mark.anyio
async def test_the_welcome_page_is_there_until_something_answers_at_the_root(tmp_path: Path) -> None:
    async with client_of(site(tmp_path), headers=HTML) as client:
        response = await client.get("/")
    assert response.status_code == 200
    assert "site is running" in response.text
    assert "script" not in response.text
    app = Vivace("rooted", routes=[Mount("/", routes=[Route("/", view)])])
    async with client_of(app) as client:
        assert (await client.get("/")).text == "view of rooted"


@pytest.mark.anyio
async def test_a_missing_page_is_told_to_each_in_their_own_language(tmp_path: Path) -> None:
    async with client_of(site(tmp_path)) as client:
        page = await client.get("/nothing/here", headers=HTML)
        assert page.status_code == 404
        assert "There is nothing at this address." in page.text
        assert "static" not in page.text
        json = await client.get("/nothing/here", headers={"accept": "application/json"})
        assert json.json() == {"detail": "Not Found"}
        assert (await client.get("/nothing/here")).text == "Not Found"


@pytest.mark.anyio
async def test_with_debug_a_missing_page_lists_the_routes_and_escapes_the_path(tmp_path: Path) -> None:
    app = site(tmp_path, DEBUG=True)
    app.add_route("/books/{id:int}", view, name="book")
    async with client_of(app, headers=HTML) as client:
        page = await client.get("/<script>alert(1)</script>")
    assert page.status_code == 404
    assert "/books/{id:int}" in page.text
    assert "<script>" not in page.text


@pytest.mark.anyio
async def test_a_failing_view_shows_its_traceback_only_with_debug(tmp_path: Path) -> None:
    async def fail(request: Request) -> Response:
        raise ValueError("secret-detail")

    for debug in (True, False):
        app = site(tmp_path, DEBUG=debug)
        app.add_route("/fail", fail)
        async with client_of(app, headers=HTML) as client:
            page = await client.get("/fail")
        assert page.status_code == 500
        assert ("secret-detail" in page.text) is debug
        assert page.headers["x-content-type-options"] == "nosniff"


@pytest.mark.anyio
async def test_the_sites_own_handlers_win(tmp_path: Path) -> None:
    app = Vivace("handlers", settings=Settings(BASE_DIR=tmp_path))

    @app.exception_handler(404)
    async def missing(request: Request, error: Exception) -> Response:
        return PlainTextResponse("my own 404", 404)

    async with client_of(app, headers=HTML) as client:
        assert (await client.get("/nothing")).text == "my own 404"


@pytest.mark.anyio
async def test_a_detail_of_the_view_reaches_the_visitor(tmp_path: Path) -> None:
    async def gone(request: Request) -> Response:
        raise HTTPException(404, "No book <7>.")

    app = site(tmp_path)
    app.add_route("/gone", gone)
    async with client_of(app, headers=HTML) as client:
        assert "No book &lt;7&gt;." in (await client.get("/gone")).text


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (None, 'ROOT_URLCONF: there is no module "site_urls"'),
        ("import no_such_thing", "No module named 'no_such_thing'"),
        ("1/0", "ZeroDivisionError"),
        ("route = []", 'Did you mean "routes"|has no "routes"'),
        ("routes = ['/']", "which is no route"),
    ],
)
def test_wrong_urls_are_explained(write: Write, tmp_path: Path, urls: str | None, said: str) -> None:
    if urls is not None:
        write("site_urls.py", urls)
    with pytest.raises(ConfigurationError, match=said) as caught:
        site(tmp_path, ROOT_URLCONF="site_urls").setup()
    assert "importlib" not in str(caught.value)


def test_an_app_that_fails_on_import_shows_its_own_frames(write: Write, tmp_path: Path) -> None:
    write("broken_app/__init__.py")
    write("broken_app/models.py", "from broken_app import helper\n")
    write("broken_app/helper.py", "raise RuntimeError('half-way')\n")
    with pytest.raises(ConfigurationError) as caught:
        site(tmp_path, INSTALLED_APPS=["broken_app"]).setup()
    message = str(caught.value)
    assert message.startswith('INSTALLED_APPS: could not import "broken_app.models":')
    assert "helper.py" in message
    assert message.endswith("RuntimeError: half-way")
    assert "vivace/project" not in message


def test_setup_that_failed_can_be_tried_again_without_doubling(write: Write, tmp_path: Path) -> None:
    app = site(tmp_path, ROOT_URLCONF="site_urls")
    with pytest.raises(ConfigurationError):
        app.setup()
    write("site_urls.py", "routes = []")
    app.setup()
    app.setup()
    assert [route.name for route in app.routes if isinstance(route, Route)] == ["welcome"]


def test_an_api_takes_models_and_viewsets_only() -> None:
    api = API()
    with pytest.raises(TypeError, match="takes a model or a viewset class, got 'Book'"):
        api.register("books", "Book")  # type: ignore[arg-type]


def test_a_prefix_is_registered_once() -> None:
    class One:
        as_view = None

    class Two(One): ...

    api = API()
    api.register("books", One)
    api.register("/books/", One)
    with pytest.raises(ValueError, match="is taken by One"):
        api.register("books", Two)
    assert len(api) == 1
    assert repr(api) == "<API books>"
