"""Reads the Python distributions on this machine; knows nothing of databases."""

from __future__ import annotations

import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import getaddresses
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class InstalledRequirement:
    """One Requires-Dist line, taken apart (PEP 508)."""

    text: str
    name: str
    specifier: str = ""
    marker: str = ""
    extra: str = ""


@dataclass(frozen=True)
class InstalledFile:
    """One line of RECORD: the path below the install folder, bytes and hash where RECORD tells."""

    path: str
    suffix: str
    size: int | None
    hash: str


@dataclass(frozen=True)
class InstalledPackage:
    """A distribution's metadata as plain values; `files` is read when asked for, as it may be thousands of lines."""

    distribution: Distribution
    slug: str
    name: str
    version: str
    summary: str
    keywords: str
    license: str
    homepage: str
    requires_python: str
    location: str
    fingerprint: str
    authors: tuple[tuple[str, str], ...]
    classifiers: tuple[str, ...]
    requirements: tuple[InstalledRequirement, ...]

    def files(self) -> list[InstalledFile]:
        """Every file of RECORD, each path once."""
        found = {}
        for file in self.distribution.files or ():
            path = PurePosixPath(file).as_posix()
            digest = f"{file.hash.mode}={file.hash.value}" if file.hash else ""
            found[path] = InstalledFile(path, PurePosixPath(path).suffix[:100], file.size, digest)
        return list(found.values())


def installed(folders: list[str] | None = None) -> Iterator[InstalledPackage]:
    """Every distribution in `folders` (default: all of this machine's); the first of a name wins, as in an import."""
    seen = set()
    for distribution in distributions(path=folders if folders is not None else search_path()):
        name = distribution.metadata["Name"]
        if name and canonicalize_name(name) not in seen:
            seen.add(canonicalize_name(name))
            yield read(distribution)


def search_path() -> list[str]:
    """This environment's folders, then those of the interpreter it was made from, then Debian's."""
    base = sysconfig.get_path("purelib", vars={"base": sys.base_prefix})
    debian = sorted(Path("/usr/lib").glob("python3*/dist-packages"))
    candidates = [*sys.path[1:], base, *map(str, debian)]
    return [folder for folder in dict.fromkeys(candidates) if Path(folder).is_dir()]


def read(distribution: Distribution) -> InstalledPackage:
    """The metadata of `distribution` (core metadata specification)."""
    metadata = distribution.metadata
    name = metadata["Name"]

    def first(*keys: str) -> str:
        values = (metadata[key] for key in keys if key in metadata)
        return next((value for value in values if value and value != "UNKNOWN"), "")

    return InstalledPackage(
        distribution=distribution,
        slug=canonicalize_name(name),
        name=name,
        version=first("Version"),
        summary=first("Summary"),
        keywords=first("Keywords"),
        license=licence(distribution),
        homepage=homepage(distribution),
        requires_python=first("Requires-Python"),
        location=str(distribution.locate_file("")),
        fingerprint=fingerprint(distribution),
        authors=tuple(dict.fromkeys(people(distribution))),
        classifiers=tuple(dict.fromkeys(metadata.get_all("Classifier") or ())),
        requirements=tuple(requirement(text) for text in distribution.requires or ()),
    )


def licence(distribution: Distribution) -> str:
    """The SPDX expression, or the licence's name; some packages put the whole text there: then its first line."""
    metadata = distribution.metadata
    for key in ("License-Expression", "License"):
        lines = (metadata[key] or "").strip().splitlines() if key in metadata else []
        if lines and lines[0] != "UNKNOWN":
            return str(lines[0])[:300]
    prefix = "License :: "
    names = [name for name in metadata.get_all("Classifier") or () if name.startswith(prefix)]
    return names[0].removeprefix(prefix).removeprefix("OSI Approved :: ") if names else ""


def homepage(distribution: Distribution) -> str:
    """The web address that the metadata names: the homepage, else the source, else the first of them."""
    metadata = distribution.metadata
    addresses = {"homepage": metadata["Home-page"]} if "Home-page" in metadata else {}
    for line in metadata.get_all("Project-URL") or ():
        label, _, address = line.partition(",")
        addresses.setdefault(label.strip().casefold(), address.strip())
    preferred = ("homepage", "home", "source", "source code", "repository", "github", "code")
    ordered = [*(addresses.get(label, "") for label in preferred), *addresses.values()]
    return next((address for address in ordered if address.startswith(("https://", "http://"))), "")


def people(distribution: Distribution) -> Iterator[tuple[str, str]]:
    """(name, email address) of the authors, or of the maintainers where no author is named."""
    metadata = distribution.metadata
    for role in ("Author", "Maintainer"):
        names = [part.strip() for part in (metadata[role] or "").split(",")] if role in metadata else []
        pairs = getaddresses(metadata.get_all(f"{role}-email") or ())
        pairs = [(name, address) for name, address in pairs if is_address(address)]
        if len(names) == len(pairs):
            pairs = [(named or name, address) for name, (named, address) in zip(names, pairs, strict=True)]
        elif names:
            pairs = [(name, "") for name in names]
        found = [(name or address, address) for name, address in pairs if name or address]
        if found:
            yield from ((name[:300], address[:300]) for name, address in found if name != "UNKNOWN")
            return


def is_address(text: str) -> bool:
    """Whether `text` looks like one email address."""
    try:
        return bool(Address(addr_spec=text).domain)
    except (ValueError, IndexError):
        return False


def requirement(text: str) -> InstalledRequirement:
    """`text` taken apart; a line that PEP 508 does not allow is kept whole."""
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        return InstalledRequirement(text=text, name=text.split()[0][:200])
    marker = str(parsed.marker) if parsed.marker else ""
    extra = marker.rpartition("extra == ")[2].split()[0].strip("\"')") if "extra == " in marker else ""
    return InstalledRequirement(text, parsed.name, str(parsed.specifier), marker, extra)


def author_slug(name: str, email: str) -> str:
    """What the page of an author is called: the name, and what tells those of one name apart."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]
    digest = hashlib.sha256(f"{name}\0{email}".encode()).hexdigest()[:8]
    return f"{words}-{digest}".strip("-")


def fingerprint(distribution: Distribution) -> str:
    """A digest that changes when the metadata, the files or the place of the distribution change."""
    digest = hashlib.blake2b(str(distribution.locate_file("")).encode(), digest_size=32)
    for name in ("METADATA", "PKG-INFO", "RECORD", "installed-files.txt"):
        digest.update((distribution.read_text(name) or "").encode())
    return digest.hexdigest()
