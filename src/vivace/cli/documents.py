"""OpenAPI documents as commands read and write them: JSON, or YAML by the end of a file's name."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from vivace.cli.errors import CommandError
from vivace.cli.target import load_any

YAML_ENDINGS = (".yaml", ".yml")


def document_of(app: str | None, path: str | None) -> dict[str, Any]:
    """The document of the application that `--app` and `--path` name. Raises ConfigurationError without an API."""
    from vivace.project.schema import find_document

    return find_document(load_any(app), path=path)


def as_text(document: Any, form: str) -> str:
    """A document as "json" or "yaml", with a line's end. Raises CommandError without PyYAML."""
    plain = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if form == "json":
        return plain
    # Read from JSON first: no value is shared, so that none is written as an alias of another.
    text: str = _yaml().safe_dump(json.loads(plain), sort_keys=False, allow_unicode=True, width=120)
    return text


def form_of(path: Path | None, said: str | None = None) -> str:
    """The format that is said, else the one that a file's name shows, else JSON."""
    return said or ("yaml" if path is not None and path.suffix.lower() in YAML_ENDINGS else "json")


def read(path: Path) -> dict[str, Any]:
    """The document in a file. Raises CommandError when it cannot be read, or is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    try:
        document = _yaml().safe_load(text) if form_of(path) == "yaml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is no JSON: {error}") from None
    except Exception as error:
        if type(error).__module__.startswith("yaml"):
            raise CommandError(f"{path} is no YAML: {error}") from None
        raise
    if not isinstance(document, dict) or "openapi" not in document:
        raise CommandError(f"{path} is no OpenAPI document: it has no member `openapi`.")
    return document


def write(text: str, file: Path) -> None:
    """Writes a file at once or not at all. Raises CommandError."""
    beside = file.with_name(f".{file.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise CommandError(f"{file} cannot be written: {error}") from None


def _yaml() -> Any:
    try:
        return importlib.import_module("yaml")
    except ImportError:
        raise CommandError("YAML needs PyYAML, which is not installed: pip install pyyaml, or use JSON.") from None
