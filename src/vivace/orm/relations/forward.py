"""`book.author`: the object a foreign key points to, in step with `book.author_id`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.instances import make_stub, slot_of
from vivace.orm.query.columns import Column

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.related import ForeignKey


class ForwardRelation:
    """The data descriptor of a foreign key. Reading never waits: what is not loaded is a stub that knows its key."""

    def __init__(self, field: ForeignKey[Any]) -> None:
        self.field = field
        # The attribute that holds the related object; the model has None there, so that it can always be read.
        self.slot = slot_of(field.name)

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return Column(owner, self.field.name)
        key = getattr(instance, self.field.attname)
        if key is None:
            return getattr(instance, self.slot)
        related = getattr(instance, self.slot)
        if related is not None and getattr(related, self.field.target_field.attname) == key:
            return related
        related = self._stub(instance, key)
        setattr(instance, self.slot, related)
        return related

    def _stub(self, instance: Model, key: Any) -> Model:
        # One stub for each key of a result, so that equal rows share their author, and loading it loads it for all.
        target = self.field.target_field
        origin = instance._origin
        if origin is None:
            return make_stub(self.field.related_model, target.attname, key, (None, self.field))
        stubs = origin.stubs.setdefault(self.field.name, {})
        stub = stubs.get(key)
        if stub is None:
            stub = stubs[key] = make_stub(self.field.related_model, target.attname, key, (origin, self.field))
        return stub

    def __set__(self, instance: Model, value: Model | None) -> None:
        if value is None:
            setattr(instance, self.field.attname, None)
            setattr(instance, self.slot, None)
            return
        model = self.field.related_model
        if not isinstance(value, model):
            raise TypeError(
                f"{type(instance).__name__}.{self.field.name} takes a {model.__name__}, got {value!r}. To set it by key, "
                f"use {self.field.attname}."
            )
        setattr(instance, self.field.attname, getattr(value, self.field.target_field.attname))
        setattr(instance, self.slot, value)
