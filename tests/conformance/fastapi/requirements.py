"""python requirements.py FASTAPI/pyproject.toml VIVACE/pyproject.toml: what FastAPI's tests on `vivace.web` need."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# What `vivace.web` needs, of Vivace's dependencies: the ORM's SQLAlchemy is newer than the tests can use.
OURS = ("anyio", "jinja2", "msgspec", "python-multipart")


def group(groups: dict[str, list[Any]], name: str) -> Iterator[str]:
    """The requirements of a dependency group (PEP 735), and of those that it includes."""
    for item in groups[name]:
        if isinstance(item, str):
            yield item
        else:
            yield from group(groups, item["include-group"])


def main(fastapi: Path, vivace: Path) -> None:
    theirs = tomllib.loads(fastapi.read_text(encoding="utf-8"))
    ours = tomllib.loads(vivace.read_text(encoding="utf-8"))
    wanted = [
        *theirs["project"]["dependencies"],
        *theirs["project"]["optional-dependencies"]["all"],
        *group(theirs["dependency-groups"], "tests"),
        *(line for line in ours["project"]["dependencies"] if line.startswith(OURS)),
    ]
    print("\n".join(wanted))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
