"""`book.tags` and `tag.books`: relations through a table of pairs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from vivace.orm.binding import allows_relation
from vivace.orm.query.queryset import QuerySet
from vivace.orm.relations.reverse import RelatedManager, listed, manager_class_of, related_class
from vivace.orm.signals import m2m_changed

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.fields.foreign_keys import ForeignKey
    from vivace.orm.fields.many_to_many import ManyToManyField

M = TypeVar("M", bound="Model", covariant=True)


class ManyToManyManager(RelatedManager[M]):
    """The objects related to one by pairs. Every change is one transaction and tells `m2m_changed`."""

    field: ManyToManyField[Any]
    source: ForeignKey[Any]
    target: ForeignKey[Any]
    query_name: str
    is_reverse: bool

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
        return self._in_mode(self._own_queryset()._sticky_filter(**{self.query_name: self._key}))

    # The pairs

    def _pairs(self, database: Database) -> QuerySet[Any]:
        pairs: QuerySet[Any] = QuerySet(self.through)
        return pairs.using(database).order_by().filter(**{self.source.attname: self._key})

    def _mirrored(self, database: Database) -> QuerySet[Any]:
        pairs: QuerySet[Any] = QuerySet(self.through)
        return pairs.using(database).order_by().filter(**{self.target.attname: self._key})

    def _keys_of(self, objects: Iterable[Any], database: Database | None = None) -> list[Any]:
        model, attname = self.target.related_model, self.target.target_field.attname
        keys: dict[Any, None] = {}
        for each in objects:
            if not hasattr(each, "_meta"):
                keys[self.target.target_field.get_prep_value(each)] = None
                continue
            if not isinstance(each, model._meta.concrete_model):
                raise TypeError(f"'{model.__name__}' instance expected, got {each!r}")
            key = getattr(each, attname)
            if key is None:
                raise ValueError(f"Cannot add {each!r}: it must be saved first, so that it has a key")
            if database is not None and each._origin is not None and not self._may_relate(each, database):
                raise ValueError(
                    f"Cannot add {each!r}: instance is on database {each._origin.database!r}, value is on {database!r}"
                )
            keys[key] = None
        return list(keys)

    def _may_relate(self, other: Any, database: Database) -> bool:
        return other._origin.database in (None, database) or allows_relation(other, self.instance)

    async def _tell(self, action: str, keys: Iterable[Any] | None, database: Database) -> None:
        if m2m_changed.receivers:
            await m2m_changed.asend(
                self.through,
                action=action,
                instance=self.instance,
                reverse=self.is_reverse,
                model=self.model,
                pk_set=None if keys is None else set(keys),
                using=database,
                raw=False,
            )

    # Changing

    async def add(self, *objects: Any, bulk: bool = True, through_defaults: dict[str, Any] | None = None) -> None:
        database = self._target_database()
        keys = self._keys_of(objects, database)
        self._forget()
        if keys:
            async with database.atomic():
                await self._add(keys, through_defaults or {}, database)

    async def _add(self, keys: list[Any], defaults: dict[str, Any], database: Database) -> None:
        own, source, target = self._key, self.source.attname, self.target.attname
        present = self._pairs(database).filter(**{f"{target}__in": keys})
        known = set(await present.values_list(target, flat=True))
        missing = [key for key in keys if key not in known]
        await self._tell("pre_add", missing, database)
        new = [(own, key) for key in missing]
        if self.field.symmetrical:
            mirrored = self._mirrored(database).filter(**{f"{source}__in": keys})
            known = set(await mirrored.values_list(source, flat=True))
            new += [(key, own) for key in keys if key not in known and key != own]
        values = {name: value() if callable(value) else value for name, value in defaults.items()}
        if new:
            rows: QuerySet[Any] = QuerySet(self.through).using(database)
            pairs = [self.through(**{source: first, target: second}, **values) for first, second in new]
            # A pair that another task has added meanwhile is there, which is all that is wanted.
            await rows.bulk_create(pairs, ignore_conflicts=self.through._meta.auto_created is not None)
        await self._tell("post_add", missing, database)

    async def remove(self, *objects: Any, bulk: bool = True) -> None:
        keys = self._keys_of(objects)
        self._forget()
        if not keys:
            return
        database = self._target_database()
        async with database.atomic():
            await self._tell("pre_remove", keys, database)
            await self._pairs(database).filter(**{f"{self.target.attname}__in": keys}).delete()
            if self.field.symmetrical:
                await self._mirrored(database).filter(**{f"{self.source.attname}__in": keys}).delete()
            await self._tell("post_remove", keys, database)

    async def clear(self, *, bulk: bool = True) -> None:
        self._forget()
        database = self._target_database()
        async with database.atomic():
            await self._tell("pre_clear", None, database)
            await self._pairs(database).delete()
            if self.field.symmetrical:
                await self._mirrored(database).delete()
            await self._tell("post_clear", None, database)

    async def set(
        self,
        objects: Iterable[Any],
        *,
        bulk: bool = True,
        clear: bool = False,
        through_defaults: dict[str, Any] | None = None,
    ) -> None:
        database = self._target_database()
        wanted = self._keys_of(await listed(objects), database)
        self._forget()
        async with database.atomic():
            if clear:
                await self.clear()
                await self.add(*wanted, through_defaults=through_defaults)
                return
            present = set(await self._pairs(database).values_list(self.target.attname, flat=True))
            await self.remove(*(present - set(wanted)))
            await self.add(*(key for key in wanted if key not in present), through_defaults=through_defaults)

    async def create(self, *, through_defaults: dict[str, Any] | None = None, **values: Any) -> Any:
        """A new related object, saved and related."""
        database = self._target_database()
        async with database.atomic():
            made = await self._own_queryset().using(database).create(**values)
            await self.add(made, through_defaults=through_defaults)
        return made

    async def get_or_create(
        self, defaults: Any = None, *, through_defaults: dict[str, Any] | None = None, **lookups: Any
    ) -> Any:
        """The object that matches, or a new one, related either way."""
        database = self._target_database()
        async with database.atomic():
            found, created = await self._own_queryset().using(database).get_or_create(defaults, **lookups)
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
        database = self._target_database()
        async with database.atomic():
            rows = self._own_queryset().using(database)
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
        manager = related_class(ManyToManyManager, manager_class_of(model))()
        manager.model, manager.name, manager.cache_name = model, self.accessor, self.accessor
        manager.instance, manager.field, manager.is_reverse = instance, field, self.reverse
        manager.source, manager.target = source, target
        manager.query_name = field.name if self.reverse else field.remote_field.name
        return manager

    def __set__(self, instance: Model, value: Any) -> None:
        raise TypeError(f"Direct assignment is prohibited: await {self.accessor}.set([…]) instead")
