"""The other sides of relations: `author.books`, `author.profile`, `book.tags`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.orm import binding
from vivace.orm.fetch_modes import FETCH_PEERS
from vivace.orm.instances import ABSENT, slot_of
from vivace.orm.manager import Manager
from vivace.orm.query.columns import Column
from vivace.orm.query.queryset import QuerySet
from vivace.orm.relations.single import Single

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.fields.related import ForeignKey, ManyToManyField, Relation

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

    def _target_database(self) -> Database:
        origin = self.instance._origin
        return binding.resolve(self._using if self._using is not None or origin is None else origin.database)

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
        raise NotImplementedError

    if not TYPE_CHECKING:
        aadd = lambda self, *objects, **options: self.add(*objects, **options)  # noqa: E731
        aremove = lambda self, *objects, **options: self.remove(*objects, **options)  # noqa: E731
        aclear = lambda self, **options: self.clear(**options)  # noqa: E731
        aset = lambda self, objects, **options: self.set(objects, **options)  # noqa: E731


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
        queryset: Any = super().get_queryset()
        if self._using is None and self.instance._origin is not None:
            queryset = queryset.using(self.instance._origin.database)
        queryset = queryset.filter(**{self.field.attname: key})
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
            if bulk and each._origin is None:
                raise ValueError(f"{each!r} instance isn't saved. Use bulk=False or save the object first.")
        self._forget()
        if bulk:
            keys = [each.pk for each in objects]
            rows: QuerySet[Any] = QuerySet(model).using(self._target_database())
            await rows.filter(pk__in=keys).update(**{self.field.name: self.instance})
        for each in objects:
            setattr(each, self.field.name, self.instance)
            if not bulk:
                await each.save(using=self._target_database())

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
        rows: QuerySet[Any] = QuerySet(self.field.model).using(self._target_database())
        await rows.filter(pk__in=[each.pk for each in objects]).update(**{self.field.name: None})
        for each in objects:
            setattr(each, self.field.name, None)

    async def clear(self, *, bulk: bool = True) -> None:
        self._check_can_end()
        self._forget()
        await self.get_queryset().update(**{self.field.name: None})

    async def set(
        self,
        objects: Iterable[Any],
        *,
        bulk: bool = True,
        clear: bool = False,
        through_defaults: dict[str, Any] | None = None,
    ) -> None:
        wanted = list(objects)
        self._forget()
        async with self._target_database().atomic():
            if not self.field.null:
                await self.add(*wanted, bulk=bulk)
                return
            if clear:
                await self.clear()
                await self.add(*wanted, bulk=bulk)
                return
            present = await self.get_queryset()
            kept = {getattr(each, "pk", None) for each in wanted} - {None}
            known = {each.pk for each in present}
            await self.remove(*[each for each in present if each.pk not in kept])
            await self.add(*[each for each in wanted if getattr(each, "pk", None) not in known], bulk=bulk)


class ReverseManyDescriptor:
    """Gives instances their manager of the objects that point to them."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return Column(owner, self.relation.name)
        field = self.relation.field
        manager = _manager_class(ReverseManyManager, _class_of(field.model))()
        manager.model, manager.name = field.model, self.relation.accessor
        manager.instance, manager.field, manager.cache_name = instance, field, self.relation.accessor
        return manager

    def __set__(self, instance: Model, value: Any) -> None:
        raise TypeError(f"Direct assignment is prohibited: await {self.relation.accessor}.set([…]) instead")


class ManyToManyManager(RelatedManager[M]):
    """`book.tags` and `tag.book_set`."""

    field: ManyToManyField[Any]
    source: ForeignKey[Any]
    target: ForeignKey[Any]
    query_name: str

    @property
    def through(self) -> type[Model]:
        """The model of the table of pairs."""
        return self.field.through

    @property
    def _key(self) -> Any:
        key = getattr(self.instance, self.source.target_field.attname)
        if key is None:
            raise ValueError(f"{self.instance!r} must be saved before its {self.cache_name} can be used")
        return key

    def get_queryset(self) -> Any:
        cached = self._cached()
        if cached is not None:
            return cached
        queryset: Any = super().get_queryset()
        if self._using is None and self.instance._origin is not None:
            queryset = queryset.using(self.instance._origin.database)
        return self._in_mode(queryset.filter(**{self.query_name: self._key}))

    def _pairs(self) -> QuerySet[Any]:
        pairs: QuerySet[Any] = QuerySet(self.through).using(self._target_database()).order_by()
        return pairs.filter(**{self.source.attname: self._key})

    def _mirrored(self) -> QuerySet[Any]:
        pairs: QuerySet[Any] = QuerySet(self.through).using(self._target_database()).order_by()
        return pairs.filter(**{self.target.attname: self._key})

    def _keys_of(self, objects: Iterable[Any]) -> list[Any]:
        model, attname = self.target.related_model, self.target.target_field.attname
        keys: dict[Any, None] = {}
        for each in objects:
            if hasattr(each, "_meta"):
                if not isinstance(each, model):
                    raise TypeError(f"'{model.__name__}' instance expected, got {each!r}")
                key = getattr(each, attname)
                if key is None:
                    raise ValueError(f"Cannot add {each!r}: it must be saved first, so that it has a key")
                keys[key] = None
            else:
                keys[self.target.target_field.get_prep_value(each)] = None
        return list(keys)

    async def add(self, *objects: Any, bulk: bool = True, through_defaults: dict[str, Any] | None = None) -> None:
        keys = self._keys_of(objects)
        self._forget()
        if not keys:
            return
        async with self._target_database().atomic():
            await self._add(keys, through_defaults or {})

    async def _add(self, keys: list[Any], defaults: dict[str, Any]) -> None:
        database, own = self._target_database(), self._key
        present = self._pairs().filter(**{f"{self.target.attname}__in": keys})
        known = set(await present.values_list(self.target.attname, flat=True))
        new = [(own, key) for key in keys if key not in known]
        if self.field.symmetrical:
            mirrored = self._mirrored().filter(**{f"{self.source.attname}__in": keys})
            known = set(await mirrored.values_list(self.source.attname, flat=True))
            new += [(key, own) for key in keys if key not in known and key != own]
        source, target = self.source.attname, self.target.attname
        values = {name: value() if callable(value) else value for name, value in defaults.items()}
        pairs = [self.through(**{source: first, target: second}, **values) for first, second in new]
        if pairs:
            rows: QuerySet[Any] = QuerySet(self.through).using(database)
            # A pair that another task has added meanwhile is there, which is all that is wanted.
            await rows.bulk_create(pairs, ignore_conflicts=self.through._meta.auto_created is not None)

    async def remove(self, *objects: Any, bulk: bool = True) -> None:
        keys = self._keys_of(objects)
        self._forget()
        async with self._target_database().atomic():
            await self._pairs().filter(**{f"{self.target.attname}__in": keys}).delete()
            if self.field.symmetrical:
                await self._mirrored().filter(**{f"{self.source.attname}__in": keys}).delete()

    async def clear(self, *, bulk: bool = True) -> None:
        self._forget()
        async with self._target_database().atomic():
            await self._pairs().delete()
            if self.field.symmetrical:
                await self._mirrored().delete()

    async def set(
        self,
        objects: Iterable[Any],
        *,
        bulk: bool = True,
        clear: bool = False,
        through_defaults: dict[str, Any] | None = None,
    ) -> None:
        wanted = self._keys_of(objects)
        self._forget()
        async with self._target_database().atomic():
            if clear:
                await self.clear()
            present = await self._pairs().values_list(self.target.attname, flat=True)
            await self.remove(*(set(present) - set(wanted)))
            await self.add(*wanted, through_defaults=through_defaults)

    async def create(self, *, through_defaults: dict[str, Any] | None = None, **values: Any) -> Any:
        """A new related object, saved and related."""
        async with self._target_database().atomic():
            made = await Manager.get_queryset(self).using(self._target_database()).create(**values)
            await self.add(made, through_defaults=through_defaults)
        return made

    async def get_or_create(
        self, defaults: Any = None, *, through_defaults: dict[str, Any] | None = None, **lookups: Any
    ) -> Any:
        """The object that matches, or a new one, related either way."""
        async with self._target_database().atomic():
            rows = Manager.get_queryset(self).using(self._target_database())
            found, created = await rows.get_or_create(defaults, **lookups)
            await self.add(found, through_defaults=through_defaults)
        return found, created

    async def update_or_create(
        self,
        defaults: Any = None,
        create_defaults: Any = None,
        *,
        through_defaults: dict[str, Any] | None = None,
        **lookups: Any,
    ) -> Any:
        """The object that matches, updated, or a new one, related either way."""
        async with self._target_database().atomic():
            rows = Manager.get_queryset(self).using(self._target_database())
            found, created = await rows.update_or_create(defaults, create_defaults, **lookups)
            await self.add(found, through_defaults=through_defaults)
        return found, created


class ManyToManyDescriptor:
    """Gives instances their manager of a many-to-many relation; `Book.tags.through` is the model of the pairs."""

    def __init__(self, field: ManyToManyField[Any], *, reverse: bool) -> None:
        self.field, self.reverse = field, reverse

    @property
    def accessor(self) -> str:
        """The attribute's name."""
        return str(self.field.remote_field.accessor) if self.reverse else self.field.name

    @property
    def through(self) -> type[Model]:
        """The model of the table of pairs."""
        return self.field.through

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return self
        field = self.field
        model = field.model if self.reverse else field.related_model
        source, target = field.source_field, field.through_target_field
        if self.reverse:
            source, target = target, source
        manager = _manager_class(ManyToManyManager, _class_of(model))()
        manager.model, manager.name, manager.cache_name = model, self.accessor, self.accessor
        manager.instance, manager.field = instance, field
        manager.source, manager.target = source, target
        manager.query_name = field.name if self.reverse else field.remote_field.name
        return manager

    def __set__(self, instance: Model, value: Any) -> None:
        raise TypeError(f"Direct assignment is prohibited: await {self.accessor}.set([…]) instead")


def _class_of(model: type[Model]) -> Any:
    return type(model._meta.default_manager)


@lru_cache(maxsize=1024)
def _manager_class(kind: Any, default: Any) -> Any:
    """A related manager that also has the methods of the model's default manager."""
    return kind if default is Manager else type(kind.__name__, (kind, default), {})
