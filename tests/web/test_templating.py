from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jinja2
import pytest

from vivace.web.background import BackgroundTask
from vivace.web.datastructures import URLPath
from vivace.web.requests import Request
from vivace.web.templating import Jinja2Templates
from vivace.web.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[[ASGIApp], httpx.AsyncClient]


class Router:
    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        return URLPath(f"/{name}/{path_params['id']}")


def request(**changes: Any) -> Request:
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [], "router": Router(), **changes})


@pytest.fixture
def templates(tmp_path: Path) -> Jinja2Templates:
    for name in ("page.html", "page.html.j2", "mail.txt"):
        (tmp_path / name).write_text("{{ name }} {{ url_for('book', id=3) }} {{ request.method }}")
    return Jinja2Templates(tmp_path)


async def test_a_template_is_a_response(client_for: ClientFor, templates: Jinja2Templates) -> None:
    done: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["router"] = Router()
        response = templates.TemplateResponse(
            Request(scope, receive),
            "page.html",
            {"name": "Ann"},
            201,
            {"x-a": "1"},
            background=BackgroundTask(done.append, 1),
        )
        await response(scope, receive, send)

    async with client_for(app) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.text) == (201, "Ann http://testserver/book/3 GET")
    assert (answer.headers["content-type"], answer.headers["x-a"], done) == ("text/html; charset=utf-8", "1", [1])


@pytest.mark.parametrize(
    ("template", "name"), [("page.html", "&lt;b&gt;"), ("page.html.j2", "&lt;b&gt;"), ("mail.txt", "<b>")]
)
def test_everything_but_plain_text_is_escaped(templates: Jinja2Templates, template: str, name: str) -> None:
    response = templates.TemplateResponse(request(), template, {"name": "<b>"})
    assert bytes(response.body).decode().split()[0] == name


def test_strings_are_escaped(templates: Jinja2Templates) -> None:
    assert templates.env.from_string("{{ x }}").render(x="<") == "&lt;"


def test_context_processors_add_to_a_copy_of_the_context(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("{{ user }} {{ path }} {{ mine }}")
    templates = Jinja2Templates(
        [str(tmp_path)], context_processors=[lambda request: {"user": "ann"}, lambda request: {"path": request["path"]}]
    )
    mine = {"mine": 1}
    response = templates.TemplateResponse(request(), "a.html", mine)
    assert response.body == b"ann / 1"
    assert mine == {"mine": 1}
    assert set(response.context) == {"request", "user", "path", "mine"}
    assert response.template.name == "a.html"


def test_an_environment_of_ones_own_is_used_as_it_is() -> None:
    env = jinja2.Environment(loader=jinja2.DictLoader({"a": "{{ url_for() }}"}), autoescape=True)
    env.globals["url_for"] = lambda: "mine"
    templates = Jinja2Templates(env=env)
    assert templates.TemplateResponse(request(), "a").body == b"mine"
    assert templates.get_template("a").name == "a"
    with pytest.raises(jinja2.TemplateNotFound):
        templates.get_template("missing")


def test_a_directory_or_an_environment_is_needed() -> None:
    with pytest.raises(TypeError, match="either 'directory' or 'env'"):
        Jinja2Templates()  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="either 'directory' or 'env'"):
        Jinja2Templates("dir", env=jinja2.Environment())  # type: ignore[call-overload]


def test_the_order_of_old_tutorials_is_explained(templates: Jinja2Templates) -> None:
    with pytest.raises(TypeError, match="takes the request first"):
        templates.TemplateResponse("page.html", {"request": request()})  # type: ignore[arg-type]


async def test_a_test_client_learns_template_and_context(templates: Jinja2Templates) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    incoming = request(extensions={"http.response.debug": {}})
    response = templates.TemplateResponse(incoming, "page.html", {"name": "x"})
    await response(incoming.scope, receive, send)
    assert sent[0]["type"] == "http.response.debug"
    assert sent[0]["info"]["context"]["name"] == "x"
