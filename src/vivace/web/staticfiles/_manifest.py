"""The manifest: which name, with a hash of its content, each static file is published under."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vivace.utils.suggest import did_you_mean

# The name and the format of Django's ManifestStaticFilesStorage.
MANIFEST_NAME = "staticfiles.json"
VERSION = "1.1"


class UnknownStaticFileError(LookupError):
    """A file that the manifest does not have."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`paths` leads from the name of each file to its published one: "css/app.css" to "css/app.3f2a1b09c8d7.css"."""

    paths: Mapping[str, str]

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Manifest:
        """The manifest in a file, ours or Django's. Raises FileNotFoundError, and ValueError for what is none."""
        try:
            document = json.loads(Path(file).read_bytes())
            paths, version = document["paths"], document["version"]
            wrong = not isinstance(paths, dict) or not all(isinstance(value, str) for value in paths.values())
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file} is no manifest of static files: {type(error).__name__}: {error}") from None
        if wrong or version not in ("1.0", VERSION):
            raise ValueError(f"{file} is no manifest of static files of version {VERSION}, but of {version!r}.")
        return cls(paths)

    def dump(self) -> bytes:
        """The manifest as it stands in its file."""
        document = {"paths": dict(sorted(self.paths.items())), "version": VERSION, "hash": ""}
        return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"

    def published(self, path: str) -> str:
        """The published name; with what follows a `?` or `#` left as it is. Raises UnknownStaticFileError."""
        end = min((path.find(mark) % (len(path) + 1) for mark in "?#"), default=len(path))
        name, rest = path[:end], path[end:]
        if not name or name.endswith("/"):  # a folder: scripts put their own names behind it
            return path
        found = self.paths.get(name)
        if found is None:
            known = did_you_mean(name, self.paths, listed_as="Files")
            raise UnknownStaticFileError(
                f'There is no static file "{name}" in the manifest. {known} `vivace collectstatic` makes the manifest.'
            )
        return found + rest
