"""The options of static files, checked where they are given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vivace.server import Config
from vivace.server.errors import ConfigError
from vivace.server.options.static import Mount, Static


def test_folders_are_made_absolute_and_the_longest_path_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a=b").mkdir()
    monkeypatch.chdir(tmp_path)
    static = Static(static=("/=.", "/static/=./a=b"))
    assert static.static == (f"/={tmp_path}", f"/static={tmp_path}/a=b")
    assert static.mounts == [Mount("/static", f"{tmp_path}/a=b"), Mount("", str(tmp_path))]
    assert Static(static=static.static) == static


def test_one_may_be_written_without_a_list(tmp_path: Path) -> None:
    assert Config.from_options({"static": f"/static={tmp_path}"}).static_files.static == (f"/static={tmp_path}",)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"static": ["./static"]}, r'such as "/static=./static", got \'./static\''),
        ({"static": ["static=."]}, r"got 'static=.'"),
        ({"static": ["/static="]}, r"got '/static='"),
        ({"static": ["/a//b=."]}, "no empty segment"),
        ({"static": ["/a/../b=."]}, "no empty segment"),
        ({"static": ["/a=.", "/a/=.."]}, '"/a" is given twice'),
        ({"static": ["/a=./no-such-folder"]}, "there is no folder .*/no-such-folder"),
        ({"static_max_age": -1}, "static_max_age must be a whole number of 0 or more"),
        ({"static_fallback": "index.html"}, "give static as well"),
        ({"static": ["/=."], "static_fallback": "no.html"}, "there is no no.html in "),
        ({"static": ["/=."], "static_fallback": "../index.html"}, "the name of a page"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Config.from_options(options)


def test_the_fallback_is_in_one_of_the_folders(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "index.html").write_text("x")
    static = Static(static=(f"/static={tmp_path}", f"/={tmp_path}/app"), static_fallback="index.html")
    assert static.static_fallback == "index.html"
