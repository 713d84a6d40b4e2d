"""Loading what is missing: for all peers of a result at once, and for all that await in one turn of the loop.

`await book.author` in a loop over books costs one query: the first await loads the authors of every book that came in
the same result. `gather` over several results costs one query too: awaits of one turn are merged, as long as they mean
the same model in the same database and transaction.
"""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any
from weakref import ref

from vivace.databases.frames import current_frames
from vivace.orm import binding
from vivace.orm.exceptions import FieldFetchBlocked
from vivace.orm.fetch_modes import FETCH_PEERS, FETCH_RAISE, FetchMode
from vivace.orm.instances import Origin, is_partial, partial_layout
from vivace.orm.query.queryset import QuerySet

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model

Key = tuple[Any, ...]


async def load(instance: Model) -> None:
    """Loads a stub, or the deferred fields of an instance. Raises DoesNotExist when there is no such row."""
    model = instance._meta.model
    origin: Origin | None = instance._origin
    if instance._stub_of is not None and origin is None:
        origin, relation = instance._stub_of
        attname, fields = relation.other, None
        together = relation.missing(origin) if origin is not None else []
    else:
        attname, fields = model._meta.pk.attname, tuple(sorted(instance.get_deferred_fields()))
        together = [peer for peer in (origin.living() if origin is not None else []) if is_partial(peer)]
        together = [peer for peer in together if tuple(sorted(peer.get_deferred_fields())) == fields]
    mode = FETCH_PEERS if origin is None else origin.fetch_mode
    if mode is FETCH_RAISE:
        raise FieldFetchBlocked(_blocked(instance, fields))
    if not any(each is instance for each in together):
        together.append(instance)
    database = binding.resolve_for(instance, model, home=None if origin is None else origin.database)
    await _Batch.of(database, model, attname, fields, mode).load(together)
    if is_partial(instance):
        key = getattr(instance, attname)
        missing: Any = model.DoesNotExist
        raise missing(f"There is no {model.__name__} with {attname}={key!r}.")


def _blocked(instance: Model, fields: Any) -> str:
    if fields is None:
        name = instance._stub_of[1].slot.removeprefix("_rel_").removeprefix("_rev_")
        what = f'the {type(instance).__name__} behind "{name}"'
    else:
        what = f"{type(instance).__name__}'s deferred {', '.join(fields)}"
    return f"Fetching {what} is blocked by FETCH_RAISE: say in the query what it shall load (select_related, only …)"


class _Batch:
    """What is to be loaded of one model, until the loop's next turn."""

    pending: dict[Key, _Batch] = {}

    def __init__(
        self, key: Key, database: Database, model: type[Model], attname: str, fields: Any, mode: FetchMode
    ) -> None:
        self.key, self.database, self.model, self.attname, self.fields = key, database, model, attname, fields
        self.mode = mode
        self.instances: dict[int, Model] = {}
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = loop.create_future()
        # In the first waiter's context: its transaction is part of the key, so it is every waiter's.
        context = contextvars.copy_context()
        loop.call_soon(self._start, loop, context)

    @classmethod
    def of(cls, database: Database, model: type[Model], attname: str, fields: Any, mode: FetchMode) -> _Batch:
        """The batch that such instances can still join."""
        frame = current_frames.get().get(database)
        key = (id(asyncio.get_running_loop()), id(database), id(frame), model, attname, fields, mode)
        batch = cls.pending.get(key)
        if batch is None:
            batch = cls.pending[key] = cls(key, database, model, attname, fields, mode)
        return batch

    async def load(self, instances: list[Model]) -> None:
        """Waits until these are loaded; a waiter that is cancelled does not take the others with it."""
        for instance in instances:
            self.instances[id(instance)] = instance
        await asyncio.shield(self.done)

    def _start(self, loop: asyncio.AbstractEventLoop, context: contextvars.Context) -> None:
        del self.pending[self.key]
        self.task = loop.create_task(self._run(), context=context)

    async def _run(self) -> None:
        try:
            await self._fetch()
        except BaseException as error:
            if not self.done.cancelled():
                self.done.set_exception(error)
                # Whoever waited may be gone; then nobody is left to hear of it.
                self.done.exception()
            if not isinstance(error, Exception):
                raise
        else:
            if not self.done.cancelled():
                self.done.set_result(None)

    async def _fetch(self) -> None:
        waiting: dict[Any, list[Model]] = {}
        for instance in self.instances.values():
            waiting.setdefault(getattr(instance, self.attname), []).append(instance)
        queryset: QuerySet[Model] = self.model._meta.base_manager.get_queryset().using(self.database).order_by()
        if self.mode is not FETCH_PEERS:
            queryset = queryset.fetch_mode(self.mode)
        if self.fields is not None:
            queryset = queryset.only(self.attname, *self.fields)
        found = await queryset.filter(**{f"{self.attname}__in": tuple(waiting)})
        loaded: list[tuple[Model, Model]] = [
            (instance, row) for row in found for instance in waiting.get(getattr(row, self.attname), ())
        ]
        if self.fields is not None:
            for instance, row in loaded:
                _complete(instance, row, self.database)
            return
        if found:
            first: Any = found[0]._origin
            origin = first.anew(first.layout, self.database)
            if self.mode is FETCH_PEERS:
                origin.peers = [ref(instance) for instance, _ in loaded]
            for instance, row in loaded:
                _fill(instance, row, origin)


def _fill(stub: Model, row: Model, origin: Origin) -> None:
    """Makes a stub what the row says it is."""
    for name in row._meta.by_attname:
        setattr(stub, name, getattr(row, name))
    stub._row, stub._origin, stub._stub_of = row._row, origin, None
    stub.__class__ = row.__class__


def _complete(instance: Model, row: Model, database: Database) -> None:
    """Adds deferred fields to an instance; what was set in the meantime stays."""
    assert row._origin is not None
    own = instance._origin
    known = {} if own is None else {name: instance._row[index] for name, (index, _) in own.layout.items()}
    for name, (index, _) in row._origin.layout.items():
        known[name] = row._row[index]
        if name not in instance.__dict__:
            setattr(instance, name, getattr(row, name))
    model = instance._meta.model
    layout = partial_layout(model, tuple(known), database.dialect.name)
    origin = Origin(layout, database) if own is None else own.anew(layout, database)
    instance._origin, instance._row = origin, tuple(known.values())
    if not instance.get_deferred_fields():
        instance.__class__ = model
