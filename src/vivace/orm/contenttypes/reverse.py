"""`GenericRelation`: `bookmark.tags`, the objects whose GenericForeignKey points here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from vivace.orm.contenttypes.models import ContentType
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.expressions.kinds import kind_of
from vivace.orm.fields.virtual import VirtualField
from vivace.orm.query.prefetched import rows_of_keys, store
from vivace.orm.query.queryset import QuerySet
from vivace.orm.registry import registry
from vivace.orm.relations.reverse import RelatedManager, manager_class_of, related_class

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.fields.base import Field

M = TypeVar("M", bound="Model", covariant=True)


class _UuidText(FunctionElement[str]):
    """A column of UUIDs as `str(uuid)` writes them."""

    inherit_cache = True
    type = sqlalchemy.Text()


@compiles(_UuidText)
def _compile_uuid_text(element: _UuidText, compiler: Any, **options: Any) -> str:
    column = next(iter(element.clauses))
    return str(compiler.process(sqlalchemy.cast(column, sqlalchemy.String(36)), **options))


@compiles(_UuidText, "sqlite")
def _compile_uuid_text_sqlite(element: _UuidText, compiler: Any, **options: Any) -> str:
    # Kept there as 32 digits.
    column = compiler.process(next(iter(element.clauses)), **options)
    return "(" + " || '-' || ".join(f"substr({column}, {start}, {size})" for start, size in _UUID_PARTS) + ")"


_UUID_PARTS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


class GenericRelation(VirtualField):
    """The other side of a GenericForeignKey: a manager, a name for lookups, and what is deleted with the object.

    Source: https://docs.djangoproject.com/en/stable/ref/contrib/contenttypes/#reverse-generic-relations
    """

    is_relation = True
    hangs = True
    attname = None
    many = True

    def __init__(
        self,
        to: type[Model] | str,
        object_id_field: str = "object_id",
        content_type_field: str = "content_type",
        for_concrete_model: bool = True,
        related_query_name: str | None = None,
    ) -> None:
        self.to, self.object_id_field, self.content_type_field = to, object_id_field, content_type_field
        self.for_concrete_model, self.related_query_name = for_concrete_model, related_query_name

    def contribute(self, model: type[Model], name: str) -> None:
        self.model, self.name, self.relation = model, name, self
        meta = model._meta
        meta.private_fields.append(self)
        type.__setattr__(model, name, self)
        if self.related_query_name is not None and not meta.abstract:
            name_there = self.related_query_name % {"class": meta.model_name, "app_label": meta.app_label}
            way_back = WayBack(self, name_there)
            if isinstance(self.to, str):
                registry.when_ready(self._target_name(self.to), way_back.join)
            else:
                way_back.join(self.to)

    def _target_name(self, to: str) -> str:
        if to == "self":
            return self.model._meta.label
        return to if "." in to else f"{self.model._meta.app_label}.{to}"

    @property
    def related_model(self) -> type[Model]:
        """The model with the GenericForeignKey."""
        if not isinstance(self.to, str):
            return self.to
        try:
            return registry.get_model(self._target_name(self.to))
        except LookupError as error:
            raise ModelDefinitionError(f"{self.model._meta.label}.{self.name}: {error}") from None

    @property
    def object_id(self) -> Field[Any]:
        """The column that holds keys."""
        field: Any = self.related_model._meta.get_field(self.object_id_field)
        return field  # type: ignore[no-any-return]

    @property
    def content_type(self) -> Field[Any]:
        """The foreign key to ContentType."""
        field: Any = self.related_model._meta.get_field(self.content_type_field)
        return field  # type: ignore[no-any-return]

    @property
    def own_type(self) -> tuple[str, str]:
        """What names this model among the content types."""
        meta = (self.model._meta.concrete_model if self.for_concrete_model else self.model)._meta
        return meta.app_label, meta.model_name

    def of_this_type(self) -> dict[str, Any]:
        """The lookups that find objects pointing to this model."""
        label, name = self.own_type
        return {f"{self.content_type_field}__app_label": label, f"{self.content_type_field}__model": name}

    def rows_of(self, rows: Any, keys: Sequence[Any]) -> Any:
        """Those of `rows` that point to objects of these keys."""
        given = tuple(self.object_id.to_python(key) for key in keys)
        return rows.filter(**self.of_this_type(), **{f"{self.object_id_field}__in": given})

    @property
    def near_field(self) -> Field[Any]:
        """The column that a join starts from: this model's key."""
        return self.model._meta.pk

    def join_clause(self, table: Any, near: Any, own: Field[Any]) -> Any:
        """What `table`, the related model's, must meet to belong to the object whose key `near` has in `own`."""
        return self.clause(table, near.c[own.column], own)

    def clause(self, table: Any, key: Any, key_field: Field[Any]) -> Any:
        """Whether a row of `table`, the related model's, points to the object whose key is the column `key`."""
        types = ContentType._meta.table.alias()
        label, name = self.own_type
        own_type = sqlalchemy.select(types.c.id).where(types.c.app_label == label, types.c.model == name)
        if kind_of(key_field) != kind_of(self.object_id):
            is_uuid = kind_of(key_field) == "uuid"
            key = _UuidText(key) if is_uuid else sqlalchemy.cast(key, self.object_id.sql_type())
        column = table.c[self.content_type.column]
        return sqlalchemy.and_(table.c[self.object_id.column] == key, column == own_type.scalar_subquery())

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return self
        model = self.related_model
        manager = related_class(GenericManager, manager_class_of(model))()
        manager.model, manager.name, manager.cache_name = model, self.name, self.name
        manager.instance, manager.relation = instance, self
        return manager

    def __set__(self, instance: Model, value: Any) -> None:
        raise TypeError(f"Direct assignment is prohibited: await {self.name}.set([…]) instead")

    async def prefetch(self, instances: list[Any], given: Any, database: Database) -> list[Any]:
        """One level of `prefetch_related`."""
        rows = self.related_model._meta.default_manager.get_queryset() if given.queryset is None else given.queryset
        if rows._database is None:
            rows = rows.using(database)
        rows = rows.filter(**self.of_this_type())
        keys = {str(instance.pk): self.object_id.to_python(instance.pk) for instance in instances}
        found = await rows_of_keys(rows, self.object_id_field, tuple(keys.values()), self.object_id_field)
        groups: dict[str, list[Any]] = {key: [] for key in keys}
        for row in found:
            groups[str(getattr(row, self.object_id_field))].append(row)
        for instance in instances:
            own = rows.filter(**{self.object_id_field: keys[str(instance.pk)]}) if not rows._is_sliced else rows
            store(instance, self.name, groups[str(instance.pk)], given, own)
        return found

    def __repr__(self) -> str:
        return f"<GenericRelation: {self.model._meta.label}.{self.name}>"


class WayBack:
    """From what has a GenericForeignKey to one of the models that it points to: `related_query_name` in lookups."""

    is_relation = True
    attname = None
    many = False

    def __init__(self, relation: GenericRelation, name: str) -> None:
        self.forward, self.name = relation, name

    @property
    def model(self) -> type[Model]:
        """The model with the GenericForeignKey."""
        return self.forward.related_model

    @property
    def related_model(self) -> type[Model]:
        """The model that is pointed to."""
        return self.forward.model

    def join(self, model: type[Model]) -> None:
        """Makes the name known to `model`, the one with the GenericForeignKey."""
        model._meta.concrete_model._meta.add_way_back(self)

    @property
    def near_field(self) -> Field[Any]:
        """The column that a join starts from."""
        return self.forward.object_id

    def join_clause(self, table: Any, near: Any, own: Field[Any]) -> Any:
        """What `table`, that of the model pointed to, must meet to be what a row of `near` points to."""
        key = self.related_model._meta.pk
        return self.forward.clause(near, table.c[key.column], key)


class GenericManager(RelatedManager[M]):
    """The objects that point to one by their content type and its key. Taking one away deletes it, as in Django."""

    relation: Any
    """The GenericRelation."""

    def _owner_key(self) -> Any:
        key = self.instance.pk
        if key is None:
            raise ValueError(f"{self.instance!r} must be saved before its {self.cache_name} can be used")
        return self.relation.object_id.to_python(key)

    def get_queryset(self) -> Any:
        cached = self._cached()
        if cached is not None:
            return cached
        lookups = {**self.relation.of_this_type(), self.relation.object_id_field: self._owner_key()}
        return self._in_mode(self._own_queryset().filter(**lookups))

    async def _owned(self, database: Database, values: Mapping[str, Any]) -> dict[str, Any]:
        types = ContentType.objects.db_manager(database)
        concrete = self.relation.for_concrete_model
        content_type = await types.get_for_model(self.relation.model, for_concrete_model=concrete)
        own = {self.relation.content_type_field: content_type, self.relation.object_id_field: self._owner_key()}
        return {**values, **own}

    async def create(self, **values: Any) -> Any:
        """A new related object, saved."""
        database = self._target_database()
        self._forget()
        return await self._own_queryset().using(database).create(**await self._owned(database, values))

    async def get_or_create(self, defaults: Any = None, **lookups: Any) -> Any:
        """The related object that matches, or a new one."""
        database = self._target_database()
        self._forget()
        rows = self._own_queryset().using(database)
        return await rows.get_or_create(defaults, **await self._owned(database, lookups))

    async def update_or_create(self, defaults: Any = None, create_defaults: Any = None, **lookups: Any) -> Any:
        """The related object that matches, updated, or a new one."""
        database = self._target_database()
        self._forget()
        rows = self._own_queryset().using(database)
        return await rows.update_or_create(defaults, create_defaults, **await self._owned(database, lookups))

    async def add(self, *objects: Any, bulk: bool = True, through_defaults: dict[str, Any] | None = None) -> None:
        model = self.model
        for each in objects:
            if not isinstance(each, model):
                raise TypeError(f"'{model.__name__}' instance expected, got {each!r}")
        database = self._target_database()
        self._forget()
        values = await self._owned(database, {})
        if bulk:
            if any(each._origin is None or each._origin.database not in (None, database) for each in objects):
                raise ValueError(f"{objects!r} are not all saved there. Use bulk=False or save them first.")
            rows: QuerySet[Any] = QuerySet(model).using(database)
            await rows.filter(pk__in=[each.pk for each in objects]).update(**values)
        async with database.atomic():
            for each in objects:
                for name, value in values.items():
                    setattr(each, name, value)
                if not bulk:
                    await each.save(using=database)

    async def remove(self, *objects: Any, bulk: bool = True) -> None:
        if objects:
            await self._clear(self.get_queryset().filter(pk__in=[each.pk for each in objects]), bulk)

    async def clear(self, *, bulk: bool = True) -> None:
        await self._clear(self.get_queryset().all(), bulk)

    async def _clear(self, rows: Any, bulk: bool) -> None:
        database = self._target_database()
        self._forget()
        rows = rows.using(database)
        if bulk:
            await rows.delete()
            return
        async with database.atomic():
            for each in await rows:
                await each.delete(using=database)
