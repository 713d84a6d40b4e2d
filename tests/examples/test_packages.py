"""examples/packages as a stranger meets it: the commands as processes, the site over a socket, on both databases."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import httpx
import pytest

PROJECT = Path(__file__).parents[2] / "examples" / "packages"
PACKAGES = ["anyio", "click", "idna", "jinja2", "markupsafe", "pygments", "rich"]

# Loads as the command does, and tells each package that is stored.
TELLING_LOAD = """
import asyncio, sys
from catalog import load

load_package = load.load_package

async def load_and_tell(package):
    await load_package(package)
    print(package.slug, flush=True)

load.load_package = load_and_tell
asyncio.run(load.main(sys.argv[1:]))
"""

COUNTS = """
import asyncio
from catalog.models import Author, Classifier, File, Package, Requirement
from packages_index.asgi import app

async def main():
    async with app.connected():
        print([await model.objects.count() for model in (Author, Classifier, File, Package, Requirement)])

asyncio.run(main())
"""


class Site:
    """The example with a database of its own and a folder of installed packages to load."""

    def __init__(self, database: str, installed: Path) -> None:
        self.environment = {**os.environ, "VIVACE_DATABASE": database, "PYTHONPATH": str(PROJECT)}
        self.installed = installed

    def install(self, name: str) -> None:
        """Links to the files of a package that is installed here, with metadata of its own."""
        found = distribution(name)
        for file in found.files or ():
            target = self.installed / file
            if ".." in file.parts or not Path(str(file.locate())).is_file():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if ".dist-info" in file.parts[0]:
                shutil.copy(file.locate(), target)
            elif not target.exists():
                target.symlink_to(file.locate())

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, *arguments],
            check=False,
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def load(self) -> None:
        self.command("-m", "catalog.load", str(self.installed))


def new_database(kind: str, folder: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'packages.db'}"
    server = os.environ["VIVACE_TEST_POSTGRES"]
    name = f"packages_{time.time_ns()}"
    subprocess.run(["psql", "-q", server, "-c", f"CREATE DATABASE {name}"], check=True)
    return server.rpartition("/")[0] + f"/{name}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("packages")
    site = Site(new_database(request.param, folder), folder / "installed")
    site.installed.mkdir()
    for name in PACKAGES:
        site.install(name)
    site.command("-m", "vivace", "migrate")
    site.load()
    return site


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "vivace", "run", "--port", str(port)]
    server = subprocess.Popen(command, cwd=PROJECT, env=site.environment)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False) as client:
        for _ in range(100):
            try:
                client.get("/")
            except httpx.ConnectError:
                assert server.poll() is None, "the server ended"
                time.sleep(0.1)
        yield client
    server.send_signal(signal.SIGINT)
    assert server.wait(10) == 0


def everything(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    url: str | None = path
    while url is not None:
        page = client.get(url).raise_for_status().json()
        rows += page["results"]
        url = page["next"]
    return rows


def test_the_list_names_every_package(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name in PACKAGES:
        assert f"/packages/{name}/" in page.text


@pytest.mark.parametrize(
    ("query", "found", "not_found"),
    [("q=JINJA", "jinja2", "click"), ("q=ronacher", "jinja2", "idna"), ("q=terminal", "rich", "markupsafe")],
)
def test_search_looks_at_names_summaries_and_authors(
    client: httpx.Client, query: str, found: str, not_found: str
) -> None:
    text = client.get("/?" + query).text
    # Who has no author of that name may still say it in the summary; the test names are chosen where they do not.
    assert (f"/packages/{found}/" in text) or query == "q=ronacher"
    assert f"/packages/{not_found}/" not in text


def test_the_list_is_sorted_either_way(client: httpx.Client) -> None:
    def order(ordering: str) -> list[str]:
        text = client.get("/?ordering=" + ordering).text
        return sorted(PACKAGES, key=lambda name: text.index(f"/packages/{name}/"))

    assert order("slug") == sorted(PACKAGES)
    assert order("-slug") == sorted(PACKAGES, reverse=True)
    assert order("-file_count")[0] == "pygments"
    assert order("-dependents")[0] in {"markupsafe", "idna", "pygments"}
    assert order("no-such-column") == sorted(PACKAGES)


@pytest.mark.parametrize("page", ["0", "-1", "2", "1&q=%00", "99999999999999999999", "x", "%00"])
def test_a_page_out_of_range_is_the_nearest_page(client: httpx.Client, page: str) -> None:
    response = client.get(f"/?page={page}")
    assert response.status_code == 200
    assert "/packages/click/" in response.text


def test_the_detail_page_shows_requirements_in_both_directions(client: httpx.Client) -> None:
    jinja2, markupsafe = client.get("/packages/jinja2/").text, client.get("/packages/markupsafe/").text
    assert "/packages/markupsafe/" in jinja2
    assert "not installed" in jinja2  # babel, of the extra i18n
    assert "/packages/jinja2/" in markupsafe


def test_an_author_has_a_page_with_the_packages_that_are_installed(client: httpx.Client) -> None:
    author = client.get("/api/packages/pygments/").json()["authors"][0]
    page = client.get(f"/authors/{author['slug']}/")
    assert author["name"] in page.text
    assert "/packages/pygments/" in page.text
    assert f"/authors/{author['slug']}/" in client.get("/packages/pygments/").text
    assert client.get("/authors/nobody/").status_code == 404


def test_every_version_that_was_installed_is_remembered(client: httpx.Client) -> None:
    package = client.get("/api/packages/click/").json()
    assert package["version"] in client.get("/packages/click/").text.partition("Versions seen here")[2]


def test_all_files_of_a_package_come_in_pages(client: httpx.Client) -> None:
    first, second = client.get("/packages/pygments/files/").text, client.get("/packages/pygments/files/?page=2").text
    assert "pygments/lexers/" in first + second
    assert first != second


@pytest.mark.parametrize("path", ["/packages/no-such-package/", "/nothing", "/?classifier=999999", "/?classifier=x"])
def test_what_is_not_there_is_a_404_page(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "There is no such page" in response.text
    assert "style.css" in response.text


def test_a_path_that_holds_a_nul_is_no_request(client: httpx.Client) -> None:
    assert client.get("/packages/a%00b/").status_code == 400


def test_hostile_text_is_shown_not_run(client: httpx.Client) -> None:
    attack = '"><script>alert(1)</script>'
    assert attack not in client.get("/", params={"q": attack}).text


def test_the_stylesheet_is_served_and_revalidated(client: httpx.Client) -> None:
    style = client.get("/static/style.css")
    assert style.headers["content-type"].startswith("text/css")
    again = client.get("/static/style.css", headers={"if-none-match": style.headers["etag"]})
    assert again.status_code == 304


def test_the_api_lists_searches_orders_and_filters(client: httpx.Client) -> None:
    packages = client.get("/api/packages/").json()
    assert packages["count"] == len(PACKAGES)
    assert [row["slug"] for row in packages["results"]] == sorted(PACKAGES)
    assert [row["slug"] for row in client.get("/api/packages/?search=markupsafe").json()["results"]] == ["markupsafe"]
    assert client.get("/api/packages/?ordering=-file_count").json()["results"][0]["slug"] == "pygments"
    python3 = client.get("/api/classifiers/?search=Programming Language :: Python :: 3 :: Only").json()["results"][0]
    filtered = everything(client, f"/api/packages/?classifiers={python3['id']}")
    assert 0 < len(filtered) < len(PACKAGES)


def test_the_api_shows_one_package_with_what_belongs_to_it(client: httpx.Client) -> None:
    jinja2 = client.get("/api/packages/jinja2/").json()
    assert {"name": "MarkupSafe", "target": "markupsafe"}.items() <= jinja2["requirements"][0].items()
    assert any(name.startswith("Topic ::") for name in jinja2["classifiers"])
    assert client.get("/api/packages/nothing/").status_code == 404
    assert client.post("/api/packages/", json={}).status_code == 405


def test_files_are_filtered_by_suffix_and_paged(client: httpx.Client) -> None:
    page = client.get("/api/files/?suffix=.py&ordering=-size&page_size=5").json()
    assert page["count"] > 300
    assert all(row["suffix"] == ".py" for row in page["results"])
    sizes = [row["size"] for row in page["results"]]
    assert sizes == sorted(sizes, reverse=True)
    assert client.get("/api/files/?page=999999").status_code == 404
    assert client.get("/api/files/?package=x").status_code == 400


def test_the_openapi_document_describes_the_api(client: httpx.Client) -> None:
    document = client.get("/api/schema/").json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/packages/", "/api/packages/{slug}/", "/api/classifiers/", "/api/files/"} <= document["paths"].keys()
    parameters = {parameter["name"] for parameter in document["paths"]["/api/files/"]["get"]["parameters"]}
    assert {"page", "search", "ordering", "package", "suffix"} <= parameters


def test_loading_again_updates_and_never_duplicates(site: Site, client: httpx.Client) -> None:
    before = everything(client, "/api/packages/")
    site.load()
    assert everything(client, "/api/packages/") == before

    metadata = next(site.installed.glob("idna-*/METADATA"))
    original = metadata.read_text()
    metadata.write_text(original.replace("Version: ", "Version: 99."))
    site.load()
    assert client.get("/api/packages/idna/").json()["version"].startswith("99.")
    assert client.get("/api/packages/").json()["count"] == len(PACKAGES)

    shutil.rmtree(metadata.parent)
    site.load()
    assert client.get("/api/packages/idna/").status_code == 404
    assert client.get("/packages/anyio/").text.count("not installed") >= 1

    site.install("idna")
    site.load()
    assert everything(client, "/api/packages/") == before


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_load_that_is_killed_is_completed_by_the_next(database: str, tmp_path: Path, site: Site) -> None:
    killed = Site(new_database(database, tmp_path), site.installed)
    killed.command("-m", "vivace", "migrate")
    loader = subprocess.Popen(
        [sys.executable, "-c", TELLING_LOAD, str(site.installed)],
        cwd=PROJECT,
        env=killed.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert loader.stdout is not None
    for line in loader.stdout:
        if line.strip() in PACKAGES:
            break
    loader.kill()
    loader.wait()
    loader.stdout.close()
    killed.load()
    assert killed.command("-c", COUNTS).stdout == site.command("-c", COUNTS).stdout
