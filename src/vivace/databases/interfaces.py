"""The name that programs import from encode/databases' `databases.interfaces`.

Backends of one's own are made by the interface in `vivace.databases.backends.base`.
"""

from __future__ import annotations

from vivace.databases.records import Record

__all__ = ["Record"]
