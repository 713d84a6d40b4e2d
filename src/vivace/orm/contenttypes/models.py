"""`ContentType`: a row for each model, so that rows can point to rows of any model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from vivace.orm import binding, models
from vivace.orm.expressions.conditions import Q
from vivace.orm.registry import registry

if TYPE_CHECKING:
    from vivace.databases import Database

Cached = dict[Any, "ContentType"]


class ContentTypeManager(models.Manager["ContentType"]):
    """Finds content types, each of which is read once for each database."""

    _cache: WeakKeyDictionary[Database, Cached] = WeakKeyDictionary()

    def _types(self, database: Database) -> Cached:
        return self._cache.setdefault(database, {})

    def _own_database(self) -> Database:
        return binding.resolve(self._using, self.model)

    def _remember(self, found: ContentType, database: Database) -> None:
        known = self._types(database)

        def keep() -> None:
            known[found.pk] = known[found.app_label, found.model] = found

        # What a transaction has made is not there for others, and may be rolled back.
        database.on_commit(keep)

    async def get_for_model(self, model: type[models.Model] | models.Model, for_concrete_model: bool = True) -> Any:
        """The content type of a model (or of an instance's), made if it is not there yet."""
        return (await self.get_for_models(_class_of(model), for_concrete_models=for_concrete_model))[_class_of(model)]

    async def get_for_models(
        self, *given: type[models.Model], for_concrete_models: bool = True
    ) -> dict[type[models.Model], ContentType]:
        """The content types of models, those that are not known yet by one query."""
        database = self._own_database()
        known = self._types(database)
        keys = {model: _key_of(model, for_concrete_models) for model in given}
        found = {key: known[key] for key in keys.values() if key in known}
        missing = [key for key in dict.fromkeys(keys.values()) if key not in found]
        if missing:
            wanted = Q._make([Q(app_label=label, model=name) for label, name in missing], "or")
            for each in await self.get_queryset().using(database).filter(wanted):
                found[each.app_label, each.model] = each
        for label, name in missing:
            if (label, name) not in found:
                rows = self.get_queryset().using(database)
                found[label, name], _ = await rows.get_or_create(app_label=label, model=name)
            self._remember(found[label, name], database)
        return {model: found[key] for model, key in keys.items()}

    async def get_for_id(self, id: Any) -> ContentType:
        """The content type of a key. Raises ContentType.DoesNotExist."""
        database = self._own_database()
        found = self._types(database).get(id)
        if found is None:
            found = await self.get_queryset().using(database).get(pk=id)
            self._remember(found, database)
        return found

    async def get_for_ids(self, ids: Iterable[Any]) -> dict[Any, ContentType]:
        """The content types of keys that exist, those that are not known yet by one query."""
        database = self._own_database()
        known = self._types(database)
        wanted = dict.fromkeys(ids)
        found = {key: known[key] for key in wanted if key in known}
        missing = [key for key in wanted if key not in found]
        if missing:
            for each in await self.get_queryset().using(database).filter(pk__in=missing):
                found[each.pk] = each
                self._remember(each, database)
        return found

    async def get_by_natural_key(self, app_label: str, model: str) -> ContentType:
        """The content type of an app's model. Raises ContentType.DoesNotExist."""
        database = self._own_database()
        found = self._types(database).get((app_label, model))
        if found is None:
            found = await self.get_queryset().using(database).get(app_label=app_label, model=model)
            self._remember(found, database)
        return found

    def known_id(self, model: type[models.Model], database: Database | None, for_concrete_model: bool) -> Any:
        """The key of a model's content type, if it has been read before; without asking the database."""
        if database is None:
            return None
        found = self._types(database).get(_key_of(model, for_concrete_model))
        return None if found is None else found.pk

    def clear_cache(self) -> None:
        """Forgets all content types, so that each is read again."""
        self._cache.clear()

    aget_for_model, aget_for_models, aget_for_id = get_for_model, get_for_models, get_for_id
    aget_by_natural_key = get_by_natural_key


def _class_of(model: Any) -> type[models.Model]:
    found: type[models.Model] = model._meta.model
    return found


def _key_of(model: type[models.Model], concrete: bool) -> tuple[str, str]:
    meta = (model._meta.concrete_model if concrete else model)._meta
    return meta.app_label, meta.model_name


class ContentType(models.Model):
    """One model: `app_label` and the lower-case name of the class."""

    app_label = models.CharField(max_length=100)
    model = models.CharField("python model class name", max_length=100)

    objects = ContentTypeManager()

    class Meta:
        app_label = "contenttypes"
        # Django's table, so that a database that Django has made can be used as it is.
        db_table = "django_content_type"
        unique_together = [["app_label", "model"]]

    def __str__(self) -> str:
        return self.app_labeled_name

    @property
    def name(self) -> str:
        """The model's words for itself."""
        model = self.model_class()
        return self.model if model is None else str(model._meta.verbose_name)

    @property
    def app_labeled_name(self) -> str:
        """The app and the model's words for itself."""
        model = self.model_class()
        return self.model if model is None else f"{self.app_label} | {model._meta.verbose_name}"

    def model_class(self) -> type[models.Model] | None:
        """The model, or None when there is none of that name any more."""
        try:
            return registry.get_model(f"{self.app_label}.{self.model}")
        except LookupError:
            return None

    async def get_object_for_this_type(self, using: Database | str | None = None, **lookups: Any) -> Any:
        """The one object of the model. Raises the model's DoesNotExist, or LookupError when there is no model."""
        return await self._rows().using(using).get(**lookups)

    def get_all_objects_for_this_type(self, **lookups: Any) -> Any:
        """All objects of the model that match."""
        return self._rows().filter(**lookups)

    def _rows(self) -> Any:
        return registry.get_model(f"{self.app_label}.{self.model}")._meta.base_manager.get_queryset()

    def natural_key(self) -> tuple[str, str]:
        """What names the content type in every database."""
        return self.app_label, self.model
