"""`wsgi.file_wrapper`: which files go by their path, and that all of them arrive."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path

import pytest
from django.core.files import File

from vivace.utils.wsgi.files import FileWrapper

CONTENT = b"0123456789" * 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("buffering", [0, -1])
def test_a_plain_file_goes_by_its_path(path: Path, buffering: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    for name in (str(path), "file"):
        with open(name, "rb", buffering) as file:
            assert FileWrapper(file).as_path() == (str(path), 100)
            assert FileWrapper(File(file)).as_path() == (str(path), 100)
    with open(path, "r+b") as file:
        assert FileWrapper(file).as_path() == (str(path), 100)


def test_a_named_temporary_file_goes_by_its_path() -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(CONTENT)
        file.flush()
        file.seek(0)
        assert FileWrapper(file).as_path() == (file.name, 100)


def test_what_is_no_whole_file_with_a_name_does_not(path: Path) -> None:
    reading, writing = os.pipe()
    os.close(writing)
    with (
        gzip.open(path.with_suffix(".gz"), "wb") as written,
        open(path) as text,
        open(reading, "rb") as pipe,
        open(os.open(path, os.O_RDONLY), "rb") as nameless,
        open(path, "rb") as halfway,
        open(path, "rb") as replaced,
        open(path, "rb") as closed,
    ):
        written.write(CONTENT)
        with gzip.open(path.with_suffix(".gz")) as zipped:
            for file in (io.BytesIO(CONTENT), zipped, io.BufferedReader(zipped), text, pipe, nameless):
                assert FileWrapper(file).as_path() is None
        halfway.read(1)
        assert FileWrapper(halfway).as_path() is None
        other = path.with_suffix(".new")
        other.write_bytes(b"other")
        other.rename(path)
        assert FileWrapper(replaced).as_path() is None
        path.unlink()
        assert FileWrapper(replaced).as_path() is None
        closed.close()
        assert FileWrapper(closed).as_path() is None


def test_it_is_iterated_in_blocks_and_closes_its_file(path: Path) -> None:
    file = open(path, "rb")  # noqa: SIM115 - the wrapper closes it
    wrapper = FileWrapper(file, 40)
    assert [len(block) for block in wrapper] == [40, 40, 20]
    wrapper.close()
    assert file.closed

    class Readable:
        def read(self, size: int) -> bytes:
            return b""

    FileWrapper(Readable()).close()
