"""`book.author`: the object a foreign key points to, in step with `book.author_id`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm import binding
from vivace.orm._attributes_cy import SingleAttribute
from vivace.orm.expressions.columns import Column
from vivace.orm.instances import Origin, slot_of
from vivace.orm.relations.single import Single

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.fields.foreign_keys import ForeignKey


class ForwardRelation(SingleAttribute, Single):
    """The data descriptor of a foreign key. Reading never waits: what is not loaded is a stub that knows its key."""

    def __init__(self, field: ForeignKey[Any]) -> None:
        super().__init__(slot_of(field.name))
        self.field = field

    @property
    def model(self) -> type[Model]:
        return self.field.related_model

    @property
    def own(self) -> str:
        return self.field.attname

    @property
    def other(self) -> str:
        return self.field.target_field.attname

    def found(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return Column(owner, self.field.name)
        key = getattr(instance, self.own)
        related = getattr(instance, self.slot)
        if key is None:
            # An object assigned before it was saved has no key yet; any other no longer belongs here.
            return related if related is not None and getattr(related, self.other) is None else None
        self.key_here, self.key_there = self.own, self.other
        if related is not None and getattr(related, self.other) == key:
            return related
        related = self.stub(instance._origin, key)
        setattr(instance, self.slot, related)
        return related

    def __set__(self, instance: Model, value: Model | None) -> None:
        if value is None:
            setattr(instance, self.field.attname, None)
            setattr(instance, self.slot, None)
            return
        model = self.model
        if not isinstance(value, model) and not isinstance(value, model._meta.concrete_model):
            raise TypeError(
                f"{type(instance).__name__}.{self.field.name} takes a {model.__name__}, got {value!r}. "
                f"To set it by key, use {self.field.attname}."
            )
        if not binding.allows_relation(value, instance):
            raise ValueError(f"Cannot assign {value!r}: the current database router prevents this relation.")
        setattr(instance, self.field.attname, getattr(value, self.other))
        setattr(instance, self.slot, value)


class ParentLink(ForwardRelation):
    """`restaurant.place_ptr`: the parent's part of the row as an instance of the parent, made from what is loaded."""

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is not None and instance._origin is not None and getattr(instance, self.slot) is None:
            self._make(instance)
        return super().__get__(instance, owner)

    def _make(self, instance: Model) -> None:
        loaded, names = instance.__dict__, self.model._meta.by_attname
        if not all(name in loaded for name in names):
            return
        parent = object.__new__(self.model)
        for name in names:
            setattr(parent, name, loaded[name])
        assert instance._origin is not None
        parent._origin, parent._row = Origin(instance._origin.layout, instance._origin.database), instance._row
        setattr(instance, self.slot, parent)
