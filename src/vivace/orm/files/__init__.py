"""Files that rows point to: `content` (what is stored), `storage` (where), `filesystem` and `memory` (two places).

`models.FileField` keeps the name of a file in a column; the storage keeps the file.
"""

from __future__ import annotations

from vivace.orm.files.content import ContentFile, File
from vivace.orm.files.filesystem import FileSystemStorage
from vivace.orm.files.memory import InMemoryStorage
from vivace.orm.files.storage import Storage, get_default_storage, set_default_storage

__all__ = [
    "ContentFile",
    "File",
    "FileSystemStorage",
    "InMemoryStorage",
    "Storage",
    "get_default_storage",
    "set_default_storage",
]
