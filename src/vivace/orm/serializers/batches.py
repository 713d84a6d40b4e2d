"""Rows of a fixture in few statements, where nothing has to be done for each."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vivace.orm.query.queryset import QuerySet
from vivace.orm.serializers.building import DeserializedObject
from vivace.orm.signals import post_save, pre_save

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

ROWS = 500


class Batch:
    """Objects of one model that wait to be written together."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._model: type[Model] | None = None
        self._waiting: dict[Any, DeserializedObject] = {}

    async def add(self, found: DeserializedObject) -> None:
        """Write the object, now or at the next `flush()` with others of its model."""
        model, key = found.object._meta.concrete_model, found.object.pk
        if model is not self._model or key in self._waiting or len(self._waiting) >= ROWS:
            await self.flush()
        if key is None or found.m2m_data or not _is_plain(model) or _is_listened_to():
            await self.flush()
            await found.save(using=self.database)
            return
        self._model = model
        self._waiting[key] = found

    async def flush(self) -> None:
        """Write all that waits: new rows together, those that take the place of others one by one."""
        waiting, self._waiting = self._waiting, {}
        if not waiting or self._model is None:
            return
        rows: QuerySet[Any] = QuerySet(self._model).using(self.database)
        there = {row async for row in rows.filter(pk__in=list(waiting)).values_list("pk", flat=True)}
        new = [found.object for key, found in waiting.items() if key not in there]
        if new:
            await rows.bulk_create(new)
        for key, found in waiting.items():
            if key in there:
                await found.save(using=self.database)


@lru_cache(maxsize=1024)
def _is_plain(model: type[Model]) -> bool:
    """Whether `bulk_create` writes the values just as they are."""
    meta = model._meta
    return not (
        meta.links
        or meta.private_fields
        or meta.order_with_respect_to
        or meta.version_field
        or not meta.pk.concrete
        or any(field.fills_itself for field in meta.concrete_fields)
    )


def _is_listened_to() -> bool:
    return bool(pre_save.receivers or post_save.receivers)
