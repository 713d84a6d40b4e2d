"""Building the static files of a site: collected into one directory, under names with a hash, and compressed.

Every file is there twice: under its own name, for links that nobody rewrote, and under one with a hash of its content,
which may be cached for ever. References in style sheets (`url()`, `@import`), in scripts (imports of modules) and to
source maps lead to hashed names, so a file's hash covers what it refers to.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from vivace.utils.media_types import is_compressed, media_type_of
from vivace.utils.static_names import CODINGS, HASHED
from vivace.utils.suggest import did_you_mean
from vivace.web.staticfiles._compress import compress as compress_file
from vivace.web.staticfiles._manifest import MANIFEST_NAME, Manifest
from vivace.web.staticfiles._references import Reference, references_in, rewrite

_HASH_LENGTH = 12
_VARIANTS = tuple(CODINGS.values())


class StaticBuildError(Exception):
    """A style sheet refers to a file that is not there."""


@dataclass(slots=True)
class Built:
    """What was done: files collected, files written (the others were as they should be), and the manifest."""

    collected: int = 0
    written: int = 0
    compressed: int = 0
    manifest: Manifest = field(default_factory=lambda: Manifest({}))


def build(
    directories: Sequence[str | os.PathLike[str]],
    destination: str | os.PathLike[str],
    *,
    static_url: str = "/static/",
    hashed: bool = True,
    compress: bool = True,
    clear: bool = False,
) -> Built:
    """Collects the files of `directories`, of which the first that has a file wins, into `destination`.

    `static_url` is where they are served: references that begin with it are followed, too. Hidden files are left out.
    Files of earlier builds stay, since pages of before still ask for them, unless `clear`. Every file is replaced as a
    whole, the manifest last, so a site may be served from there meanwhile. Raises StaticBuildError for a reference that
    leads nowhere, before anything is written; ValueError for a destination that is one of the directories.
    """
    target = Path(destination).resolve()
    sources = _collect(directories, target)
    outputs = {name: path.read_bytes() for name, path in sources.items()}
    published: dict[str, str] = {}
    if hashed:
        outputs, published = _hash(outputs, static_url if static_url.endswith("/") else f"{static_url}/")
    if clear and target.is_dir():
        shutil.rmtree(target)
    built = Built(collected=len(sources), manifest=Manifest(published))
    for name, content in outputs.items():
        changed = _write(target / name, content)
        built.written += changed
        built.compressed += _write_variants(target / name, content, wanted=compress, changed=changed)
    if hashed:
        built.written += _write(target / MANIFEST_NAME, built.manifest.dump())
    return built


def _collect(directories: Iterable[str | os.PathLike[str]], target: Path) -> dict[str, Path]:
    """The path of each file by its name."""
    found: dict[str, Path] = {}
    for directory in directories:
        root = Path(directory).resolve()
        if root == target or root in target.parents:
            raise ValueError(f"the static files of {root} cannot be collected into {target}: choose a place outside.")
        for folder, folders, files in os.walk(root, followlinks=True):
            folders[:] = sorted(name for name in folders if not name.startswith(".") or name == ".well-known")
            for file in sorted(files):
                path = Path(folder, file)
                if not file.startswith(".") and path.is_file():
                    found.setdefault(path.relative_to(root).as_posix(), path)
    made_here = {name + extension for name in found for extension in _VARIANTS}
    return {name: path for name, path in found.items() if name not in made_here and name != MANIFEST_NAME}


def _hash(contents: Mapping[str, bytes], static_url: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """All files under both names, with their references rewritten, and the hashed name of each."""
    texts: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    for name, content in contents.items():
        text = _text(name, content)
        if text is not None:
            texts[name] = text
            needs[name] = _needs(name, text, contents, static_url)
    published: dict[str, str] = {}
    outputs = dict(contents)
    for group in _groups(contents, needs):
        bodies = {name: _rewritten(name, texts, published, static_url, contents[name]) for name in group}
        # Files that refer to each other in a circle share a hash of them all: no hash can contain itself.
        digest = hashlib.sha256(b"\0".join(bodies[name] for name in sorted(group)))
        for name in group:
            published[name] = _hashed_name(name, digest.hexdigest())
        for name in group:
            body = _rewritten(name, texts, published, static_url, contents[name])
            outputs[name] = outputs[published[name]] = body
    return outputs, published


def _text(name: str, content: bytes) -> str | None:
    """The text of a file that may have references. One that is no UTF-8 is published as it is."""
    if not name.endswith((".css", ".js", ".mjs")):
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _needs(name: str, text: str, contents: Mapping[str, bytes], static_url: str) -> list[str]:
    needed = []
    for reference in references_in(name, text):
        target = _target(name, reference, static_url)
        if target is None:
            continue
        if target in contents:
            needed.append(target)
        elif reference.is_required:
            line = text.count("\n", 0, reference.start) + 1
            known = did_you_mean(target, contents, listed_as="Files")
            raise StaticBuildError(
                f"{name}, line {line}: {reference.url} is {target}, and there is no such file. {known}"
            )
    return needed


def _target(name: str, reference: Reference, static_url: str) -> str | None:
    """The name of the file that is meant; None for one that is not among the static files."""
    path = unquote(reference.path)
    if path.startswith("/"):
        return path[len(static_url) :] if path.startswith(static_url) else None
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _rewritten(
    name: str, texts: Mapping[str, str], published: Mapping[str, str], static_url: str, content: bytes
) -> bytes:
    text = texts.get(name)
    if text is None:
        return content

    def change(reference: Reference) -> str | None:
        target = _target(name, reference, static_url)
        new = None if target is None else published.get(target)
        if new is None:
            return None
        # Only the last part of a path is another one.
        path = reference.path
        renamed = path[: path.rfind("/") + 1] + quote(posixpath.basename(new))
        return renamed + reference.url[len(path) :]

    return rewrite(name, text, change).encode()


def _hashed_name(name: str, digest: str) -> str:
    stem, extension = posixpath.splitext(name)
    # A server without the manifest knows a hash by its look: digits and letters.
    lengths = range(_HASH_LENGTH, len(digest) + 1)
    length = next((length for length in lengths if HASHED.search(f".{digest[:length]}.")), _HASH_LENGTH)
    return f"{stem}.{digest[:length]}{extension}"


def _groups(names: Iterable[str], needs: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The files, each after those that it needs; files that need each other are one group.

    Tarjan's strongly connected components, without recursion: a chain of imports may be long.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: list[str] = []
    is_waiting: set[str] = set()
    groups: list[list[str]] = []
    for start in names:
        if start in index:
            continue
        index[start] = low[start] = len(index)
        waiting.append(start)
        is_waiting.add(start)
        todo = [(start, iter(needs.get(start, ())))]
        while todo:
            name, rest = todo[-1]
            for needed in rest:
                if needed not in index:
                    index[needed] = low[needed] = len(index)
                    waiting.append(needed)
                    is_waiting.add(needed)
                    todo.append((needed, iter(needs.get(needed, ()))))
                    break
                if needed in is_waiting:
                    low[name] = min(low[name], index[needed])
            else:
                todo.pop()
                if todo:
                    low[todo[-1][0]] = min(low[todo[-1][0]], low[name])
                if low[name] == index[name]:
                    position = waiting.index(name)
                    group = waiting[position:]
                    del waiting[position:]
                    is_waiting.difference_update(group)
                    groups.append(group)
    return groups


def _write_variants(path: Path, content: bytes, *, wanted: bool, changed: bool) -> int:
    """Writes the compressed variants of a file and removes those that are not worth it; how many were written."""
    written = 0
    wanted = wanted and not is_compressed(media_type_of(path.name))
    for coding, extension in CODINGS.items():
        variant = path.with_name(path.name + extension)
        if wanted and not changed and variant.exists():
            continue  # of this very file
        packed = compress_file(content, coding) if wanted else None
        if packed is None:
            variant.unlink(missing_ok=True)
        else:
            written += _write(variant, packed, always=True)
    return written


def _write(path: Path, content: bytes, *, always: bool = False) -> bool:
    """Writes a file, unless it is there as it should be: readers see the old one or the new one."""
    if not always and path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".vivace-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)  # the server may be another user
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return True
