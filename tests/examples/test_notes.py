"""examples/notes on every kind of database: migrated by Alembic, then asked over HTTP."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from vivace.databases import Database, DatabaseURL
from vivace.web.testclient import TestClient

EXAMPLE = Path(__file__).parents[2] / "examples" / "notes"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, with a database of its own, of the kind."""
    variable = {"postgresql": "VIVACE_TEST_POSTGRES", "mysql": "VIVACE_TEST_MYSQL"}.get(request.param)
    url, name = f"sqlite:///{tmp_path / 'notes.db'}", f"notes_{uuid.uuid4().hex[:12]}"
    if variable is not None:
        asyncio.run(run(os.environ[variable], f"CREATE DATABASE {name}"))
        url = str(DatabaseURL(os.environ[variable]).replace(database=name))
    monkeypatch.setenv("DATABASE_URL", url)
    alembic("upgrade", "head")
    spec = importlib.util.spec_from_file_location("notes_example", EXAMPLE / "notes.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    if variable is not None:
        asyncio.run(run(os.environ[variable], f"DROP DATABASE {name}"))


async def run(url: str, statement: str) -> None:
    async with Database(url) as database:
        await database.execute(statement)


def alembic(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "alembic", *arguments], cwd=EXAMPLE, check=True, capture_output=True)


def test_notes_are_kept_and_lists_of_them_are_stored_whole(example: ModuleType) -> None:
    alembic("check")
    with TestClient(example.app) as client:
        added = client.post("/notes", json={"text": "Buy milk"})
        assert added.status_code == 201
        note = added.json()
        assert (note["text"], note["completed"]) == ("Buy milk", False)
        assert client.get("/notes").json() == [note]
    with TestClient(example.app) as client:
        assert client.delete(f"/notes/{note['id']}").status_code == 204
        assert client.delete(f"/notes/{note['id']}").status_code == 404
        assert client.post("/notes", json={"text": 3}).status_code == 400

    # A list is stored as a whole or not at all.
    with example.database.force_rollback(), TestClient(example.app) as client:
        new = [{"text": "one", "completed": True}, {"text": "two", "completed": False}]
        assert client.put("/notes", json=new).json() == {"stored": 2}
        assert client.put("/notes", json=[{"text": "three"}, {"text": None}]).status_code == 400
        assert [note["text"] for note in client.get("/notes").json()] == ["one", "two"]
    with TestClient(example.app) as client:
        assert client.get("/notes").json() == []
