"""The plugin in a pytest run of its own, as a project's tests use it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SITE = """
from vivace import JSONResponse, Vivace, models
app = Vivace(database="{url}")

class Note(models.Model):
    text = models.TextField()

@app.post("/notes")
async def add(request):
    await request.app.database.execute("INSERT INTO site_note (text) VALUES ('hi')")
    return JSONResponse({{"ok": True}})
"""
CONFTEST = """
import pytest

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
TESTS = """
import pytest
from vivace.orm.binding import resolve
from vivace.testing import assert_num_queries

COUNT = "SELECT count(*) FROM site_note"

@pytest.mark.anyio
@pytest.mark.parametrize("round", range(3))
async def test_each_test_starts_empty(client, db, round):
    assert await db.fetch_val(COUNT) == 0
    with assert_num_queries(1):
        response = await client.post("/notes")
    assert response.json() == {"ok": True}
    assert await db.fetch_val(COUNT) == 1
    assert resolve() is db
    assert "test_" in db.url.database

@pytest.mark.anyio
async def test_the_client_alone_is_isolated_too(client):
    await client.post("/notes")
    assert await resolve().fetch_val(COUNT) == 1
"""


def run_pytest(folder: Path, **files: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on these files (`a_b` is `a_b.py`), in a process without this project's configuration."""
    (folder / "pyproject.toml").write_text('[tool.vivace]\napp = "site_app:app"\n[tool.pytest.ini_options]\n')
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(folder)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("VIVACE_", "PYTEST_"))}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, check=False, text=True, timeout=120)


def site(url: str) -> str:
    return SITE.format(url=url).replace("Vivace(", "Vivace('site', ")


def test_fixtures_isolate_tests_on_sqlite(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, site_app=site("sqlite:///real.db"), conftest=CONFTEST, test_notes=TESTS)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout
    assert not (tmp_path / "real.db").exists()


def test_fixtures_isolate_tests_on_postgresql(tmp_path: Path) -> None:
    url = os.environ.get("VIVACE_TEST_POSTGRES")
    if url is None:
        pytest.fail("VIVACE_TEST_POSTGRES is not set: run scripts/with-services pytest …", pytrace=False)
    result = run_pytest(tmp_path, site_app=site(url), conftest=CONFTEST, test_notes=TESTS)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout


def test_a_site_without_a_database_has_a_client_and_no_db(tmp_path: Path) -> None:
    result = run_pytest(
        tmp_path,
        site_app="from vivace import Vivace\napp = Vivace()\n",
        conftest=CONFTEST,
        test_site=(
            "import pytest\n\n@pytest.mark.anyio\nasync def test_page(client):\n"
            "    assert (await client.get('/')).status_code == 200\n\n"
            "@pytest.mark.anyio\nasync def test_db(db):\n    pass\n"
        ),
    )
    assert re.search("1 passed, 1 error", result.stdout), result.stdout
    assert "needs a site with a database" in result.stdout


def test_projects_that_do_not_use_it_pay_nothing(tmp_path: Path) -> None:
    test = (
        "import sys\n\ndef test_nothing_is_loaded():\n"
        "    assert not {'sqlalchemy', 'vivace.web', 'vivace.orm', 'vivace.project'} & set(sys.modules)\n"
    )
    result = run_pytest(tmp_path, test_nothing=test)
    assert result.returncode == 0, result.stdout
