from __future__ import annotations

import re

import pytest

from vivace.utils.static_names import HASHED, REFUSED, strange_names


@pytest.mark.parametrize("path", ["/.env", "/a/.git/config", "/..", "/a/../b", "//a", "/a\\\\b", "/.well-known"])
def test_hidden_and_strange_paths_are_refused(path: str) -> None:
    assert REFUSED.search(path)


@pytest.mark.parametrize("path", ["/a.css", "/.well-known/security.txt", "/a/b..css", "/con.css", "/a:b"])
def test_others_are_not(path: str) -> None:
    assert not REFUSED.search(path)


@pytest.mark.parametrize(
    "path", ["/con", "/NUL.css", "/a/lpt1.txt", "/aux/b", "/com¹", "/prn ", "/a:b", "/PROGRA~1", "/a\\\\b"]
)
def test_windows_has_devices_and_streams(path: str) -> None:
    assert re.search(strange_names(windows=True), path)


@pytest.mark.parametrize("path", ["/conference.css", "/a/auxiliary/b", "/nulls"])
def test_and_names_that_begin_like_them(path: str) -> None:
    assert not re.search(strange_names(windows=True), path)


@pytest.mark.parametrize(
    ("name", "is_hashed"),
    [
        ("app.3f2a1b0c9d8e.css", True),
        ("index-BX2k9fQ1.js", True),
        ("report.20260131.pdf", False),
        ("app.deadbeef.css", False),
        ("index-Version2.js", False),
    ],
)
def test_a_hash_is_known_by_its_look(name: str, is_hashed: bool) -> None:
    assert bool(HASHED.search(name)) is is_hashed
