"""Files of rows: what is stored where, under which name, and when."""

from __future__ import annotations

import asyncio
import copy
import io
import os
import pickle
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.orm import models
from vivace.orm.exceptions import ModelDefinitionError, NotLoaded, ORMError, SuspiciousFileOperation
from vivace.orm.fields.files import FieldFile
from vivace.orm.files import (
    ContentFile,
    File,
    FileSystemStorage,
    InMemoryStorage,
    Storage,
    get_default_storage,
    set_default_storage,
)
from vivace.utils.exceptions import ValidationError
from vivace.utils.validators import FileExtensionValidator

pytestmark = pytest.mark.anyio
MEMORY = InMemoryStorage(base_url="/media/")


def owners_folder(instance: Any, filename: str) -> str:
    return f"{instance.owner}/{filename}"


class Paper(models.Model):
    owner = models.CharField(max_length=20, default="ann")
    text = models.FileField(
        upload_to="texts/%Y", storage=MEMORY, blank=True, validators=[FileExtensionValidator(["txt"])], max_length=40
    )
    scan = models.ImageField(
        upload_to=owners_folder,
        storage=lambda: MEMORY,
        null=True,
        blank=True,
        width_field="width",
        height_field="height",
    )
    width = models.IntegerField(null=True, blank=True)
    height = models.IntegerField(null=True, blank=True)

    class Meta:
        app_label = "papers"


@pytest.fixture
async def tables(database: Database) -> AsyncIterator[Database]:
    async with tables_of(database, Paper):
        yield database
    MEMORY._files.clear()


def picture(size: tuple[int, int]) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size).save(made, "PNG")
    return made.getvalue()


class Upload:
    """As the uploads of web frameworks: an async read()."""

    def __init__(self, filename: str, content: bytes) -> None:
        self.filename, self._file = filename, io.BytesIO(content)

    async def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    async def seek(self, place: int) -> None:
        self._file.seek(place)


async def test_a_file_that_was_assigned_is_stored_with_its_row(tables: Database) -> None:
    paper: Any = Paper(text=Upload("../../etc/my notes.txt", b"hello"))
    assert not paper.text.committed
    await paper.save()
    assert paper.text.name.startswith("texts/20")
    assert paper.text.name.endswith("/my_notes.txt")
    found = await Paper.objects.get(pk=paper.pk)
    assert isinstance(found.text, FieldFile)
    assert (await found.text.read(), await found.text.size()) == (b"hello", 5)
    assert [piece async for piece in found.text.chunks(2)] == [b"he", b"ll", b"o"]
    assert found.text.url == f"/media/{found.text.name}"
    assert str(found.text) == found.text == paper.text
    assert await Paper.objects.filter(text__endswith="notes.txt").count() == 1


async def test_no_file_is_false_and_says_so(tables: Database) -> None:
    paper = await Paper.objects.create()
    for each in (paper, await Paper.objects.get(pk=paper.pk)):
        assert not each.text
        assert not each.scan
        with pytest.raises(ValueError, match="no file associated"):
            _ = each.text.url
    assert await Paper.objects.filter(text="", scan=None).count() == 1


async def test_save_and_delete_write_the_row_too(tables: Database) -> None:
    paper = await Paper.objects.create()
    await paper.text.save("a.txt", b"one")
    assert (await Paper.objects.get(pk=paper.pk)).text.name == paper.text.name
    first = str(paper.text.name)
    await paper.text.save("a.txt", ContentFile("two"), save=False)
    assert paper.text.name != first
    assert (await Paper.objects.get(pk=paper.pk)).text.name == first
    await paper.text.delete()
    assert not (await Paper.objects.get(pk=paper.pk)).text
    assert await MEMORY.exists(first)


async def test_images_tell_their_size(tables: Database) -> None:
    paper: Any = Paper(scan=ContentFile(picture((3, 2)), name="a.png"))
    await paper.save()
    assert (paper.scan.name, paper.width, paper.height) == ("ann/a.png", 3, 2)
    assert await paper.scan.dimensions() == (3, 2)
    await paper.scan.save("b.png", b"no image", save=False)
    assert (paper.width, paper.height) == (None, None)
    await paper.scan.delete(save=False)
    assert await paper.scan.dimensions() is None


async def test_full_clean_validates_the_file(tables: Database) -> None:
    with pytest.raises(ValidationError) as caught:
        await Paper(text=ContentFile(b"", name="a.exe")).full_clean()
    assert caught.value.message_dict == {"text": ["File extension “exe” is not allowed. Allowed extensions are: txt."]}
    with pytest.raises(ValidationError, match="at most 40 characters"):
        await Paper(text="x" * 50 + ".txt").full_clean()
    await Paper(text=ContentFile(b"", name="a.txt")).full_clean()


async def test_update_fields_stores_only_the_named_files(tables: Database) -> None:
    paper: Any = await Paper.objects.create()
    paper.text = ContentFile(b"x", name="a.txt")
    await paper.save(update_fields=["owner"])
    assert not paper.text.committed
    await paper.save(update_fields=["text"])
    assert paper.text.committed


async def test_bulk_create_takes_stored_files_only(tables: Database) -> None:
    paper: Any = Paper(text=ContentFile(b"x", name="a.txt"))
    with pytest.raises(ValueError, match="not stored yet"):
        await Paper.objects.bulk_create([paper])
    await paper.text.commit()
    await Paper.objects.bulk_create([paper])
    with pytest.raises(NotLoaded):
        _ = (await Paper.objects.only("owner").get()).text


async def test_objects_with_files_are_copied_and_pickled(tables: Database) -> None:
    paper: Any = Paper(text=ContentFile(b"x", name="a.txt"))
    with pytest.raises(TypeError, match="not stored yet"):
        pickle.dumps((paper.text, paper))
    await paper.save()
    for twin in (copy.copy(paper), pickle.loads(pickle.dumps(paper))):
        assert twin.text.instance is twin
        assert twin.text == paper.text


@pytest.fixture(params=["memory", "files"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Each kind of storage."""
    if request.param == "memory":
        return InMemoryStorage(base_url="/media/")
    return FileSystemStorage(tmp_path / "media", base_url="/media")


async def test_storages_keep_files(storage: Storage) -> None:
    name = await storage.save("a/b.tar.gz", b"one")
    assert name == "a/b.tar.gz"
    other = await storage.save("a/b.tar.gz", io.BytesIO(b"two!"))
    assert other.startswith("a/b_")
    assert other.endswith(".tar.gz")
    async with await storage.open(other) as file:
        assert (await file.read(3), file.size, file.name) == (b"two", 4, other)
    assert await storage.size(name) == 3
    assert await storage.listdir("") == (["a"], [])
    folders, files = await storage.listdir("a")
    assert (folders, files) == ([], sorted(["b.tar.gz", other.removeprefix("a/")]))
    assert (await storage.get_modified_time(name)).tzinfo is not None
    assert storage.url("a b/ü?.txt") == "/media/a%20b/%C3%BC%3F.txt"
    await storage.delete(name)
    await storage.delete(name)
    assert not await storage.exists(name)
    with pytest.raises(FileNotFoundError):
        await storage.open(name)


async def test_names_are_shortened_to_what_the_column_holds(storage: Storage) -> None:
    assert len(await storage.save("x" * 60 + ".txt", b"", max_length=30)) == 30
    await storage.save("abc.txt", b"")
    with pytest.raises(SuspiciousFileOperation, match="greater max_length"):
        await storage.save("abc.txt", b"", max_length=8)


@pytest.mark.parametrize("name", ["", ".", "..", "/etc/passwd", "a/../../b", "..\\b", "a/..", "C:\\x", "a\x00b"])
async def test_names_never_lead_out_of_the_storage(storage: Storage, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        await storage.save(name, b"x")


async def test_paths_never_lead_out_of_the_folder(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path / "media")
    (tmp_path / "media_secret").write_text("x")
    for name in ("../media_secret", "/etc/passwd", "a/../../media_secret", "x\x00"):
        with pytest.raises(SuspiciousFileOperation):
            await storage.open(name)
    with pytest.raises(NotImplementedError, match="no URLs"):
        storage.url("a")
    with pytest.raises(ValueError, match="empty"):
        await storage.delete("")


async def test_a_file_that_cannot_be_written_whole_is_taken_away(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)

    class Broken:
        count = 0

        async def read(self, size: int) -> bytes:
            self.count += 1
            if self.count > 1:
                await asyncio.sleep(10)
            return b"x"

    task = asyncio.create_task(storage.save("a.txt", Broken()))
    while not (tmp_path / "a.txt").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(tmp_path) == []
    with pytest.raises(TypeError, match="binary mode"):
        await storage.save("a.txt", io.StringIO("x"))
    with pytest.raises(TypeError, match=r"read\(\) method"):
        await storage.save("a.txt", 3)
    assert os.listdir(tmp_path) == []


async def test_many_writers_of_one_name_get_names_of_their_own(tmp_path: Path) -> None:
    storage = FileSystemStorage(tmp_path)
    names = await asyncio.gather(*(storage.save("a.txt", b"%d" % number) for number in range(20)))
    assert len(set(names)) == 20
    assert {(tmp_path / name).read_bytes() for name in names} == {b"%d" % number for number in range(20)}
    replacing = FileSystemStorage(tmp_path, allow_overwrite=True)
    assert await replacing.save("a.txt", b"new") == "a.txt"
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    with pytest.raises(TypeError, match="binary mode"):
        await replacing.save("a.txt", io.StringIO("x"))
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert len(os.listdir(tmp_path)) == 20


async def test_files_are_read_in_threads(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    async with File(path.open("rb")) as file:
        assert (file.size, file.name, bool(file)) == (3, str(path), True)
        assert [piece async for piece in file.chunks(2)] == [b"ab", b"c"]
    assert file.closed


def test_the_default_storage_has_to_be_said() -> None:
    field = models.FileField()
    assert set_default_storage(None) is None
    with pytest.raises(ORMError, match="set_default_storage"):
        get_default_storage()
    set_default_storage(MEMORY)
    try:
        assert field.storage is MEMORY
    finally:
        set_default_storage(None)


async def test_file_paths_are_listed(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("a.txt", "b.md", "below/c.txt"):
        (tmp_path / name).write_text("")
    field = models.FilePathField(path=lambda: str(tmp_path), match=r"\.txt$", recursive=True)
    assert [label for _, label in await field.paths()] == ["a.txt", os.path.join("below", "c.txt")]
    folders = models.FilePathField(path=tmp_path, allow_files=False, allow_folders=True)
    assert [label for _, label in await folders.paths()] == ["below"]
    assert field.clean(tmp_path / "a.txt") == str(tmp_path / "a.txt")


wrong: Any = models
MISTAKES: list[tuple[Any, str]] = [
    (lambda: wrong.FileField(primary_key=True), "primary key"),
    (lambda: wrong.FileField(upload_to="/abs"), "without a slash"),
    (lambda: wrong.FileField(storage="s3"), "storage is"),
    (lambda: wrong.FilePathField(allow_files=False), "allow_files"),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES)
def test_mistakes_are_told(make: Any, message: str) -> None:
    with pytest.raises(ModelDefinitionError, match=message):
        make()
