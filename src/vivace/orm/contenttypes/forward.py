"""`GenericForeignKey`: `tag.content_object`, an object of any model."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm import binding
from vivace.orm.contenttypes.models import ContentType
from vivace.orm.exceptions import FieldFetchBlocked, NotLoaded, ValidationError
from vivace.orm.fetch_modes import FETCH_PEERS, FETCH_RAISE
from vivace.orm.fields.virtual import VirtualField
from vivace.orm.instances import ABSENT
from vivace.orm.query.prefetch import Prefetch

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


class GenericForeignKey(VirtualField):
    """Points to an object of any model, by a foreign key to ContentType and a column that holds the object's key.

    Reading gives the object, or something to be awaited for it: `await tag.content_object` loads those of all tags of
    the same result. It is None where there is no such object. What is assigned takes its content type at `save()`.
    Source: https://docs.djangoproject.com/en/stable/ref/contrib/contenttypes/#generic-relations
    """

    slot: str

    def __init__(
        self, ct_field: str = "content_type", fk_field: str = "object_id", for_concrete_model: bool = True
    ) -> None:
        self.ct_field, self.fk_field, self.for_concrete_model = ct_field, fk_field, for_concrete_model

    def contribute(self, model: type[Model], name: str) -> None:
        self.model, self.name = model, name
        self.slot = f"_generic_{name}"
        model._meta.private_fields.append(self)
        type.__setattr__(model, name, self)
        type.__setattr__(model, self.slot, None)

    @property
    def ct_attname(self) -> str:
        """The attribute with the key of the content type."""
        field: Any = self.model._meta.get_field(self.ct_field)
        attname: str = field.attname
        return attname

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return self
        related, key = getattr(instance, self.slot), getattr(instance, self.fk_field)
        if related is not None and related is not ABSENT and self._key_of(related) == _as_text(key):
            return related
        if key is None or getattr(instance, self.ct_attname) is None:
            return None
        if related is ABSENT:
            return None
        return Pending(self, instance)

    def __set__(self, instance: Model, value: Model | None) -> None:
        if value is not None and not hasattr(value, "_meta"):
            raise TypeError(f"{type(instance).__name__}.{self.name} takes an instance of a model, got {value!r}")
        setattr(instance, self.slot, value)
        setattr(instance, self.fk_field, None if value is None else value.pk)
        database = None if value is None or value._origin is None else value._origin.database
        known = None if value is None else ContentType.objects.known_id(type(value), database, self.for_concrete_model)
        setattr(instance, self.ct_attname, known)

    def _key_of(self, related: Model) -> str | None:
        return _as_text(related.pk)

    async def before_save(self, instances: Sequence[Model], database: Database) -> None:
        """Takes over the content types and keys of what was assigned. Raises ValueError when that is not saved."""
        untyped: list[tuple[Model, type[Model]]] = []
        for instance in instances:
            related = getattr(instance, self.slot)
            if related is None or related is ABSENT:
                continue
            if related.pk is None:
                raise ValueError(
                    f"save() prohibited to prevent data loss due to unsaved related object '{self.name}': save it first"
                )
            if getattr(instance, self.fk_field) is None:
                setattr(instance, self.fk_field, related.pk)
            if getattr(instance, self.ct_attname) is None:
                untyped.append((instance, related._meta.model))
        if untyped:
            models = dict.fromkeys(model for _, model in untyped)
            types = ContentType.objects.db_manager(database)
            found = await types.get_for_models(*models, for_concrete_models=self.for_concrete_model)
            for instance, model in untyped:
                setattr(instance, self.ct_attname, found[model].pk)

    # Loading

    async def load(self, instances: Iterable[Any], database: Database, querysets: Mapping[Any, Any]) -> list[Any]:
        """Loads the objects of instances, by one query for each model; returns those that there are."""
        waiting: dict[Any, dict[Any, list[Any]]] = {}
        for instance in instances:
            content_type, key = getattr(instance, self.ct_attname), getattr(instance, self.fk_field)
            if content_type is not None and key is not None:
                waiting.setdefault(content_type, {}).setdefault(key, []).append(instance)
        types = await ContentType.objects.db_manager(database).get_for_ids(waiting)
        loaded: list[Any] = []
        for content_type, by_key in waiting.items():
            found = types.get(content_type)
            model = None if found is None else found.model_class()
            rows = [] if model is None else await self._rows(model, by_key, instances, database, querysets)
            objects = {_as_text(row.pk): row for row in rows}
            for key, those in by_key.items():
                for instance in those:
                    setattr(instance, self.slot, objects.get(_as_text(key), ABSENT))
            loaded += rows
        return loaded

    async def _rows(
        self,
        model: type[Model],
        by_key: Mapping[Any, Any],
        instances: Iterable[Any],
        database: Database,
        querysets: Mapping[Any, Any],
    ) -> list[Any]:
        keys = []
        for key in by_key:
            try:
                keys.append(model._meta.pk.to_python(key))
            except (ValidationError, ValueError, TypeError):
                # A text that is no key of this model points to nothing.
                continue
        rows = querysets.get(model)
        if rows is None:
            rows = model._meta.base_manager.get_queryset()
        if rows._database is None:
            rows = rows.using(binding.routed(model, instance=next(iter(instances))) or database)
        found: list[Any] = await rows.filter(pk__in=keys)
        return found

    async def prefetch(self, instances: list[Any], given: Any, database: Database) -> list[Any]:
        """One level of `prefetch_related`."""
        if given.queryset is not None:
            raise ValueError(f"{given!r}: a generic relation has objects of many models; use GenericPrefetch")
        querysets = {rows.model: rows for rows in getattr(given, "querysets", ())}
        loaded = await self.load(instances, database, querysets)
        if given.to_attr:
            for instance in instances:
                setattr(instance, given.to_attr, getattr(instance, self.name))
        return loaded

    def __repr__(self) -> str:
        return f"<GenericForeignKey: {self.model._meta.label}.{self.name}>"


class Pending:
    """An object of which the content type and the key are known; awaiting it loads it."""

    __slots__ = ("_field", "_instance")

    def __init__(self, field: GenericForeignKey, instance: Model) -> None:
        self._field, self._instance = field, instance

    def __await__(self) -> Generator[Any, None, Any]:
        return self._load().__await__()

    async def _load(self) -> Any:
        field, instance, origin = self._field, self._instance, self._instance._origin
        mode = FETCH_PEERS if origin is None else origin.fetch_mode
        if mode is FETCH_RAISE:
            raise FieldFetchBlocked(f"Fetching of {type(instance).__name__}.{field.name} blocked.")
        together: list[Any] = []
        if origin is not None and mode is FETCH_PEERS:
            together = [each for each in origin.living() if getattr(each, field.slot) is None]
        if not any(each is instance for each in together):
            together.append(instance)
        await field.load(together, binding.resolve_for(instance, field.model), {})
        return getattr(instance, field.name)

    def __getattr__(self, name: str) -> Any:
        label = f"{type(self._instance).__name__}.{self._field.name}"
        raise NotLoaded(
            f'{label} is not loaded, so it has no "{name}" yet. Load it with `await`, or by '
            f'prefetch_related("{self._field.name}").'
        )

    def __repr__(self) -> str:
        return f"<Pending: {type(self._instance).__name__}.{self._field.name}>"


class GenericPrefetch(Prefetch):
    """A GenericForeignKey to prefetch, with a queryset for each model that needs one.

    Source: https://docs.djangoproject.com/en/stable/ref/contrib/contenttypes/#genericprefetch
    """

    def __init__(self, lookup: str, querysets: Iterable[Any], to_attr: str | None = None) -> None:
        super().__init__(lookup, to_attr=to_attr)
        self.querysets = tuple(querysets)
        for rows in self.querysets:
            if not hasattr(rows, "_has_values") or rows._has_values:
                raise ValueError("Prefetch querysets cannot use raw(), values(), and values_list().")


def _as_text(key: Any) -> str | None:
    return None if key is None else str(key)
