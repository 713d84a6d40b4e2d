"""The commands of a project: migrations, routes, check, shell."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Run

from vivace.databases import Database

Command = Callable[..., subprocess.CompletedProcess[str]]

MODELS = '''"""The models of blog."""

from vivace.orm import models


class Post(models.Model):
    title = models.CharField(max_length=200)
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one app and one model, made once."""
    folder = tmp_path_factory.mktemp("finished") / "mysite"
    for arguments, cwd in ((["startproject", "mysite"], folder.parent), (["startapp", "blog"], folder)):
        subprocess.run([sys.executable, "-m", "vivace", *arguments], cwd=cwd, check=True, capture_output=True)
    settings = folder / "mysite" / "settings.py"
    settings.write_text(settings.read_text().replace("INSTALLED_APPS: list[str] = []", 'INSTALLED_APPS = ["blog"]'))
    (folder / "blog" / "models.py").write_text(MODELS)
    (folder / "mysite" / "urls.py").write_text(
        "import blog.urls\nfrom vivace import Mount\n\n"
        "routes = [Mount('/blog', routes=blog.urls.routes, name='blog')]\n"
    )
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(finished, tmp_path / "mysite")


@pytest.fixture
def postgresql_schema() -> Iterator[str]:
    """The URL of a PostgreSQL with a schema of its own, in which a table has two equal indexes."""
    url = os.environ.get("VIVACE_TEST_POSTGRES")
    if not url:
        pytest.fail("VIVACE_TEST_POSTGRES is not set; run: scripts/with-services .venv/bin/pytest tests/cli")
    schema = f"test_{uuid.uuid4().hex[:12]}"

    async def run(*statements: str) -> None:
        async with Database(url) as database:
            for statement in statements:
                await database.execute(statement)

    asyncio.run(
        run(
            f"CREATE SCHEMA {schema}",
            f"CREATE TABLE {schema}.twice (a INT)",
            f"CREATE INDEX one ON {schema}.twice (a)",
            f"CREATE INDEX two ON {schema}.twice (a)",
        )
    )
    yield f"{url}?options=-csearch_path%3D{schema}"
    asyncio.run(run(f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture
def run(vivace: Run, project: Path) -> Command:
    """A command that must succeed, in the project."""

    def run(*arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
        result = vivace(*arguments, cwd=project, **options)
        assert result.returncode == 0, result.stderr
        return result

    return run


def test_from_models_to_tables_and_back(run: Command, project: Path) -> None:
    made = run("makemigrations").stdout
    assert "blog 0001_initial" in made
    assert "Create table blog_post" in made
    assert (project / "blog" / "migrations" / "0001_initial.py").is_file()
    assert "nothing to write" in run("makemigrations").stdout
    assert "Apply blog 0001_initial" in run("migrate", "--plan").stdout
    assert "CREATE TABLE blog_post" in run("sqlmigrate", "blog", "0001").stdout
    assert "DROP TABLE blog_post" in run("sqlmigrate", "blog", "0001", "--backwards").stdout
    assert "[ ] 0001_initial" in run("showmigrations", "blog").stdout
    assert "Apply blog 0001_initial … done" in run("migrate").stdout
    assert (project / "db.sqlite3").is_file()
    assert "[X] 0001_initial" in run("showmigrations").stdout
    assert "up to date" in run("migrate").stdout
    assert "Undo blog 0001_initial … done" in run("migrate", "blog", "zero").stdout


def test_a_migration_that_fails_ends_its_line(run: Command, vivace: Run, project: Path) -> None:
    run("makemigrations")
    file = project / "blog" / "migrations" / "0001_initial.py"
    file.write_text(file.read_text().replace("def upgrade() -> None:", "def upgrade() -> None:\n    op.execute('x')"))
    result = vivace("migrate", cwd=project)
    assert result.returncode == 1
    assert result.stdout == "Apply blog 0001_initial … failed\n"
    assert result.stderr.startswith("Error: blog 0001_initial")


def test_without_migrations_migrate_says_so_and_fake_only_marks(run: Command) -> None:
    assert "There are no migrations yet" in run("migrate").stdout
    run("makemigrations")
    run("migrate", "--fake")
    assert "[X] 0001_initial" in run("showmigrations").stdout
    source = "print(await app.database.fetch_val(\"SELECT count(*) FROM sqlite_master WHERE name = 'blog_post'\"))"
    assert run("shell", "-c", source).stdout == "0\n"


def test_makemigrations_checks_prints_and_writes_empty_ones(run: Command, vivace: Run, project: Path) -> None:
    check = vivace("makemigrations", "--check", cwd=project)
    assert check.returncode == 1
    assert "Missing: blog" in check.stdout
    assert "def upgrade" in run("makemigrations", "--dry-run").stdout
    assert not list((project / "blog" / "migrations").glob("0*"))
    run("makemigrations", "blog", "--name", "first")
    assert (project / "blog" / "migrations" / "0001_first.py").is_file()
    run("makemigrations", "blog", "--empty", "--name", "by_hand")
    assert (project / "blog" / "migrations" / "0002_by_hand.py").is_file()


def test_a_question_with_nobody_to_ask_is_an_error_that_says_so(run: Command, vivace: Run, project: Path) -> None:
    run("makemigrations")
    (project / "blog" / "models.py").write_text(MODELS + "    pages = models.IntegerField()\n")
    result = vivace("makemigrations", cwd=project, input="")
    assert result.returncode == 1
    assert "Run `vivace makemigrations` in a terminal" in result.stderr
    assert "Traceback" not in result.stderr


def test_migrate_checks_shows_and_prints_for_other_databases(run: Command, vivace: Run, project: Path) -> None:
    run("makemigrations")
    checked = vivace("migrate", "--check", cwd=project)
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (1, "Apply blog 0001_initial")
    assert "[ ] blog 0001_initial" in run("showmigrations", "--plan").stdout
    assert "SERIAL" in run("sqlmigrate", "blog", "0001", "--dialect", "postgresql").stdout
    assert "AUTO_INCREMENT" in run("sqlmigrate", "blog", "0001", "--dialect", "mariadb").stdout
    run("migrate", "--fake-initial")
    run("migrate", "--check")
    assert "nothing to forget" in run("migrate", "blog", "--prune").stdout
    for path in (project / "blog" / "migrations").glob("0*"):
        path.unlink()
    assert "Forgotten: blog_0001" in run("migrate", "blog", "--prune").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["migrate", "--database", "defualt"], 'Did you mean "default"?'),
        (["migrate", "--prune"], "vivace migrate blog --prune"),
        (["showmigrations", "--plan", "--list"], "choose one"),
        (["migrate", "blgo"], 'Did you mean "blog"?'),
        (["migrate", "blog.0001"], "put a space"),
        (["migrate", "blog", "0009"], 'no migration "0009"'),
        (["showmigrations", "blgo"], 'Did you mean "blog"?'),
        (["makemigrations", "blgo"], 'Did you mean "blog"?'),
        (["sqlmigrate", "blog", "0001"], 'no migration "0001"'),
    ],
)
def test_wrong_names_are_errors_that_suggest(vivace: Run, project: Path, arguments: list[str], said: str) -> None:
    result = vivace(*arguments, cwd=project)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_migrations_of_a_single_file_lie_beside_it(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.py").write_text(
        "from vivace import Vivace, models\napp = Vivace(database='sqlite:///notes.db')\n\n"
        "class Note(models.Model):\n    text = models.TextField()\n"
    )
    made = vivace("makemigrations", "--app", "notes.py")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "migrations" / "0001_initial.py").is_file()
    assert "Run `vivace migrate --app notes.py` to apply." in made.stdout
    migrated = vivace("migrate", "--app", "notes.py")
    assert "Apply notes 0001_initial … done" in migrated.stdout


def test_a_database_that_cannot_be_reached_stops_only_what_needs_it(run: Command, vivace: Run, project: Path) -> None:
    unreachable = "sqlite:////no/such/folder/db.sqlite3"
    result = vivace("migrate", cwd=project, VIVACE_DATABASE=unreachable)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "folder" in result.stderr
    run("routes", VIVACE_DATABASE=unreachable)
    run("check", VIVACE_DATABASE=unreachable)
    run("makemigrations", VIVACE_DATABASE=unreachable)
    shell = run("shell", "-c", "print(app.name)", VIVACE_DATABASE=unreachable)
    assert shell.stdout == "mysite\n"
    assert "the database is not connected" in shell.stderr


def test_without_a_database_the_commands_say_so(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from vivace import Vivace\napp = Vivace()\n")
    for arguments in (["migrate"], ["showmigrations"], ["sqlmigrate", "app", "0001"]):
        result = vivace(*arguments)
        assert result.returncode == 1
        assert "Set DATABASE" in result.stderr


def test_routes_are_listed_with_names_and_endpoints(run: Command, vivace: Run, project: Path) -> None:
    lines = run("routes").stdout.splitlines()
    assert lines[0].split() == ["PATH", "METHODS", "NAME", "LEADS", "TO", "WHERE"]
    assert lines[1].split() == ["/blog/", "GET", "HEAD", "blog:index", "blog.views.index", "blog/views.py:7"]
    assert run("routes", "welcome").stdout.count("\n") == 2
    for part, hint in (("nowhere", "it.\n"), ("main:app", "Another application is named by --app main:app.\n")):
        nothing = vivace("routes", part, cwd=project)
        assert (nothing.returncode, nothing.stdout) == (1, "")
        assert nothing.stderr.startswith(f'Error: no route has "{part}" in it.')
        assert nothing.stderr.endswith(hint)


STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute

async def book(request):
    return PlainTextResponse("book")

async def chat(websocket): ...

app = Starlette(routes=[
    Route("/books/{id:int}", book, name="book"),
    Mount("/admin", routes=[Route("/books", book, methods=["POST"], name="new")], name="admin"),
    WebSocketRoute("/chat", chat),
])
"""


def test_routes_of_another_toolkit_are_listed_and_explained(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(STARLETTE)
    listed = vivace("routes", "--json", "--name", "admin")
    assert json.loads(listed.stdout) == [
        {
            "path": "/admin/books",
            "methods": ["POST"],
            "name": "admin:new",
            "endpoint": "main.book",
            "location": "main.py:6",
            "middleware": [],
        }
    ]
    for arguments, said, code in [
        (["/books/3"], "✓ /books/{id:int}  GET HEAD  main.book: answers with id=3", 0),
        (["/books/x"], "id='x' is no int", 1),
        (["/books/3/"], "differs by a slash at the end", 1),
        (["/books/3", "--method", "post"], "the path fits, the method does not: GET HEAD", 1),
        (["/chat"], "is for WebSockets", 1),
        (["/chat", "--method", "WS"], "✓ /chat", 0),
        (["/admin/nope"], "takes all below it, and none of its routes answers", 1),
        (["/nope"], "No route answers GET /nope, and none comes near.", 1),
    ]:
        result = vivace("routes", "--path", *arguments)
        assert (said in result.stdout, result.returncode) == (True, code), result.stdout + result.stderr
    assert 'try "/x"' in vivace("routes", "--path", "x").stderr


def test_an_application_without_a_list_of_routes_says_so(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("async def app(scope, receive, send): ...")
    result = vivace("routes")
    assert (result.returncode, "has no list of routes" in result.stderr) == (1, True)


def test_static_files_are_collected_and_served_under_hashed_names(run: Command, project: Path) -> None:
    (project / "static").mkdir()
    (project / "static" / "app.css").write_text("a { background: url(dot.png) }")
    (project / "blog" / "static").mkdir()
    (project / "blog" / "static" / "dot.png").write_bytes(b"png")
    assert "staticfiles: 2 static files, 5 files written, 0 compressed variants." in run("collectstatic").stdout
    manifest = json.loads((project / "staticfiles" / "staticfiles.json").read_text())["paths"]
    assert manifest["dot.png"] in (project / "staticfiles" / manifest["app.css"]).read_text()
    shown = "from vivace.web.urls import reverse; print(app.url_path_for('static', path='app.css'))"
    assert run("shell", "-c", shown).stdout == f"/static/{manifest['app.css']}\n"
    assert run("shell", "-c", shown, VIVACE_DEBUG="1").stdout == "/static/app.css\n"


def test_static_files_that_cannot_be_collected_are_explained(vivace: Run, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from vivace import Vivace\napp = Vivace()\n")
    assert "there are no static files" in vivace("collectstatic").stderr
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "app.css").write_text("@import 'base.css';")
    result = vivace("collectstatic")
    assert (result.returncode, "app.css, line 1: base.css" in result.stderr) == (1, True)


def test_check_passes_on_a_new_project_and_warns_of_a_missing_migration(run: Command) -> None:
    result = run("check")
    assert "blog has changes without a migration" in result.stderr
    run("makemigrations")
    assert run("check").stdout == "mysite: 1 app, 2 routes: no mistakes.\n"


def test_check_finds_models_without_a_database(vivace: Run, tmp_path: Path) -> None:
    source = (
        "from vivace import Vivace, models\napp = Vivace()\nclass Note(models.Model):\n    text = models.TextField()\n"
    )
    (tmp_path / "app.py").write_text(source)
    result = vivace("check")
    assert "there are models but no database. Set DATABASE" in result.stderr
    assert result.returncode == 0


def test_check_for_deployment(run: Command) -> None:
    result = run("check", "--deploy", VIVACE_DEBUG="1", VIVACE_SECRET_KEY="short", VIVACE_ALLOWED_HOSTS="*")
    for word in ("DEBUG is on", "SECRET_KEY has less", '"*"'):
        assert word in result.stderr


def test_check_reads_a_databases_catalogs(run: Command, vivace: Run, project: Path, postgresql_schema: str) -> None:
    assert "nothing to read" in run("check", "--database").stderr
    unknown = vivace("check", "--database", "x", cwd=project)
    assert (unknown.returncode, '"x"' in unknown.stderr) == (1, True)
    checked = run("check", "--database", "default", VIVACE_DATABASE=postgresql_schema)
    assert "Warning: twice: index two does what one does as well" in checked.stderr


def test_check_lists_every_fault_and_fails(vivace: Run, project: Path) -> None:
    (project / ".env").write_text("VIVACE_DEBUG=perhaps\nVIVACE_API_URL=api\n")
    result = vivace("check", cwd=project)
    assert result.returncode == 1
    assert "3 faults in the settings mysite.settings.Settings" in result.stderr
    assert "VIVACE_SECRET_KEY" in result.stderr
    assert ".env line 1" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_shell_says_what_was_never_awaited(run: Command) -> None:
    result = run("shell", "-c", "Post.objects.count()")
    assert re.search(r"RuntimeWarning: coroutine '\w+\.count' was never awaited", result.stderr)
    assert "Exception ignored" not in result.stderr


def test_the_shell_awaits_and_has_the_models(run: Command) -> None:
    run("makemigrations")
    run("migrate")
    source = "rows = await app.database.fetch_val('SELECT count(*) FROM blog_post'); print(rows, Post.__name__)"
    assert run("shell", "-c", source).stdout == "0 Post\n"


def test_the_shell_runs_a_program_from_standard_input(run: Command) -> None:
    program = (
        "import asyncio\n"
        "task = asyncio.create_task(asyncio.sleep(0, 'done'))\n"
        "async def twice(n):\n    return 2 * n\n"
        "for n in range(2):\n    print(await twice(n))\n"
        "print(await task)\n"
    )
    assert run("shell", input=program).stdout == "0\n2\ndone\n"


@pytest.mark.parametrize(("source", "error"), [("1 / 0", "ZeroDivisionError"), ("1 +", "SyntaxError")])
def test_a_failing_program_shows_its_own_traceback_and_fails(
    vivace: Run, project: Path, source: str, error: str
) -> None:
    result = vivace("shell", "-c", source, cwd=project)
    assert result.returncode == 1
    assert error in result.stderr
    assert "console.py" not in result.stderr
