"""ATOMIC_REQUESTS: what a request writes is stored when it is answered well, and otherwise not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from tests.project.conftest import client_of

from vivace.databases.database import connected
from vivace.orm.registry import registry
from vivace.project import Vivace

Load = Callable[..., Vivace]
pytestmark = pytest.mark.anyio

SITE = """
from vivace import HTTPException, JSONResponse, StreamingResponse, Vivace
from vivace.conf import Settings
from vivace.databases.database import connected
from vivace.orm import binding, models, transaction
from vivace.project import non_atomic_requests


class SiteSettings(Settings):
    ATOMIC_REQUESTS = True
    DATABASE = "sqlite:///atomic.db"


app = Vivace("atomic_site", settings=SiteSettings)


class Note(models.Model):
    text = models.CharField(max_length=20)


async def note(request):
    await Note.objects.create(text=request.path_params["end"])


@app.route("/write/{end}", methods=["GET", "POST"])
async def write(request):
    await note(request)
    match request.path_params["end"]:
        case "crash":
            raise KeyError
        case "missing":
            raise HTTPException(404)
        case "refused":
            return JSONResponse({}, status_code=422)
        case "marked":
            transaction.set_rollback(True)
    return JSONResponse({"inside": binding.resolve().in_transaction})


@app.post("/stream/{end}")
async def stream(request):
    await note(request)

    async def parts():
        yield b"a"
        yield str(await Database.fetch_val(binding.resolve(), "SELECT 7")).encode()

    return StreamingResponse(parts())


@app.post("/alone/{end}")
@non_atomic_requests
async def alone(request):
    await note(request)
    inside = binding.resolve().in_transaction
    if request.path_params["end"] == "crash":
        raise KeyError
    return JSONResponse({"inside": inside})
"""


@pytest.fixture
async def client(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.chdir(tmp_path)
    with registry.isolated():
        app = load("atomic_site.py", SITE)
        async with app.setup().open(serving=True), client_of(app) as client:
            yield client


async def stored(client: httpx.AsyncClient) -> list[str]:
    [database] = [each for each in connected if not each.is_left_behind]
    return [row[0] for row in await database.fetch_all("SELECT text FROM atomic_site_note")]


async def test_what_is_answered_well_is_stored(client: httpx.AsyncClient) -> None:
    assert (await client.post("/write/a")).json() == {"inside": True}
    assert (await client.get("/write/b")).json() == {"inside": True}
    assert await stored(client) == ["a", "b"]


@pytest.mark.parametrize(
    ("end", "status"), [("crash", 500), ("missing", 404), ("refused", 422)], ids=["exception", "raised", "returned"]
)
async def test_what_is_answered_with_an_error_is_undone(client: httpx.AsyncClient, end: str, status: int) -> None:
    assert (await client.post(f"/write/{end}")).status_code == status
    assert await stored(client) == []


async def test_a_view_may_ask_for_the_rollback(client: httpx.AsyncClient) -> None:
    assert (await client.post("/write/marked")).status_code == 200
    assert await stored(client) == []


async def test_a_stream_is_sent_after_the_commit(client: httpx.AsyncClient) -> None:
    assert (await client.post("/stream/a")).status_code == 200
    assert await stored(client) == ["a"]


async def test_a_view_may_be_left_out(client: httpx.AsyncClient) -> None:
    assert (await client.post("/alone/a")).json() == {"inside": False}
    assert (await client.post("/alone/crash")).status_code == 500
    assert await stored(client) == ["a", "crash"]
