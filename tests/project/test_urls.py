"""The module of ROOT_URLCONF: routes in either notation, and error pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.project.conftest import client_of

from vivace.conf import ConfigurationError, Settings
from vivace.project import Vivace
from vivace.project.urls import SiteURLs
from vivace.web.urls import reverse

Write = Callable[..., Path]

URLS = """
from vivace.web.responses import HTMLResponse
from vivace.web.shortcuts import redirect
from vivace.web.urls import include, path, reverse


async def book(request, pk):
    return HTMLResponse(reverse("books:book", args=[pk + 1]))


async def home(request):
    return redirect("books:book", pk=7)


async def broken(request):
    1 / 0


async def handler404(request, exception):
    return HTMLResponse("nothing here")


def handler500(request):
    return HTMLResponse("broken", status_code=503)


books = [path("<int:pk>/", book, name="book")]
urlpatterns = [path("", home), path("broken/", broken), path("books/", include((books, "books")))]
"""


def site(folder: Path) -> Vivace:
    return Vivace("site", settings=Settings(BASE_DIR=folder, SECRET_KEY="k" * 40, ROOT_URLCONF="site_urls"))


@pytest.mark.anyio
async def test_a_site_may_be_written_as_in_django(write: Write, tmp_path: Path) -> None:
    write("site_urls.py", URLS)
    app = site(tmp_path)
    async with client_of(app) as client:
        assert (await client.get("/books/3/")).text == "/books/4/"
        assert (await client.get("/")).headers["location"] == "/books/7/"
        missing = await client.get("/nope")
        assert (missing.status_code, missing.text) == (404, "nothing here")
        failed = await client.get("/broken/")
        assert (failed.status_code, failed.text) == (503, "broken")
    # A site that is set up is what `reverse` means where there is no request.
    assert reverse("books:book", args=[1]) == "/books/1/"


@pytest.mark.anyio
async def test_reverse_knows_the_site_in_any_handler_of_it(tmp_path: Path) -> None:
    app = Vivace("other", settings=Settings(BASE_DIR=tmp_path, SECRET_KEY="k" * 40))

    @app.get("/hello", name="hello")
    async def hello(request):  # type: ignore[no-untyped-def]
        from vivace.web.responses import PlainTextResponse

        return PlainTextResponse(reverse("hello"))

    async with client_of(app) as client:
        assert (await client.get("/hello")).text == "/hello"


def test_error_pages_are_also_given_by_name(write: Write) -> None:
    write("my_pages.py", "async def missing(request, exception): ...")
    write("site_urls.py", "routes = []\nhandler404 = 'my_pages.missing'")
    assert list(SiteURLs.of("site_urls").error_handlers) == [404]


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ("routes = []\nurlpatterns = []", "one list takes both"),
        ("urlpatterns = [1]", "the urlpatterns of .* hold 1"),
        ("routes = []\nhandler404 = 'my_pages.nothing'", "handler404: there is no module"),
        ("routes = []\nhandler404 = 3", "must be a function"),
    ],
)
def test_what_the_module_says_wrongly_is_explained(write: Write, urls: str, said: str) -> None:
    write("site_urls.py", urls)
    with pytest.raises(ConfigurationError, match=said):
        SiteURLs.of("site_urls")
