from __future__ import annotations

import pytest

from vivace.server.supervisor.changes import Effect, Rules, shown


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/srv/site/views.py", Effect.RESTART),
        ("/srv/site/.env", Effect.RESTART),
        ("/srv/site/pyproject.toml", Effect.RESTART),
        ("/srv/site/templates/home.html", Effect.PAGES),
        ("/srv/site/static/LOGO.PNG", Effect.PAGES),
        ("/srv/site/static/site.js", Effect.PAGES),
        ("/srv/site/static/site.css", Effect.STYLES),
        ("/srv/site/db.sqlite3", Effect.NOTHING),
        ("/srv/site/db.sqlite3-wal", Effect.NOTHING),
        ("/srv/site/data.json", Effect.NOTHING),
        ("/srv/site/.views.py.swp", Effect.NOTHING),
        ("/srv/site/views.py~", Effect.NOTHING),
        ("/srv/site/.#views.py", Effect.NOTHING),
        ("/srv/site/flycheck_views.py", Effect.NOTHING),
        ("/srv/site/4913", Effect.NOTHING),
    ],
)
def test_the_name_of_a_file_says_what_its_change_means(path: str, expected: Effect) -> None:
    assert Rules().effect_of(path) is expected


@pytest.mark.parametrize(
    ("include", "exclude", "path", "expected"),
    [
        (["*.yaml"], [], "/srv/site/a.yaml", Effect.RESTART),
        (["config/*"], [], "/srv/site/config/a", Effect.RESTART),
        (["config/*"], [], "/srv/site/other/a", Effect.NOTHING),
        ([], ["tests"], "/srv/site/tests/deep/test_a.py", Effect.NOTHING),
        ([], ["tests/*"], "/srv/site/tests/test_a.py", Effect.NOTHING),
        ([], ["/srv/site/media"], "/srv/site/media/a.png", Effect.NOTHING),
        ([], ["/srv/site/media"], "/srv/other/media/a.png", Effect.PAGES),
        ([], ["test_*.py"], "/srv/site/test_a.py", Effect.NOTHING),
        (["*.py"], ["*.py"], "/srv/site/a.py", Effect.NOTHING),
    ],
)
def test_globs_add_and_take_away(include: list[str], exclude: list[str], path: str, expected: Effect) -> None:
    assert Rules(include, exclude).effect_of(path) is expected


def test_a_file_that_was_imported_is_code_whatever_it_is_called() -> None:
    assert Rules().effect_of("/srv/lib/fast.so", frozenset({"/srv/lib/fast.so"})) is Effect.RESTART


def test_the_strongest_effect_counts() -> None:
    rules = Rules()
    assert rules.effect(["/a/b.css", "/a/c.html"]) == (Effect.PAGES, ["/a/c.html"])
    assert rules.effect(["/a/b.css", "/a/d.py", "/a/c.html"]) == (Effect.RESTART, ["/a/d.py"])
    assert rules.effect(["/a/b.css"]) == (Effect.STYLES, ["/a/b.css"])
    assert rules.effect([]) == (Effect.NOTHING, [])


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, "0.py"),
        (2, "0.py and 1.py"),
        (3, "0.py, 1.py and 1 other"),
        (500, "0.py, 1.py and 498 others"),
    ],
)
def test_a_log_line_names_a_few_files(count: int, expected: str) -> None:
    assert shown([f"/srv/site/{number}.py" for number in range(count)], "/srv/site") == expected


def test_a_file_elsewhere_is_named_in_full() -> None:
    assert shown(["/srv/sitelib/a.py"], "/srv/site") == "/srv/sitelib/a.py"
