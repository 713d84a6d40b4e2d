from __future__ import annotations

import io
import threading
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import anyio
import pytest

from vivace.web.datastructures import FormData, Headers, UploadFile

pytestmark = pytest.mark.anyio


class Watched(SpooledTemporaryFile[bytes]):
    """A spooled file that remembers in which threads it was used."""

    def __init__(self, max_size: int) -> None:
        super().__init__(max_size=max_size)
        self.threads: list[int] = []

    def write(self, data: Any) -> int:
        self.threads.append(threading.get_ident())
        return super().write(data)


def upload(max_size: int = 1024) -> tuple[UploadFile, Watched]:
    file = Watched(max_size)
    return UploadFile(cast("BinaryIO", file), size=0, filename="a.txt"), file


async def test_a_small_file_stays_in_memory_and_in_this_thread() -> None:
    file, spooled = upload()
    await file.write(b"hello ")
    await file.write(b"world")
    await file.seek(0)
    assert await file.read(5) == b"hello"
    assert await file.read() == b" world"
    assert file.size == 11
    assert set(spooled.threads) == {threading.get_ident()}
    await file.close()


async def test_the_write_that_goes_to_disk_is_made_in_a_worker_thread() -> None:
    file, spooled = upload(max_size=10)
    await file.write(b"x" * 10)
    await file.write(b"y")
    await file.write(b"z")
    assert spooled.threads[0] == threading.get_ident()
    assert threading.get_ident() not in spooled.threads[1:]
    await file.seek(0)
    assert await file.read() == b"x" * 10 + b"yz"
    await file.close()
    assert spooled.closed


async def test_any_file_will_do() -> None:
    file = UploadFile(io.BytesIO(b"data"), filename="f", headers=Headers({"content-type": "image/png"}))
    assert (file.content_type, file.size) == ("image/png", None)
    assert await file.read() == b"data"
    await file.write(b"+")
    assert file.size is None
    assert "filename='f'" in repr(file)
    await file.close()
    assert UploadFile(io.BytesIO()).content_type is None


async def test_a_form_closes_all_its_files_even_when_cancelled() -> None:
    (one, first), (two, second) = upload(max_size=1), upload()
    await one.write(b"on disk")
    form = FormData([("file", one), ("text", "x"), ("file", two)])
    with anyio.CancelScope() as scope:
        scope.cancel()
        await form.close()
    assert first.closed
    assert second.closed


@pytest.mark.parametrize("max_size", [1, 1024])
async def test_a_file_is_iterated_and_saved(max_size: int, tmp_path: Path) -> None:
    file, _ = upload(max_size)
    await file.write(b"0123456789")
    await file.seek(0)
    file.chunk_size = 4
    assert [chunk async for chunk in file] == [b"0123", b"4567", b"89"]
    assert await file.save(tmp_path / "saved") == 10
    assert (tmp_path / "saved").read_bytes() == b"0123456789"
    with pytest.raises(FileExistsError):
        await file.save(tmp_path / "saved")
    await file.write(b"!")
    assert await file.save(str(tmp_path / "saved"), overwrite=True) == 11
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"0123456789!"]
    await file.close()


def test_a_safe_file_name_is_never_a_path() -> None:
    assert UploadFile(io.BytesIO(), filename="../../etc/passwd").safe_filename == "passwd"
    assert UploadFile(io.BytesIO(), filename="").safe_filename == "file"
    assert UploadFile(io.BytesIO()).safe_filename == "file"


async def test_a_file_that_cannot_be_closed_keeps_no_other_open() -> None:
    class Full(io.BytesIO):
        def close(self) -> None:
            super().close()
            raise OSError("No space left on device")

    other, spooled = upload()
    form = FormData([("a", UploadFile(Full())), ("b", other)])
    with pytest.raises(OSError, match="No space left"):
        await form.close()
    assert spooled.closed
