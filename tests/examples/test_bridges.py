"""examples/bridges: each framework under `vivace run`, alone and mounted beside the others, on both toolkits."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.cli.conftest import Serving
from tests.examples.serving import BRIDGES, VERSIONS, client_of, served
from tests.server.waiting import eventually
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

ON_OURS = ("--toolkit", "vivace")
# Every framework in one process, itself behind a proxy's prefix, on our toolkit.
BEHIND_A_PROXY = ("everything:app", *ON_OURS, "--root-path", "/all", "--no-proxy-strips-root-path")


class Place(NamedTuple):
    """Where a framework's application is served."""

    framework: str
    command: tuple[str, ...]
    prefix: str = ""

    def __str__(self) -> str:
        return " ".join((self.framework, *self.command))


TARGETS = {
    "starlette": "starlette_app:app",
    "fastapi": "fastapi_app:app",
    "responder": "responder_app:app",
    "django": "django_site.asgi",
    "flask": "flask_app:app",
    "asgi2": "asgi2_app:app",
}
PLACES = [
    *(Place(name, (target,)) for name, target in TARGETS.items()),
    *(Place(name, (TARGETS[name], *ON_OURS)) for name in ("fastapi", "responder")),
    *(Place(name, ("everything:app",), f"/{name}") for name in TARGETS),
    *(Place(name, BEHIND_A_PROXY, f"/all/{name}") for name in TARGETS),
]
WITH_LIFESPAN = ("starlette", "fastapi", "responder", "asgi2")
WITH_URLS = ("starlette", "fastapi", "django", "flask", "asgi2")

Server = Callable[[tuple[str, ...]], Serving]


def places(*frameworks: str) -> pytest.MarkDecorator:
    """The test runs at each place of these frameworks."""
    return pytest.mark.parametrize("place", [place for place in PLACES if place.framework in frameworks], ids=str)


class Django(NamedTuple):
    """What is prepared for Django."""

    environ: dict[str, str]
    static: Path


@pytest.fixture(scope="module")
def django(tmp_path_factory: pytest.TempPathFactory) -> Django:
    """A database with a user, and the collected static files."""
    folder = tmp_path_factory.mktemp("django")
    environ = {
        "DJANGO_SETTINGS_MODULE": "django_site.settings",
        "DJANGO_DATABASE": str(folder / "db.sqlite3"),
        "DJANGO_STATIC": str(folder / "static"),
    }
    prepare = (
        "import django; django.setup()\n"
        "from django.core.management import call_command\n"
        "from django.contrib.auth.models import Group, User\n"
        "call_command('migrate', verbosity=0); call_command('collectstatic', interactive=False, verbosity=0)\n"
        "User.objects.create_superuser('ada', password='lovelace'); Group.objects.create(name='engineers')\n"
    )
    subprocess.run([sys.executable, "-c", prepare], cwd=BRIDGES, env={**environ, "PYTHONPATH": "."}, check=True)
    return Django(environ, folder / "static")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, django: Django) -> Iterator[Server]:
    """`server(("everything:app",))` runs it, once for all tests here."""
    folder = tmp_path_factory.mktemp("servers")
    running: dict[tuple[str, ...], Serving] = {}
    with ExitStack() as stack:

        def server(command: tuple[str, ...]) -> Serving:
            if command not in running:
                log = folder / f"{len(running)}.log"
                static = ("--static", f"/static={django.static}") if command == (TARGETS["django"],) else ()
                running[command] = stack.enter_context(served(log, *command, *static, environ=django.environ))
            return running[command]

        yield server
        for serving in running.values():
            serving.process.terminate()


@pytest.mark.parametrize("version", VERSIONS)
@places(*TARGETS)
def test_requests_are_answered(server: Server, place: Place, version: str) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 10_000

    with client_of(server(place.command).url, version) as client:
        response = client.get(f"{place.prefix}/greet/Ada")
        assert response.json() == {"greeting": "Hello, Ada!"}
        assert response.http_version == version
        assert client.post(f"{place.prefix}/length", content=body()).json() == {"length": 300_000}
        assert client.post(f"{place.prefix}/length", content=b"short").json() == {"length": 5}


@pytest.mark.parametrize("version", VERSIONS)
@places(*WITH_URLS)
def test_urls_have_the_prefix(server: Server, place: Place, version: str) -> None:
    base = server(place.command).url.rstrip("/")
    with client_of(base, version) as client:
        assert client.get(f"{place.prefix}/where").json() == {"url": f"{base}{place.prefix}/greet/Ada"}


@places(*WITH_LIFESPAN)
def test_lifespans_have_run(server: Server, place: Place) -> None:
    with client_of(server(place.command).url) as client:
        assert client.get(f"{place.prefix}/started").json() == {"started": True}


@places(*WITH_LIFESPAN)
def test_websockets_echo(server: Server, place: Place) -> None:
    url = server(place.command).url.replace("http", "ws", 1).rstrip("/")
    with connect(f"{url}{place.prefix}/ws", open_timeout=30) as websocket:
        for text in ("hello", "é" * 40_000):
            websocket.send(text)
            assert websocket.recv(timeout=30) == text


@places("fastapi")
def test_a_websocket_is_denied_with_a_response(server: Server, place: Place) -> None:
    url = server(place.command).url.replace("http", "ws", 1).rstrip("/")
    with pytest.raises(InvalidStatus) as denied:
        connect(f"{url}{place.prefix}/ws?key=wrong", open_timeout=30)
    response = denied.value.response
    assert (response.status_code, response.body) == (403, b'{"detail":"wrong key"}')


@places("fastapi")
def test_fastapi_validates_and_documents(server: Server, place: Place) -> None:
    with client_of(server(place.command).url) as client:
        assert client.post(f"{place.prefix}/books", json={"title": "Emma"}).json() == {"title": "Emma", "pages": 0}
        refused = client.post(f"{place.prefix}/books", json={"pages": "many"})
        assert (refused.status_code, len(refused.json()["detail"])) == (422, 2)
        assert f"{place.prefix}/openapi.json" in client.get(f"{place.prefix}/docs").text


@pytest.mark.parametrize("version", VERSIONS)
@places("django")
def test_the_admin_has_its_style_and_lets_in(server: Server, place: Place, version: str) -> None:
    with client_of(server(place.command).url, version) as client:
        page = client.get(f"{place.prefix}/admin/", follow_redirects=True)
        assert page.url.path == f"{place.prefix}/admin/login/"
        style = re.search(r'href="([^"]+/base\.css)"', page.text)
        assert style is not None
        assert style[1].startswith(f"{place.prefix}/static/admin/")
        assert client.get(style[1]).headers["content-type"].startswith("text/css")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None
        form = {"username": "ada", "password": "lovelace", "csrfmiddlewaretoken": token[1], "next": page.url.path}
        welcome = client.post(page.url.path, data=form, follow_redirects=True)
        assert welcome.url.path == f"{place.prefix}/admin/"
        assert "Site administration" in welcome.text


@places("django")
def test_rest_framework_answers_programs_and_browsers(server: Server, place: Place) -> None:
    base = server(place.command).url.rstrip("/")
    with client_of(base) as client:
        url = f"{base}{place.prefix}/api/groups/1/"
        assert client.get(f"{place.prefix}/api/groups/").json() == [{"url": url, "name": "engineers"}]
        page = client.get(f"{place.prefix}/api/groups/", headers={"accept": "text/html"})
        style = re.search(r'href="([^"]+/bootstrap\.min\.css)"', page.text)
        assert style is not None
        assert client.get(style[1]).status_code == 200


@places("django")
def test_a_request_of_django_keeps_its_thread_and_shares_it_with_no_other(server: Server, place: Place) -> None:
    with client_of(server(place.command).url) as client, ThreadPoolExecutor(2) as threads:
        assert client.get(f"{place.prefix}/threads").json() == {"threads": 1}
        meeting = threads.map(client.get, [f"{place.prefix}/together"] * 2)
        assert [answer.json() for answer in meeting] == [{"met": True}] * 2


@places("django")
def test_django_learns_that_a_client_has_left(server: Server, place: Place) -> None:
    serving = server(place.command)
    host, port = serving.url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"GET {place.prefix}/slow HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
        eventually(lambda: "django: waiting" in serving.output, "a view at work")
    eventually(lambda: "django: the client has left" in serving.output, "a view that is ended")


def test_django_s_refusal_of_a_lifespan_is_not_worth_a_line(server: Server) -> None:
    output = server((TARGETS["django"],)).output
    assert "lifespan" not in output
    assert "Traceback" not in output


@places("flask")
def test_flask_streams_in_and_out_at_once(server: Server, place: Place) -> None:
    host, port = server(place.command).url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        head = f"POST {place.prefix}/upper HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n"
        client.sendall(head.encode())
        received = b""
        for word in (b"first\n", b"second\n"):
            client.sendall(b"%x\r\n%s\r\n" % (len(word), word))
            while word.upper() not in received:
                part = client.recv(65536)
                assert part, received
                received += part
        client.sendall(b"0\r\n\r\n")
        while not received.endswith(b"0\r\n\r\n"):
            received += client.recv(65536)
    assert received.startswith(b"HTTP/1.1 200")


def test_the_index_of_everything_knows_where_each_is(server: Server) -> None:
    base = server(("everything:app",)).url.rstrip("/")
    with client_of(base) as client:
        assert client.get("/").json() == {name: f"{base}/{name}/" for name in TARGETS}


def test_everything_starts_and_stops_in_order(tmp_path: Path, django: Django) -> None:
    with served(tmp_path / "log", "everything:app", *ON_OURS, environ=django.environ) as serving:
        assert serving.stop() == 0
    lines = [line for line in serving.output.splitlines() if re.fullmatch(r"\w+: (started|stopped)", line)]
    order = ["starlette", "fastapi", "responder", "asgi2"]
    assert lines == [f"{name}: started" for name in order] + [f"{name}: stopped" for name in reversed(order)]
    assert "Traceback" not in serving.output
