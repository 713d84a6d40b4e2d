"""Fixture files: found by their label, opened whatever they are compressed with."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TextIO

from vivace.orm.serializers.errors import DeserializationError
from vivace.orm.serializers.formats import get_public_serializer_formats
from vivace.utils.suggest import did_you_mean

Opener = Callable[..., AbstractContextManager[TextIO]]


def _open_zip(path: Path, mode: str, encoding: str) -> TextIO:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if len(names) != 1:
            raise DeserializationError(f"{path}: Zip-compressed fixtures must contain one file, not {len(names)}.")
        return io.TextIOWrapper(archive.open(names[0]), encoding=encoding)


_OPENERS: dict[str, Any] = {"": open, "gz": gzip.open, "bz2": bz2.open, "xz": lzma.open, "zip": _open_zip}


def open_fixture(path: Path) -> AbstractContextManager[TextIO]:
    """The text of a fixture, uncompressed while it is read."""
    opened: AbstractContextManager[TextIO] = _OPENERS[_compression(path.name)](path, "rt", encoding="utf-8")
    return opened


def create_fixture(path: Path) -> AbstractContextManager[TextIO]:
    """A file to write a fixture to, compressed as its name says."""
    compression = _compression(path.name)
    if compression == "zip":
        raise DeserializationError("A fixture is written as .gz, .bz2 or .xz; .zip can only be read.")
    opened: AbstractContextManager[TextIO] = _OPENERS[compression](path, "wt", encoding="utf-8")
    return opened


def _compression(name: str) -> str:
    ending = name.rpartition(".")[2]
    return ending if ending in _OPENERS else ""


def format_of(path: Path) -> str:
    """The format that a file's name says, `json` for `books.json.gz`."""
    name = path.name.removesuffix(f".{_compression(path.name)}")
    return name.rpartition(".")[2]


def find_fixtures(label: str, folders: Sequence[Path], alias: str = "default") -> list[Path]:
    """The files that `label` means in `folders`: a name, with or without format and compression, or a path.

    `books` is `books.json`, `books.yaml.gz` and the like; `books.<alias>.json` is for one database. Every folder may
    have one such file. Raises DeserializationError when there is none, or more than one in a folder.
    """
    given = Path(label)
    known = get_public_serializer_formats()
    names = _names(given.name, known, alias)
    found: list[Path] = []
    for folder in [given.parent] if given.is_absolute() else [each / given.parent for each in folders]:
        here = [folder / name for name in names if (folder / name).is_file()]
        if len(here) > 1:
            raise DeserializationError(
                f'There are several fixtures "{label}" in {folder}: {", ".join(path.name for path in here)}. '
                "Write the ending of the one you mean."
            )
        found += here
    found = list({path.resolve(): path for path in found}.values())
    if not found:
        raise DeserializationError(_nothing_found(label, given, folders, known))
    return found


def _names(name: str, formats: Iterable[str], alias: str) -> list[str]:
    compression = _compression(name)
    stem = name.removesuffix(f".{compression}") if compression else name
    ending = stem.rpartition(".")[2]
    if ending in formats:
        stem, formats = stem.removesuffix(f".{ending}"), [ending]
    compressions = [compression] if compression else list(_OPENERS)
    return [
        ".".join(filter(None, (stem, database, each, compressed)))
        for database in (alias, "")
        for each in formats
        for compressed in compressions
    ]


def _nothing_found(label: str, given: Path, folders: Sequence[Path], formats: Sequence[str]) -> str:
    suffix = format_of(given)
    if any((folder / given).is_file() for folder in (*folders, Path())):
        return f'"{label}" has no ending that says its format: {", ".join(f".{each}" for each in formats)}.'
    if given.suffix and suffix not in formats and not given.is_absolute() and len(given.parts) == 1:
        hint = did_you_mean(suffix, formats, listed_as="Formats")
        return f'No fixture named "{label}" found: .{suffix} is no format. {hint}'
    if given.is_absolute():
        return f'No fixture named "{label}" found.'
    files = [path for folder in folders if folder.is_dir() for path in folder.iterdir() if format_of(path) in formats]
    there = {path.name.partition(".")[0] for path in files}
    looked = ", ".join(str(folder) for folder in folders)
    hint = f" {did_you_mean(given.name.partition('.')[0], there, listed_as='Fixtures')}" if there else ""
    return f'No fixture named "{label}" found in {looked}.{hint}'
