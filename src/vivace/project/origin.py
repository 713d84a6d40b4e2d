"""Where an application was made: the module that called `Vivace(...)`, its file, and what follows from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


@dataclass(frozen=True, slots=True)
class Origin:
    """The module of the application; `file` is None where there is none (a prompt, `python -c`)."""

    module: str
    file: Path | None

    @classmethod
    def of(cls, frame: FrameType) -> Origin:
        """The origin of what runs in `frame`."""
        names = frame.f_globals
        file = names.get("__file__")
        return cls(names.get("__name__", "__main__"), Path(file).absolute() if file else None)

    @property
    def is_single_file(self) -> bool:
        """Whether the module belongs to no package: then it is the whole site."""
        return "." not in self.module and (self.file is None or self.file.name != "__init__.py")

    @property
    def name(self) -> str:
        """The site's name when none is given: the file's stem as an identifier, or the top-level package."""
        if not self.is_single_file:
            return self.module.partition(".")[0]
        if self.file is None:
            return "app"
        name = re.sub(r"\W", "_", self.file.stem)
        return f"_{name}" if name[0].isdigit() else name

    @property
    def folder(self) -> Path:
        """Where the site's relative paths start: the file's folder, or the one that holds the top-level package."""
        if self.file is None:
            return Path.cwd()
        file = self.file.parent if self.file.name == "__init__.py" else self.file
        return file.parents[self.module.count(".")]
