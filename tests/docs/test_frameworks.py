"""docs/web/frameworks.md: its applications in one process, with those of examples/bridges, as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "web" / "frameworks.md").read_text(encoding="utf-8")
QUESTIONS = """
from vivace.web.testclient import TestClient

with TestClient(app) as client:
    for path in ("/api/greet/Ada", "/api/started", "/django/greet/Ada", "/old/greet/Ada"):
        print(client.get(path).text.strip())
    print(client.get("/django/static/admin/css/base.css").status_code, client.get("/django/where").json()["url"])
"""


def test_several_frameworks_are_one_application(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    (program := tmp_path / "site_of_many.py").write_text(blocks[0] + QUESTIONS)
    environ = {"PYTHONPATH": str(ROOT / "examples" / "bridges"), "DJANGO_SETTINGS_MODULE": "django_site.settings"}
    ended = subprocess.run([sys.executable, program], env=environ, capture_output=True, text=True, check=False)
    assert ended.stdout.splitlines() == [
        "fastapi: started",
        '{"greeting":"Hello, Ada!"}',
        '{"started":true}',
        '{"greeting": "Hello, Ada!"}',
        '{"greeting":"Hello, Ada!"}',
        "200 http://testserver/django/greet/Ada",
        "fastapi: stopped",
    ], ended.stderr
