"""Makes files from the templates in `templates/`: `startproject` and `startapp`.

A template is an ordinary file named `….tmpl`, in which `__name__`-like placeholders are replaced, in its path too;
`dot-` at the start of a name stands for a dot.
"""

from __future__ import annotations

import importlib.util
import keyword
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from vivace.cli.errors import CommandError

TEMPLATES = Path(__file__).parent / "templates"
SUFFIX = ".tmpl"


def render(template: str, into: Path, values: Mapping[str, str]) -> list[Path]:
    """Writes the files of one template folder and returns their paths. Raises CommandError rather than overwrite."""
    files = dict(_files(TEMPLATES / template, into, values))
    existing = [path for path in files if path.exists()]
    if existing:
        listed = ", ".join(str(path.relative_to(into)) for path in existing)
        raise CommandError(f"{into} already has {listed}; nothing was changed.")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(files)


def check_name(name: str, what: str) -> None:
    """Refuses a name that could not be imported, or would hide another package."""
    if not name.isidentifier() or keyword.iskeyword(name):
        suggestion = "".join(character if character.isalnum() else "_" for character in name).strip("_").lower()
        hint = f' "{suggestion}" would do.' if suggestion.isidentifier() and not keyword.iskeyword(suggestion) else ""
        raise CommandError(f'"{name}" is no name for {what}: it is imported, so it must be a Python identifier.{hint}')
    if Path(f"{name}.py").exists():
        raise CommandError(f"there is a {name}.py here, which {what} of that name would hide.")
    if name in sys.stdlib_module_names or _importable(name):
        raise CommandError(
            f'"{name}" is already the name of an importable Python module; {what} of that name would hide it.'
        )


def _importable(name: str) -> bool:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return True
    # A folder without `__init__.py` has no origin: it may be the empty one that the project goes into. What is in this
    # folder is not hidden but refused later, file by file.
    return spec is not None and spec.origin is not None and not Path(spec.origin).is_relative_to(Path.cwd())


def _files(folder: Path, into: Path, values: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for source in sorted(folder.rglob(f"*{SUFFIX}")):
        relative = _fill(source.relative_to(folder).as_posix().removesuffix(SUFFIX), values)
        parts = ["." + part.removeprefix("dot-") if part.startswith("dot-") else part for part in relative.split("/")]
        yield into.joinpath(*parts), _fill(source.read_text(encoding="utf-8"), values)


def _fill(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"__{name}__", value)
    return text
