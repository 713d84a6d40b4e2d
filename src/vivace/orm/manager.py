"""`Manager`: a model's door to its querysets, `Book.objects`."""

from __future__ import annotations

import copy
from inspect import isfunction
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self, TypeVar, cast

from vivace.orm.query.queryset import QuerySet

if TYPE_CHECKING:
    from vivace.orm.base import Model

M = TypeVar("M", covariant=True)

if TYPE_CHECKING:
    _Base = QuerySet
else:

    class _Base(Generic[M]):
        """At run time a manager has a queryset's methods by asking `get_queryset()` for one."""


def _queryset_only(name: str) -> Any:
    """In place of a method that a queryset has and a manager has not: nobody deletes every row by one word too few."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} has no {name}(): say which rows, as in all().{name}()")

    refuse.__name__ = name
    return refuse


class Manager(_Base[M]):
    """Makes querysets. Subclass it to add methods, or override `get_queryset` to change what `all()` means."""

    model: type[Model]
    name: str
    queryset_class: type[QuerySet[Any]] = QuerySet
    _using: Any = None

    if not TYPE_CHECKING:

        def __init__(self) -> None:
            pass

        def __getattr__(self, name: str) -> Any:
            # What a queryset class adds to QuerySet's own methods, which `_forward_methods` has put here; nothing that
            # is private or changes many rows by mistake.
            if name.startswith("_") or "model" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
            return getattr(self.get_queryset(), name)

    else:

        def __init__(self) -> None: ...

    def bound(self, model: type[Model], name: str) -> Self:
        """This manager for `model`; a copy, so that models never share one."""
        made = copy.copy(self)
        made.model, made.name = model, name
        return made

    def get_queryset(self) -> QuerySet[M]:
        """The queryset that every call starts from."""
        queryset = self.queryset_class(self.model)
        return queryset.using(self._using) if self._using is not None else queryset

    if not TYPE_CHECKING:
        delete, adelete, as_manager = map(_queryset_only, ("delete", "adelete", "as_manager"))

        def all(self) -> Any:
            """Every row."""
            return self.get_queryset()

        def using(self, alias: Any) -> Any:
            """A queryset on another database."""
            return self.get_queryset().using(alias)

    def db_manager(self, using: Any) -> Self:
        """This manager for another database."""
        made = copy.copy(self)
        made._using = using
        return made

    @classmethod
    def from_queryset(cls, queryset_class: type[QuerySet[Any]], class_name: str | None = None) -> type[Manager[Any]]:
        """A manager class with the methods of a queryset class: `objects = Manager.from_queryset(BookQuerySet)()`.

        As in Django, a method with `queryset_only = True` is left out, and a private one is taken with `False`.
        """
        namespace: dict[str, Any] = {"queryset_class": queryset_class}
        for owner in queryset_class.__mro__:
            for name, method in vars(owner).items():
                queryset_only = getattr(method, "queryset_only", None)
                if name not in namespace and queryset_only is True:
                    namespace[name] = _queryset_only(name)
                elif name not in namespace and name.startswith("_") and queryset_only is False:
                    namespace[name] = _forwarding(name)
        name = class_name or f"{cls.__name__}From{queryset_class.__name__}"
        return cast("type[Manager[Any]]", type(name, (cls,), namespace))


def _forwarding(name: str) -> Any:
    of_queryset = attrgetter(name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return of_queryset(self.get_queryset())(*args, **kwargs)

    method.__name__ = name
    return method


def _forward_methods() -> None:
    """The public methods of every queryset as methods of a manager: found at once, and seen by `dir()`."""
    for name in dir(QuerySet):
        method = getattr(QuerySet, name)
        if not name.startswith("_") and isfunction(method) and not hasattr(Manager, name):
            forwarding = _forwarding(name)
            forwarding.__doc__, forwarding.__qualname__ = method.__doc__, f"Manager.{name}"
            setattr(Manager, name, forwarding)


_forward_methods()

QuerySet.manager_class = Manager
