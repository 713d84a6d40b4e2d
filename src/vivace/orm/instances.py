"""Where an instance came from: what makes saving only changes, deferred fields and fetching for peers possible."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import ref

from vivace.databases.frames import current_frames
from vivace.orm.exceptions import NotLoaded
from vivace.orm.fetch_modes import FETCH_PEERS, FetchMode

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

M = TypeVar("M", bound="Model")

Layout = Mapping[str, tuple[int, Callable[[Any], Any] | None]]
"""For each attribute: its place in the driver's row, and the converter from there to Python."""


class SingleRelation(Protocol):
    """An attribute that holds one related object; what a stub must know of the relation it stands in."""

    slot: str

    @property
    def model(self) -> type[Model]: ...
    @property
    def own(self) -> str: ...
    @property
    def other(self) -> str: ...
    def missing(self, origin: Origin) -> list[Model]: ...


StubOf = tuple["Origin | None", SingleRelation]
"""Whose relation a stub stands in, and which; so that loading it can load its peers' too."""


class Origin:
    """What the instances of one result share: the row's layout, the database, and weak references to one another."""

    __slots__ = ("database", "fate", "layout", "peers", "stubs")

    fetch_mode: FetchMode = FETCH_PEERS

    def __init__(self, layout: Layout, database: Database, peers: list[ref[Model]] | None = None) -> None:
        self.layout, self.database, self.peers = layout, database, peers
        self.stubs: dict[str, dict[Any, Model]] = {}
        frames = current_frames.get()
        self.fate = frames[database].fate if database in frames else None
        """That of the transaction in which the row was seen so: after a rollback it may be otherwise."""

    def anew(self, layout: Layout, database: Database) -> Origin:
        """The origin of one of the instances after it was written."""
        made = Origin(layout, database, self.peers)
        made.stubs = self.stubs
        return made

    @property
    def is_trusted(self) -> bool:
        """Whether the row may still be taken to be in the database as it was seen."""
        return self.fate is None or not self.fate.is_undone

    def living(self) -> list[Model]:
        """The peers that somebody still holds."""
        return [instance for reference in self.peers or () if (instance := reference()) is not None]


class OriginOfMode(Origin):
    """The origin of instances whose fetch mode is not the default."""

    __slots__ = ("fetch_mode",)

    def __init__(self, layout: Layout, database: Database, fetch_mode: FetchMode) -> None:
        super().__init__(layout, database)
        self.fetch_mode = fetch_mode

    def anew(self, layout: Layout, database: Database) -> Origin:
        made = OriginOfMode(layout, database, self.fetch_mode)
        made.stubs = self.stubs
        return made


class InstanceState:
    """Django's view of where an instance stands: `_state.adding`, `_state.db`."""

    __slots__ = ("_instance",)

    def __init__(self, instance: Model) -> None:
        self._instance = instance

    @property
    def adding(self) -> bool:
        """Whether the object has never been in the database."""
        return self._instance._origin is None

    @adding.setter
    def adding(self, value: bool) -> None:
        # Django's way to say that a copy is to be inserted.
        if value:
            self._instance._origin = self._instance._row = None

    @property
    def db(self) -> Database | None:
        """The database it was read from or saved to."""
        origin = self._instance._origin
        return None if origin is None else origin.database


@lru_cache(maxsize=4096)
def full_layout(model: type[Model], dialect: str) -> Layout:
    """The layout of a row of all columns in order."""
    return {
        field.attname: (index, field.row_converter(dialect)) for index, field in enumerate(model._meta.concrete_fields)
    }


def loaded_value(instance: Model, attname: str) -> Any:
    """The value that the row had when it was read or saved. Raises KeyError when it was not loaded."""
    origin = instance._origin
    if origin is None:
        raise KeyError(attname)
    index, convert = origin.layout[attname]
    value = instance._row[index]
    return value if convert is None or value is None else convert(value)


# CPython 3.11 shares the keys of at most 30 attributes among a class's instances.
_SHARED_ATTRIBUTES = 28


def share_attributes(cls: type[Model], names: Iterable[str]) -> None:
    """Makes known to CPython which attributes instances of the class will have.

    It shares their names among all instances only if it meets them on the first thirty or so. Where rows are made by
    the thousand before one is saved or read, each would get a dict of its own for `_row`: 1,000 bytes instead of 350.
    """
    known = object.__new__(cls)
    for name in list(names)[:_SHARED_ATTRIBUTES]:
        object.__setattr__(known, name, None)


def attributes_of(model: type[Model]) -> list[str]:
    """The attributes that instances of a model may have, the most common first."""
    meta = model._meta
    slots = [slot_of(field.name) for field in meta.foreign_keys]
    return [*(field.attname for field in meta.concrete_fields), "_row", "_origin", *slots, "_prefetched", "_stub_of"]


@lru_cache(maxsize=1024)
def partial_class(model: type[Model]) -> type[Model]:
    """A twin of `model` for instances of which something is not loaded.

    Only the twin has `__getattr__`: on the model itself it would make every attribute read four times slower. An
    instance changes its class to the model once it is complete; `isinstance`, `==` and pickling see no difference.
    """

    def explain(self: Model, name: str) -> Any:
        if name in self._meta.by_attname or name in self._meta.forward:
            raise NotLoaded(
                f"{model.__name__}.{name} is not loaded. Load it with `await` (`await book.author`, or `await book` "
                "for deferred fields), or in the query: select_related(), prefetch_related(), no defer() or only()."
            )
        # A descriptor that raises an AttributeError, because there is no related object, ends up here.
        absent = getattr(inspect.getattr_static(model, name, None), "absent", None)
        if absent is not None:
            raise absent(f"{model.__name__} has no {name}.")
        raise AttributeError(f"'{model.__name__}' object has no attribute '{name}'")

    namespace = {
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__getattr__": explain,
        "_is_partial": True,
    }
    made: type[Model] = type.__new__(type(model), model.__name__, (model,), namespace)
    share_attributes(made, attributes_of(model))
    return made


def is_partial(instance: Model) -> bool:
    """Whether something of the instance is not loaded."""
    return "_is_partial" in type(instance).__dict__


def from_values(cls: type[M], loaded: Mapping[str, Any]) -> M:
    """An instance that holds these attributes, complete or not."""
    is_whole = len(loaded) == len(cls._meta.concrete_fields)
    made: Any = object.__new__(cls if is_whole else partial_class(cls))
    for name, value in loaded.items():
        setattr(made, name, value)
    return made  # type: ignore[no-any-return]


class _Absent:
    """Stands where a related object would be, once it is known that there is none."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()


def slot_of(relation: str) -> str:
    """The attribute that holds the loaded object (or stub) of a foreign key."""
    return f"_rel_{relation}"


def make_stub(model: type[Model], attname: str, key: Any, stub_of: StubOf) -> Model:
    """An instance of which only the key is known; `stub_of` says whose relation it stands in."""
    stub = object.__new__(partial_class(model))
    setattr(stub, attname, key)
    stub._stub_of = stub_of
    return stub


def snapshot(instance: Model) -> dict[str, Any]:
    """What pickling and copying keep: attributes, related objects that are loaded, and what was in the row."""
    state = {key: value for key, value in instance.__dict__.items() if key not in ("_origin", "_row", "_stub_of")}
    if instance._origin is not None:
        loaded = [name for name in instance._origin.layout if name in state]
        state["_loaded"] = {name: loaded_value(instance, name) for name in loaded}
    return state


def blank(model: type[Model], partial: bool) -> Model:
    """An instance without anything, for `restore` to fill."""
    return object.__new__(partial_class(model) if partial else model)


def restore(instance: Model, state: Mapping[str, Any]) -> None:
    """Gives an instance what a `snapshot` holds."""
    state = dict(state)
    loaded: dict[str, Any] | None = state.pop("_loaded", None)
    for name, value in state.items():
        setattr(instance, name, value)
    if loaded is not None:
        instance._origin = Origin({name: (index, None) for index, name in enumerate(loaded)}, None)  # type: ignore[arg-type]
        instance._row = tuple(loaded.values())


@lru_cache(maxsize=4096)
def partial_layout(model: type[Model], names: tuple[str, ...], dialect: str) -> Layout:
    """The layout of a row of these columns."""
    by_attname = model._meta.by_attname
    return {name: (index, by_attname[name].row_converter(dialect)) for index, name in enumerate(names)}
