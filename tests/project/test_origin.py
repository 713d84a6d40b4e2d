"""What follows from where an application was made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vivace.project.origin import Origin


@pytest.mark.parametrize(
    ("module", "file", "single", "name", "folder"),
    [
        ("books", "/srv/books.py", True, "books", "/srv"),
        ("__main__", "/srv/my-books.py", True, "my_books", "/srv"),
        ("vivace_app_2books", "/srv/2books.py", True, "_2books", "/srv"),
        ("mysite.asgi", "/srv/mysite/asgi.py", False, "mysite", "/srv"),
        ("mysite.web.asgi", "/srv/mysite/web/asgi.py", False, "mysite", "/srv"),
        ("mysite", "/srv/mysite/__init__.py", False, "mysite", "/srv"),
    ],
)
def test_name_and_folder(module: str, file: str, single: bool, name: str, folder: str) -> None:
    origin = Origin(module, Path(file))
    assert origin.is_single_file is single
    assert origin.name == name
    assert origin.folder == Path(folder)


def test_without_a_file_it_is_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    origin = Origin("__main__", None)
    assert origin.is_single_file
    assert origin.name == "app"
    assert origin.folder == tmp_path


def test_the_frame_says_where() -> None:
    assert Origin.of(sys._getframe()) == Origin(__name__, Path(__file__))
