"""DEFAULT_TABLESPACE and DEFAULT_INDEX_TABLESPACE, told to the ORM."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivace.conf import Settings


def use_tablespaces(settings: Settings) -> None:
    """Where the tables and indexes go that say nothing themselves. A site without tablespaces does not load the ORM."""
    if settings.DEFAULT_TABLESPACE is None and settings.DEFAULT_INDEX_TABLESPACE is None:
        return
    from vivace.orm.registry import registry

    registry.default_tablespace = settings.DEFAULT_TABLESPACE
    registry.default_index_tablespace = settings.DEFAULT_INDEX_TABLESPACE
