"""A Vivace application under somebody else's server, with lifespan and without."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

SITE = """
from vivace import JSONResponse, Vivace
app = Vivace(database="sqlite:///site.db")

@app.get("/")
async def index(request):
    return JSONResponse({"one": await request.app.database.fetch_val("SELECT 1")})
"""


@pytest.mark.parametrize("lifespan", ["on", "off"])
def test_uvicorn_serves_a_site_with_its_database(tmp_path: Path, lifespan: str) -> None:
    (tmp_path / "site_for_uvicorn.py").write_text(SITE)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "site_for_uvicorn:app", "--port", str(port), "--lifespan", lifespan]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            response = ask(f"http://127.0.0.1:{port}/", server)
        finally:
            server.terminate()
            output, _ = server.communicate(timeout=30)
    assert response.json() == {"one": 1}
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "Traceback" not in output


def ask(url: str, server: subprocess.Popen[str]) -> httpx.Response:
    """The first answer of a server that is just starting."""
    for _ in range(400):
        try:
            return httpx.get(url, timeout=10)
        except httpx.ConnectError:
            assert server.poll() is None, "uvicorn ended"
            time.sleep(0.05)
    raise AssertionError("uvicorn does not answer")
