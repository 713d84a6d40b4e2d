"""`register_lookup`: which lookups and transforms a kind of field, a single field or a transform has.

What they are is `vivace.orm.expressions.lookups`' matter; here they are only kept by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any, ClassVar, TypeVar

R = TypeVar("R", bound=type[Any])

on_change: list[Callable[[], object]] = []
"""Called when something is registered or taken back, so that nobody goes on using what was compiled before."""


class _ClassOrInstanceMethod:
    """A method that is given the class or, called on an instance, the instance."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance: Any, owner: type[Any]) -> Callable[..., Any]:
        return MethodType(self.function, owner if instance is None else instance)


class RegisterLookupMixin:
    """What has lookups and transforms of its own, beside those of its base classes."""

    class_lookups: ClassVar[dict[str, Any]]
    """Registered on this very class; `get_class_lookups` has the inherited ones too."""

    transform_of_any_name: ClassVar[Callable[[str], Any] | None] = None
    """Makes a transform of a name that is not registered, such as the key of a JSON document."""

    @classmethod
    def class_lookup(cls, name: str) -> Any:
        """The lookup or transform registered under a name on this class or a base of it, or None."""
        for each in cls.__mro__:
            found = each.__dict__.get("class_lookups")
            if found is not None and name in found:
                return found[name]
        return None

    @classmethod
    def get_class_lookups(cls) -> dict[str, Any]:
        """All lookups and transforms of the class, by name."""
        merged: dict[str, Any] = {}
        for each in reversed(cls.__mro__):
            merged |= each.__dict__.get("class_lookups", {})
        return merged

    def get_lookups(self) -> dict[str, Any]:
        """All lookups and transforms, by name: those of the class and those registered on this object."""
        own: dict[str, Any] = self.__dict__.get("instance_lookups", {})
        return type(self).get_class_lookups() | own

    def _registered(self, name: str) -> Any:
        own = self.__dict__.get("instance_lookups")
        return own[name] if own is not None and name in own else type(self).class_lookup(name)

    def get_lookup(self, lookup_name: str) -> Any:
        """The `Lookup` class of a name, or None."""
        found = self._registered(lookup_name)
        return found if found is not None and found.is_lookup else None

    def get_transform(self, lookup_name: str) -> Any:
        """The `Transform` class of a name, or what makes a transform when it is called with an expression; or None."""
        found = self._registered(lookup_name)
        if found is not None and not found.is_lookup:
            return found
        make = type(self).transform_of_any_name
        return None if make is None else make(lookup_name)

    def _register_lookup(self_or_cls, lookup: R, lookup_name: str | None = None) -> R:  # noqa: N805 - it is either
        """Makes a `Lookup` or `Transform` class known, under `lookup_name` or its own name; also a decorator.

        Called on a class, it serves all fields of that class; on a field, that field alone.
        Django: https://docs.djangoproject.com/en/5.2/ref/models/lookups/#django.db.models.lookups.RegisterLookupMixin
        """
        name = lookup_name or getattr(lookup, "lookup_name", None)
        if not isinstance(name, str) or not name or "__" in name:
            raise ValueError(f"{lookup.__name__} needs a lookup_name, without two underscores in a row; got {name!r}")
        _own_registry(self_or_cls)[name] = lookup
        _changed()
        return lookup

    def _unregister(self_or_cls, lookup: type[Any], lookup_name: str | None = None) -> None:  # noqa: N805 - it is either
        """Takes `register_lookup` back. Raises KeyError for what was not registered here."""
        del _own_registry(self_or_cls)[lookup_name or lookup.lookup_name]
        _changed()

    register_lookup = _ClassOrInstanceMethod(_register_lookup)
    unregister_lookup = _ClassOrInstanceMethod(_unregister)


def _own_registry(holder: Any) -> dict[str, Any]:
    name = "class_lookups" if isinstance(holder, type) else "instance_lookups"
    if name not in holder.__dict__:
        setattr(holder, name, {})
    registry: dict[str, Any] = holder.__dict__[name]
    return registry


def _changed() -> None:
    for forget in on_change:
        forget()


@contextmanager
def registered_lookup(holder: Any, *lookups: type[Any], lookup_name: str | None = None) -> Iterator[None]:
    """Registers lookups on a class or field inside the block only; for tests."""
    for lookup in lookups:
        holder.register_lookup(lookup, lookup_name)
    try:
        yield
    finally:
        for lookup in lookups:
            holder.unregister_lookup(lookup, lookup_name)
