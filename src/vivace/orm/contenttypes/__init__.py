"""Relations to rows of any model: Django's `contenttypes`, awaited.

`models` has `ContentType`, a row for each model; `forward` has `GenericForeignKey` (`tag.content_object`), `reverse`
has `GenericRelation` (`bookmark.tags`). The table is Django's.
"""

from __future__ import annotations

from vivace.orm.contenttypes.forward import GenericForeignKey, GenericPrefetch
from vivace.orm.contenttypes.models import ContentType, ContentTypeManager
from vivace.orm.contenttypes.reverse import GenericRelation

__all__ = ["ContentType", "ContentTypeManager", "GenericForeignKey", "GenericPrefetch", "GenericRelation"]
