"""The toolkit works without its compiled modules, and answers as with them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import vivace

SCRIPT = """
UNCOMPILED = True
import vivace.web._tracked_send_cy as tracked_module
import vivace.web.responses._headers_cy as headers_module, vivace.web.routing._matcher_cy as matcher_module
from vivace.web import Application, JSONResponse, Mount, PlainTextResponse, Response, Route
from vivace.web.testclient import TestClient

assert {module.__file__.endswith(".py") for module in (headers_module, matcher_module, tracked_module)} == {UNCOMPILED}

async def show(request):
    return JSONResponse({name: str(value) for name, value in request.path_params.items()}, headers={"X-Own": "1"})

async def nothing(request):
    return Response(status_code=204)

routes = [
    Route("/static", nothing),
    Route("/static", show, methods=["POST"]),
    Route("/items/{id:int}", show),
    Route("/items/{name}", show, methods=["PUT"]),
    Route("/files/{rest:path}", show),
    Route("/{id:uuid}/v{number:int}", show),
    Mount("/below/{tenant}", routes=[Route("/{price:float}/", show)]),
]
client = TestClient(Application(routes=routes), follow_redirects=False)
for method in ("GET", "POST", "PUT"):
    for path in (
        "/", "/static", "/static/", "/items/1", "/items/\u0661", "/items/x", "/items/1/", "/files/a/b", "/files/",
        "/ec38df32-ceda-4cfa-9b4a-1aeb94ad551a/v3", "/below/t/1.5/", "/below/t/1.5", "/below/t/x/",
    ):
        response = client.request(method, path)
        print(method, path.encode(), response.status_code, sorted(response.headers.items()), response.text)
"""


def answers(directory: Path, script: str) -> str:
    command = [sys.executable, "-X", "utf8", "-c", script]
    result = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_compiled_and_uncompiled_answer_alike(tmp_path: Path) -> None:
    package = Path(vivace.__file__).parent
    (tmp_path / "elsewhere").mkdir()
    compiled = answers(tmp_path / "elsewhere", SCRIPT.replace("UNCOMPILED = True", "UNCOMPILED = False"))
    shutil.copytree(package, tmp_path / "vivace", ignore=shutil.ignore_patterns("*.so", "*.c", "server", "orm"))
    assert answers(tmp_path, SCRIPT) == compiled
    assert "405" in compiled
    assert "307" in compiled
