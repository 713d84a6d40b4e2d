"""Which file a fixture's label means, and how it is opened."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from vivace.orm.serializers import DeserializationError, find_fixtures
from vivace.orm.serializers.fixture_files import create_fixture, format_of, open_fixture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir()
    return tmp_path / "one"


@pytest.mark.parametrize("name", ["books.json", "books.jsonl.gz", "books.yaml", "books.archive.json"])
def test_an_ending_may_be_left_out(name: str, folder: Path) -> None:
    (folder / name).touch()
    assert find_fixtures("books", [folder], "archive") == [folder / name]
    assert find_fixtures(name, [folder]) == [folder / name]
    assert find_fixtures(f"one/{name}", [folder.parent]) == [folder / name]
    assert find_fixtures(str(folder / name), []) == [folder / name]


def test_every_folder_may_have_one(folder: Path, tmp_path: Path) -> None:
    (folder / "books.json").touch()
    (tmp_path / "books.json").touch()
    assert find_fixtures("books", [folder, tmp_path]) == [folder / "books.json", tmp_path / "books.json"]
    (folder / "books.yaml").touch()
    with pytest.raises(DeserializationError, match=r"several fixtures .*books.json, books.yaml"):
        find_fixtures("books", [folder])


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("boks", r'No fixture named "boks" found in .*Did you mean "books"'),
        ("books.xml", ".xml is no format. .*Formats: json, jsonl, yaml"),
        ("notes.txt", "no ending that says its format"),
        ("/nowhere/books.json", "No fixture named"),
    ],
)
def test_a_fixture_that_is_not_there_is_named(label: str, said: str, folder: Path) -> None:
    (folder / "books.json").touch()
    (folder / "notes.txt").touch()
    with pytest.raises(DeserializationError, match=said):
        find_fixtures(label, [folder])


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz"])
def test_what_is_written_compressed_is_read_so(ending: str, folder: Path) -> None:
    path = folder / f"books.json{ending}"
    with create_fixture(path) as stream:
        stream.write("[é]")
    with open_fixture(path) as stream:
        assert stream.read() == "[é]"
    assert format_of(path) == "json"


def test_a_zip_holds_one_file(folder: Path) -> None:
    path = folder / "books.json.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("books.json", "[]")
    with open_fixture(path) as stream:
        assert stream.read() == "[]"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.json", "[]")
    with pytest.raises(DeserializationError, match="must contain one file, not 2"):
        open_fixture(path)
    with pytest.raises(DeserializationError, match="can only be read"):
        create_fixture(path)
