"""`vivace run` as a process on a real socket."""

from __future__ import annotations

import signal
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from tests.cli.conftest import Run, Serve
from tests.server.certificates import certificate_pem, key_pem, sign

HELLO = """
from vivace import PlainTextResponse, Vivace
app = Vivace()

@app.get("/")
async def hello(request):
    return PlainTextResponse("hello")
"""


def test_startproject_migrate_run_and_the_welcome_page(vivace: Run, serve: Serve, tmp_path: Path) -> None:
    assert vivace("startproject", "mysite").returncode == 0
    project = tmp_path / "mysite"
    migrated = vivace("migrate", cwd=project)
    assert migrated.returncode == 0, migrated.stderr
    serving = serve(cwd=project)
    page = httpx.get(serving.url, headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "mysite is running" in page.text
    assert page.headers["x-frame-options"] == "DENY"
    assert serving.stop() == 0
    assert "Traceback" not in serving.output


def test_a_single_file_is_served(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(HELLO)
    serving = serve("hello.py")
    assert httpx.get(serving.url).text == "hello"
    assert serving.stop(signal.SIGTERM) == 0


def test_the_log_level_is_the_site_s_too(serve: Serve, tmp_path: Path) -> None:
    source = HELLO.replace("    return", "    import logging; logging.getLogger('shop').debug('a detail')\n    return")
    (tmp_path / "app.py").write_text(source)
    serving = serve("--log-level", "debug")
    httpx.get(serving.url)
    assert "DEBUG   shop: a detail" in serving.output


def test_a_self_signed_certificate_is_served_on_request(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HELLO)
    serving = serve("--ssl-self-signed", XDG_CACHE_HOME=str(tmp_path / "cache"))
    trusting = ssl.create_default_context(cafile=tmp_path / "cache" / "vivace" / "tls" / "localhost.pem")
    assert serving.url.startswith("https://127.0.0.1:")
    assert httpx.get(serving.url, verify=trusting).text == "hello"
    assert httpx.get(serving.url.replace("https", "http")).status_code == 400
    assert serving.stop() == 0
    assert "Traceback" not in serving.output


def test_a_certificate_that_cannot_be_read_is_one_message_and_exit_code_3(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HELLO)
    result = vivace("run", "--ssl-certfile", "site.pem")
    assert result.returncode == 3
    assert f"The TLS certificate cannot be read from {tmp_path}/site.pem: No such file" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_encrypted_key_is_never_asked_about(vivace: Run, tmp_path: Path) -> None:
    key, certificate = sign(x509.Name([]))
    (tmp_path / "app.py").write_text(HELLO)
    (tmp_path / "site.pem").write_bytes(certificate_pem(certificate) + key_pem(key, "secret"))
    result = vivace("run", "--ssl-certfile", "site.pem", input="secret\n")
    assert result.returncode == 3
    assert "give its password as ssl_keyfile_password" in result.stderr


def test_nothing_named_finds_app_py(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HELLO)
    assert httpx.get(serve().url).text == "hello"


def test_any_asgi_application_is_served_from_a_factory(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "plain.py").write_text(
        "async def application(scope, receive, send):\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'plain'})\n\n"
        "def make():\n    return application\n"
    )
    assert httpx.get(serve("plain:make", "--factory", "--app-dir", "src").url).text == "plain"


def test_another_host_is_refused_until_it_is_allowed(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HELLO)
    headers = {"host": "shop.example"}
    assert httpx.get(serve().url, headers=headers).status_code == 400
    allowed = serve(VIVACE_ALLOWED_HOSTS="shop.example")
    assert httpx.get(allowed.url, headers=headers).status_code == 200


def test_a_single_file_gets_its_missing_tables(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "books.py").write_text(
        "from vivace import PlainTextResponse, Vivace, models\n"
        "app = Vivace(database='sqlite:///books.db')\n\n"
        "class Book(models.Model):\n"
        "    title = models.CharField(max_length=200)\n\n"
        "@app.get('/')\n"
        "async def count(request):\n"
        "    rows = await request.app.database.fetch_val('SELECT count(*) FROM books_book')\n"
        "    return PlainTextResponse(str(rows))\n"
    )
    serving = serve("books.py")
    assert httpx.get(serving.url).text == "0"
    assert "Made tables: books_book" in serving.output
    serving.stop()
    source = (tmp_path / "books.py").read_text()
    (tmp_path / "books.py").write_text(
        source.replace("max_length=200)\n", "max_length=200)\n    pages = models.IntegerField()\n")
    )
    again = serve("books.py")
    assert httpx.get(again.url).text == "0"
    assert 'column "pages" is missing' in again.output
    assert "vivace makemigrations" in again.output


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module_at_all\n", "no_such_module_at_all"),
        ("from vivace import Vivace\napp = Vivace(database='nonsense')\n", "DATABASE (Vivace(database=…))"),
        ("from vivace import Vivace\napp = Vivace(database='sqlite:////no/such/folder/x.db')\n", "folder"),
        ("value = 1\n", '"app"'),
    ],
)
def test_a_failing_start_is_one_message_and_exit_code_3(vivace: Run, tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "app.py").write_text(source)
    result = vivace("run", "--port", "0")
    assert result.returncode == 3, result.stderr
    assert said in result.stderr
    assert "vivace/server" not in result.stderr
    assert "vivace/project" not in result.stderr


def test_a_taken_port_is_one_message_and_exit_code_3(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HELLO)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = vivace("run", "--port", port)
    assert result.returncode == 3
    assert port in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_option_is_a_usage_error(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(HELLO)
    result = vivace("run", "--port", "70000")
    assert result.returncode == 2
    assert "65535" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_misspelt_file_names_the_nearest(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(HELLO)
    result = vivace("run", "helo.py")
    assert result.returncode == 3
    assert "hello.py" in result.stderr
