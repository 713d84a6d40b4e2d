"""`vivace schema`: the document on standard output, in files, and held against files."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import yaml
from tests.cli.conftest import Run, Serve

APP = '''"""An API of typed functions and a view."""

from typing import Literal

import msgspec

from vivace import Vivace
from vivace.rest.decorators import api_view
from vivace.rest.response import Response
from vivace.web.routing import Route

app = Vivace(name="shop")


class Part(msgspec.Struct):
    name: str
    kind: Literal["big", "small"] = "big"


@app.api.get("/parts/{id}")
async def read_part(id: int, q: str = "") -> Part:
    return Part(f"{id}{q}")
'''


@pytest.fixture
def app(tmp_path: Path) -> Path:
    file = tmp_path / "app.py"
    file.write_text(APP)
    return file


@pytest.mark.usefixtures("app")
def test_the_document_is_the_one_that_is_served(vivace: Run, serve: Serve) -> None:
    printed = vivace("schema")
    assert printed.returncode == 0, printed.stderr
    served = httpx.get(serve("app.py").url + "/api/schema/").json()
    assert json.loads(printed.stdout) == served
    assert served["paths"]["/api/parts/{id}"]["get"]["operationId"] == "read_part"


@pytest.mark.usefixtures("app")
def test_yaml_says_the_same_as_json(vivace: Run, tmp_path: Path) -> None:
    assert vivace("schema", "--file", "openapi.yaml").stderr == "openapi.yaml: 1 operation.\n"
    text = (tmp_path / "openapi.yaml").read_text()
    assert yaml.safe_load(text) == json.loads(vivace("schema").stdout)
    assert text == vivace("schema", "--format", "yaml").stdout
    assert "&id" not in text, "an alias"
    assert sorted(path.name for path in tmp_path.glob("*.yaml")) == ["openapi.yaml"]


@pytest.mark.parametrize("name", ["openapi.json", "openapi.yml"])
def test_check_passes_until_the_api_changes_and_says_what_did(vivace: Run, app: Path, name: str) -> None:
    vivace("schema", "--file", name)
    result = vivace("schema", "--check", name, "--validate")
    assert (result.returncode, result.stdout) == (0, "")
    assert "valid OpenAPI 3.1" in result.stderr
    assert f"{name} is up to date: 1 operation." in result.stderr
    changed = APP.replace('Literal["big", "small"]', 'Literal["big"]')
    app.write_text(changed.replace('q: str = ""', "q: int = 0"))
    result = vivace("schema", "--check", name)
    assert result.returncode == 1
    place = "paths > /api/parts/{id} > get > parameters > 1 > schema"
    assert f'~ {place} > type: "string" → "integer"' in result.stdout
    assert '- components > schemas > KindEnum > enum: "small"' in result.stdout
    assert f"Write it anew: vivace schema --file {name}" in result.stderr


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.json", None, "none.json cannot be read"),
        ("bad.json", "{", "bad.json is no JSON"),
        ("bad.yaml", "a: [", "bad.yaml is no YAML"),
        ("other.json", "[]", "other.json is no OpenAPI document"),
    ],
)
def test_a_file_that_is_no_document_is_said(
    vivace: Run, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    result = vivace("schema", "--check", name)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_an_application_without_an_api_says_how_to_have_one(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from vivace import Vivace\n\napp = Vivace()\n")
    result = vivace("schema")
    assert result.returncode == 3
    assert "the application has no API" in result.stderr
    assert "@app.api.get(...)" in result.stderr
    (tmp_path / "app.py").write_text("async def app(scope, receive, send): ...\n")
    assert "which has no list of routes" in vivace("schema").stderr


def test_one_of_several_documents_is_chosen(vivace: Run, tmp_path: Path) -> None:
    more = (
        '\n\n@api_view(["GET"])\nasync def ping(request):\n    return Response({})\n\n\n'
        "from vivace.rest.openapi import schema_view\n\n"
        'app.routes.append(Route("/ping", ping))\n'
        'app.routes.append(Route("/other.json", schema_view([Route("/ping", ping)], title="Other")))\n'
    )
    (tmp_path / "app.py").write_text(APP + more)
    result = vivace("schema")
    assert result.returncode == 3
    assert "serves 2 OpenAPI documents" in result.stderr
    assert "/api/schema/" in result.stderr
    chosen = json.loads(vivace("schema", "--path", "/other.json").stdout)
    assert (chosen["info"]["title"], list(chosen["paths"])) == ("Other", ["/ping"])
    assert 'Did you mean "/other.json"?' in vivace("schema", "--path", "/othr.json").stderr


def test_a_document_that_breaks_the_rules_is_named(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP + '\n\napp.api.describe(license={"url": "https://x.example"})\n')
    result = vivace("schema", "--validate")
    assert result.returncode == 1
    assert "the document is not valid OpenAPI 3.1" in result.stderr
    assert "'name' is a required property" in result.stderr


@pytest.mark.usefixtures("app")
def test_comparing_and_writing_are_not_done_together(vivace: Run) -> None:
    assert vivace("schema", "--check", "a.json", "--file", "a.json").returncode == 2
    assert "cannot be written" in vivace("schema", "--file", "missing/a.json").stderr
