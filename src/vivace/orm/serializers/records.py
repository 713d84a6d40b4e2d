"""An instance as a record: `{"model": "blog.book", "pk": 1, "fields": {…}}`, of plain values."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Sequence
from decimal import Decimal
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from vivace.orm.fields.composite import CompositePrimaryKey
from vivace.orm.fields.other import JSONField
from vivace.orm.query.prefetch import Prefetch

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field
    from vivace.orm.fields.many_to_many import ManyToManyField

Record = dict[str, Any]
# What every format takes as it is, and writes in its own way; everything else is text.
_PROTECTED = (type(None), int, float, Decimal, dt.datetime, dt.date, dt.time)


class Recorder:
    """Makes records of instances. Natural keys are used where they are asked for and a model has `natural_key()`."""

    def __init__(
        self,
        *,
        fields: Collection[str] | None = None,
        use_natural_foreign_keys: bool = False,
        use_natural_primary_keys: bool = False,
    ) -> None:
        self.chosen = None if fields is None else frozenset(fields)
        self.natural_foreign, self.natural_primary = use_natural_foreign_keys, use_natural_primary_keys

    def relations_of(self, model: type[Model]) -> list[Prefetch]:
        """What to prefetch, so that a record asks the database for nothing: related objects, or their keys only."""
        found = []
        for many in self._many_to_many(model):
            rows = many.related_model._meta.default_manager.get_queryset()
            # In the model's order, as Django; ties by their keys, so that equal rows make equal fixtures.
            rows = rows.order_by(*many.related_model._meta.ordering, "pk")
            is_natural = self._is_natural(many.related_model)
            found.append(Prefetch(many.name, rows if is_natural else rows.only("pk")))
        found += [Prefetch(field.name) for field in self._fields(model) if self._is_natural_key(field)]
        return found

    async def record(self, instance: Model) -> Record:
        """The record of one instance."""
        model = instance._meta.concrete_model
        made: Record = {"model": instance._meta.label_lower}
        if not (self.natural_primary and hasattr(instance, "natural_key")):
            made["pk"] = _key(instance)
        fields: Record = {}
        for field in self._fields(model):
            if self._is_natural_key(field):
                related = None if getattr(instance, field.attname) is None else await getattr(instance, field.name)
                fields[field.name] = None if related is None else await natural_key(related)
            else:
                fields[field.name] = value_of(instance, field)
        for many in self._many_to_many(model):
            related_rows: Sequence[Model] = await getattr(instance, many.name).all()
            if self._is_natural(many.related_model):
                fields[many.name] = [await natural_key(related) for related in related_rows]
            else:
                fields[many.name] = [_key(related) for related in related_rows]
        made["fields"] = fields
        return made

    def _fields(self, model: type[Model]) -> list[Any]:
        meta = model._meta
        found = []
        for field in meta.local_fields:
            is_key = field is meta.pk
            # Without its key a row of a derived model would have lost its parent.
            is_needed = is_key and self.natural_primary and field in meta.links.values()
            if (not is_key or is_needed) and self._is_chosen(field.name):
                found.append(field)
        return found

    def _many_to_many(self, model: type[Model]) -> list[ManyToManyField[Any]]:
        """The relations whose table of pairs is no model of its own, which would have records of its own."""
        return [
            many
            for many in model._meta.local_many_to_many
            if many.through._meta.auto_created and self._is_chosen(many.name)
        ]

    def _is_chosen(self, name: str) -> bool:
        return self.chosen is None or name in self.chosen

    def _is_natural(self, model: type[Model]) -> bool:
        return self.natural_foreign and hasattr(model, "natural_key")

    def _is_natural_key(self, field: Any) -> bool:
        return field.is_relation and self._is_natural(field.related_model)


def value_of(instance: Model, field: Field[Any]) -> Any:
    """A column's value: as it is where every format can say it, otherwise as text."""
    value = getattr(instance, field.attname)
    if isinstance(field, JSONField):
        # Plain JSON values are plain already; an encoder of the field's own may have more.
        return value if field.encoder is None or value is None else json.loads(field.dumps(value))
    if isinstance(value, _PROTECTED):
        return value
    target: Any = getattr(field, "target_field", None) if field.is_relation else None
    return str(value) if target is not None else field.value_to_string(instance)


def _key(instance: Model) -> Any:
    pk = instance._meta.pk
    if isinstance(pk, CompositePrimaryKey):
        return [value_of(instance, field) for field in pk.fields]
    return value_of(instance, pk)


async def natural_key(instance: Any) -> list[Any]:
    """What `natural_key()` says, which may be a coroutine function."""
    key = instance.natural_key()
    return list(await key if isawaitable(key) else key)
