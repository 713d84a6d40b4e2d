"""The other sides of foreign keys: `author.books`, `author.profile`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.orm import binding
from vivace.orm.expressions.columns import Column
from vivace.orm.fetch_modes import FETCH_PEERS
from vivace.orm.instances import ABSENT, slot_of
from vivace.orm.manager import Manager
from vivace.orm.query.queryset import QuerySet
from vivace.orm.relations.single import Single
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.fields.foreign_keys import ForeignKey
    from vivace.orm.fields.relation import Relation

M = TypeVar("M", bound="Model", covariant=True)


class ReverseOneDescriptor(Single):
    """`author.profile` of a OneToOneField: the profile, or a stub to be awaited; setting it sets the profile's key."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.slot = relation.slot

    @property
    def model(self) -> type[Model]:
        return self.relation.field.model

    @property
    def own(self) -> str:
        field: Any = self.relation.field
        attname: str = field.target_field.attname
        return attname

    @property
    def other(self) -> str:
        return self.relation.field.attname

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return Column(owner, self.relation.name)
        related = getattr(instance, self.slot)
        if related is ABSENT:
            raise self.absent(f"{type(instance).__name__} has no {self.relation.accessor}.")
        key = getattr(instance, self.own)
        if related is not None and getattr(related, self.other) == key:
            return related
        if key is None:
            raise self.absent(f"{instance!r} is not saved, so it has no {self.relation.accessor}")
        related = self.stub(instance._origin, key)
        setattr(instance, self.slot, related)
        return related

    @cached_property
    def absent(self) -> type[Exception]:
        """What reading raises where there is no object: also an AttributeError, so that `hasattr` tells."""
        bases: Any = (self.model.DoesNotExist, AttributeError)
        owner = self.relation.model
        names = {"__module__": owner.__module__, "__qualname__": f"{owner.__qualname__}.{self.relation.accessor}"}
        made: type[Exception] = type("RelatedObjectDoesNotExist", bases, names)
        return made

    def __set__(self, instance: Model, value: Model | None) -> None:
        if value is None:
            related = getattr(instance, self.slot)
            if related is not None and related is not ABSENT:
                setattr(related, self.relation.field.name, None)
            setattr(instance, self.slot, None)
            return
        setattr(value, self.relation.field.name, instance)
        setattr(instance, self.slot, value)


class RelatedManager(Manager[M]):
    """The related objects of one instance: a manager, and what adds to and takes from them.

    Awaiting it, or iterating with `async for`, means `all()`. After `prefetch_related()`, a plain `for` works too.
    """

    instance: Model
    cache_name: str

    if not TYPE_CHECKING:

        def __await__(self) -> Any:
            return self.get_queryset().__await__()

        def __aiter__(self) -> Any:
            return self.get_queryset().__aiter__()

        def __iter__(self) -> Any:
            return iter(self.get_queryset())

        def __len__(self) -> int:
            return len(self.get_queryset())

        def __bool__(self) -> bool:
            return True

        def __getitem__(self, key: Any) -> Any:
            return self.get_queryset()[key]

    def _cached(self) -> QuerySet[Any] | None:
        prefetched = self.instance._prefetched
        return None if prefetched is None else prefetched.get(self.cache_name)

    def _forget(self) -> None:
        if self.instance._prefetched is not None:
            self.instance._prefetched.pop(self.cache_name, None)

    @property
    def is_loaded(self) -> bool:
        """Whether `prefetch_related()` has loaded the objects, so that `for` works."""
        return self._cached() is not None

    def _in_mode(self, queryset: Any) -> Any:
        """The queryset in the fetch mode of the instance."""
        origin = self.instance._origin
        if origin is None or origin.fetch_mode is FETCH_PEERS:
            return queryset
        return queryset.fetch_mode(origin.fetch_mode)

    def __call__(self, *, manager: str) -> Any:
        """The same related objects by another manager of their model: `author.books(manager="published")`."""
        known = self.model._meta.managers
        found: Any = known.get(manager)
        if found is None:
            nearest = did_you_mean(manager, known, listed_as="Managers")
            raise AttributeError(f'{self.model.__name__} has no manager "{manager}". {nearest}')
        kind = next(base for base in type(self).__mro__ if base.__module__.startswith(_PACKAGE))
        made = related_class(kind, found.__class__)()
        made.__dict__.update(self.__dict__)
        return made

    def _own_queryset(self) -> Any:
        """All rows of the model in the instance's database."""
        queryset = super().get_queryset()
        if queryset._database is None:
            origin = self.instance._origin
            home = None if origin is None else origin.database
            queryset = queryset.using(binding.routed(self.model, instance=self.instance) or home)
        return queryset

    def _target_database(self) -> Database:
        return binding.resolve_for(self.instance, self.model, self._using, write=True)

    async def add(self, *objects: Any, bulk: bool = True, through_defaults: dict[str, Any] | None = None) -> None:
        """Relates these objects, or objects of these keys."""
        raise NotImplementedError

    async def remove(self, *objects: Any, bulk: bool = True) -> None:
        """Ends the relation to these objects."""
        raise NotImplementedError

    async def clear(self, *, bulk: bool = True) -> None:
        """Ends the relation to all objects."""
        raise NotImplementedError

    async def set(
        self,
        objects: Iterable[Any],
        *,
        bulk: bool = True,
        clear: bool = False,
        through_defaults: dict[str, Any] | None = None,
    ) -> None:
        """Relates exactly these objects; with `clear`, by ending all relations first."""
        wanted = await listed(objects)
        self._forget()
        database = self._target_database()
        async with database.atomic():
            if clear:
                await self.clear(bulk=bulk)
                await self.add(*wanted, bulk=bulk)
                return
            present = await self.get_queryset().using(database)
            kept = {getattr(each, "pk", None) for each in wanted} - {None}
            known = {each.pk for each in present}
            await self.remove(*[each for each in present if each.pk not in kept], bulk=bulk)
            await self.add(*[each for each in wanted if getattr(each, "pk", None) not in known], bulk=bulk)

    if not TYPE_CHECKING:
        # Django's names; they call what a subclass may have overridden.

        async def aadd(self, *objects: Any, **options: Any) -> None:
            await self.add(*objects, **options)

        async def aremove(self, *objects: Any, **options: Any) -> None:
            await self.remove(*objects, **options)

        async def aclear(self, **options: Any) -> None:
            await self.clear(**options)

        async def aset(self, objects: Any, **options: Any) -> None:
            await self.set(objects, **options)

        async def acreate(self, **values: Any) -> Any:
            return await self.create(**values)

        async def aget_or_create(self, *arguments: Any, **values: Any) -> Any:
            return await self.get_or_create(*arguments, **values)

        async def aupdate_or_create(self, *arguments: Any, **values: Any) -> Any:
            return await self.update_or_create(*arguments, **values)


class ReverseManyManager(RelatedManager[M]):
    """`author.books` of a foreign key."""

    field: ForeignKey[Any]

    def get_queryset(self) -> Any:
        cached = self._cached()
        if cached is not None:
            return cached
        key = getattr(self.instance, self.field.target_field.attname)
        if key is None:
            raise ValueError(f"{self.instance!r} must be saved before its {self.cache_name} can be used")
        queryset = self._own_queryset().filter(**{self.field.attname: key})
        queryset._known = (slot_of(self.field.name), self.instance)
        return self._in_mode(queryset)

    def _owned(self, values: dict[str, Any]) -> dict[str, Any]:
        return {**values, self.field.name: self.instance}

    async def create(self, **values: Any) -> Any:
        """A new related object, saved."""
        self._forget()
        return await Manager.get_queryset(self).using(self._target_database()).create(**self._owned(values))

    async def get_or_create(self, defaults: Any = None, **lookups: Any) -> Any:
        """The related object that matches, or a new one."""
        self._forget()
        rows = Manager.get_queryset(self).using(self._target_database())
        return await rows.get_or_create(defaults, **self._owned(lookups))

    async def update_or_create(self, defaults: Any = None, create_defaults: Any = None, **lookups: Any) -> Any:
        """The related object that matches, updated, or a new one."""
        self._forget()
        rows = Manager.get_queryset(self).using(self._target_database())
        return await rows.update_or_create(defaults, create_defaults, **self._owned(lookups))

    async def add(self, *objects: Any, bulk: bool = True, through_defaults: dict[str, Any] | None = None) -> None:
        model = self.field.model
        for each in objects:
            if not isinstance(each, model):
                raise TypeError(f"'{model.__name__}' instance expected, got {each!r}")
        self._forget()
        database = self._target_database()
        if bulk:
            self._check_databases(objects, database)
            await self._rows_of(objects, database).update(**{self.field.name: self.instance})
        async with nullcontext() if bulk else database.atomic():
            for each in objects:
                setattr(each, self.field.name, self.instance)
                if not bulk:
                    await each.save(using=database)

    def _check_databases(self, objects: Iterable[Any], database: Database) -> None:
        for each in objects:
            if each._origin is None or each._origin.database not in (None, database):
                raise ValueError(
                    f"{each!r} instance isn't saved in the database of {self.instance!r}. Use bulk=False or save the "
                    "object there first."
                )

    def _rows_of(self, objects: Iterable[Any], database: Database) -> QuerySet[Any]:
        rows: QuerySet[Any] = QuerySet(self.field.model).using(database)
        return rows.filter(pk__in=[each.pk for each in objects])

    def _check_can_end(self) -> None:
        if not self.field.null:
            raise TypeError(
                f"{self.field.model.__name__}.{self.field.name} is not null, so the relation cannot be ended: delete "
                "the objects, or relate them to another one"
            )

    async def remove(self, *objects: Any, bulk: bool = True) -> None:
        self._check_can_end()
        key = getattr(self.instance, self.field.target_field.attname)
        for each in objects:
            if getattr(each, self.field.attname) != key:
                missing: Any = self.field.related_model.DoesNotExist
                raise missing(f"{each!r} is not related to {self.instance!r}.")
        self._forget()
        database = self._target_database()
        if bulk:
            await self._rows_of(objects, database).filter(**{self.field.attname: key}).update(**{self.field.name: None})
        async with nullcontext() if bulk else database.atomic():
            for each in objects:
                setattr(each, self.field.name, None)
                if not bulk:
                    await each.save(using=database, update_fields=[self.field.name])

    async def clear(self, *, bulk: bool = True) -> None:
        self._check_can_end()
        self._forget()
        database = self._target_database()
        if bulk:
            await self.get_queryset().using(database).update(**{self.field.name: None})
        else:
            await self.remove(*await self.get_queryset().using(database), bulk=False)

    async def set(
        self,
        objects: Iterable[Any],
        *,
        bulk: bool = True,
        clear: bool = False,
        through_defaults: dict[str, Any] | None = None,
    ) -> None:
        if self.field.null:
            await super().set(objects, bulk=bulk, clear=clear)
        else:
            # None of them can be taken away, only others added.
            async with self._target_database().atomic():
                await self.add(*await listed(objects), bulk=bulk)


async def listed(objects: Iterable[Any]) -> list[Any]:
    """The objects as a list; those of a queryset, which nobody need have awaited."""
    return await objects if isinstance(objects, QuerySet) else list(objects)


class ReverseManyDescriptor:
    """Gives instances their manager of the objects that point to them."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return Column(owner, self.relation.name)
        field = self.relation.field
        manager = related_class(ReverseManyManager, manager_class_of(field.model))()
        manager.model, manager.name = field.model, self.relation.accessor
        manager.instance, manager.field, manager.cache_name = instance, field, self.relation.accessor
        return manager

    def __set__(self, instance: Model, value: Any) -> None:
        raise TypeError(f"Direct assignment is prohibited: await {self.relation.accessor}.set([…]) instead")


def manager_class_of(model: type[Model]) -> Any:
    """The class of a model's default manager, whose methods related managers have too."""
    return type(model._meta.default_manager)


@lru_cache(maxsize=1024)
def related_class(kind: Any, default: Any) -> Any:
    """A related manager that also has the methods of the model's default manager."""
    return kind if default is Manager else type(kind.__name__, (kind, default), {})


_PACKAGE = __name__.rpartition(".")[0]
