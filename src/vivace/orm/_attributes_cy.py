# cython: annotation_typing=False, auto_pickle=False
"""What is done with models all the time, `Book.objects`, `book.author`, `Book(title=…)`: compiled."""

from __future__ import annotations

from typing import Any


def set_fields(instance: Any, fields: Any, key: str, given: dict[str, Any]) -> None:
    """Sets each field of a new object: to what is given for it, which is taken out of `given`, or to its default.

    `key`: the attribute that "pk" stands for.
    """
    for field in fields:
        attname = field.attname
        if attname in given:
            setattr(instance, attname, given.pop(attname))
        elif field.name in given:
            setattr(instance, field.name, given.pop(field.name))
        elif attname == key and "pk" in given:
            setattr(instance, attname, given.pop("pk"))
        else:
            setattr(instance, attname, field.get_default())


class ManagerAttribute:
    """`Book.objects`: the manager of the model that was asked; a model below has its own."""

    __slots__ = ("manager", "model", "name")

    def __init__(self, model: Any, name: str, manager: Any) -> None:
        self.model, self.name, self.manager = model, name, manager

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is not None:
            raise AttributeError(f"Manager isn't accessible via {owner.__name__} instances")
        if owner is self.model:
            return self.manager
        return owner._served(self.name)


class SingleAttribute:
    """`book.author`, while the object that is held is the one that the key means."""

    __slots__ = ("key_here", "key_there", "slot")

    def __init__(self, slot: str) -> None:
        # The attribute that holds the related object; the model has None there, so that it can always be read.
        self.slot = slot
        # The attributes that must be equal; None as long as the related model is not known.
        self.key_here: Any = None
        self.key_there: Any = None

    def __get__(self, instance: Any, owner: Any) -> Any:
        if instance is not None and self.key_there is not None:
            related = getattr(instance, self.slot)
            if related is not None:
                key = getattr(instance, self.key_here)
                if key is not None and getattr(related, self.key_there) == key:
                    return related
        return self.found(instance, owner)

    def found(self, instance: Any, owner: Any) -> Any:
        """What it is in all other cases."""
        raise NotImplementedError
