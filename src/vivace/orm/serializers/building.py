"""An instance of a record: looked up, converted and checked, not saved yet."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import ObjectDoesNotExist
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.registry import registry
from vivace.orm.saving import save_raw
from vivace.orm.serializers.errors import DeserializationError
from vivace.orm.serializers.records import natural_key
from vivace.utils.exceptions import ValidationError
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model


# What fields raise for a value that they do not take.
_REFUSALS = (ValidationError, ValueError, TypeError)


class DeserializedObject:
    """An unsaved instance (`object`), what it is related to (`m2m_data`), and relations to rows yet to come."""

    def __init__(self, object: Any, m2m_data: dict[str, list[Any]], deferred_fields: dict[Any, Any]) -> None:
        self.object = object
        self.m2m_data: dict[str, list[Any]] | None = m2m_data
        self.deferred_fields = deferred_fields

    def __repr__(self) -> str:
        return f"<DeserializedObject: {self.object._meta.label}(pk={self.object.pk})>"

    async def save(self, save_m2m: bool = True, using: Database | str | None = None) -> None:
        """Writes the row as it is, a new one or in the place of one of its key, then its relations.

        Nothing of the model's own runs but signals, which are told `raw=True`.
        """
        await save_raw(self.object, using)
        if save_m2m and self.m2m_data:
            for name, related in self.m2m_data.items():
                await getattr(self.object, name).set(related)
        # So that a second call does not write the relations again.
        self.m2m_data = None

    async def save_deferred_fields(self, using: Database | str | None = None) -> None:
        """Looks up what was not there yet when the record was read, and saves the object with it.

        Raises DeserializationError when it still is not there.
        """
        self.m2m_data = dict(self.m2m_data or {})
        for field, given in self.deferred_fields.items():
            try:
                if isinstance(field, ManyToManyField):
                    self.m2m_data[field.name] = await _keys(field, given, using)
                else:
                    setattr(self.object, field.attname, await _key(field, given, using))
            except (ObjectDoesNotExist, *_REFUSALS) as error:
                raise _refused(error, self.object._meta.label_lower, self.object.pk, field.name, given) from error
        await self.save(using=using)


async def build(
    record: Any,
    *,
    using: Database | str | None,
    ignorenonexistent: bool = False,
    handle_forward_references: bool = False,
) -> DeserializedObject | None:
    """The object of a record; None for one of a model that is not there, if that is to be ignored.

    Raises DeserializationError: no record, no such model or field, a value that the field refuses.
    """
    if not isinstance(record, dict) or not isinstance(record.get("fields"), dict) or "model" not in record:
        raise DeserializationError(f'A record is {{"model": …, "pk": …, "fields": {{…}}}}, got {_short(record)}')
    try:
        model = registry.get_model(str(record["model"]))
    except LookupError as error:
        if ignorenonexistent:
            return None
        raise DeserializationError(f'Invalid model identifier: "{record["model"]}". {error}') from None
    meta, label = model._meta, str(record["model"])
    values: dict[str, Any] = {}
    related: dict[str, list[Any]] = {}
    deferred: dict[Any, Any] = {}
    key = record.get("pk")
    if key is not None:
        try:
            values[meta.pk.attname] = meta.pk.to_python(key)
        except _REFUSALS as error:
            raise _refused(error, label, key, "pk", key) from error
    own = {field.name: field for field in (*meta.fields, *meta.many_to_many)}
    for name, given in record["fields"].items():
        field: Any = own.get(name)
        if field is None:
            if ignorenonexistent:
                continue
            hint = did_you_mean(str(name), own, listed_as="Fields")
            raise DeserializationError(f'{meta.label} has no field "{name}" ({label}:pk={key}). {hint}')
        if field.generated:
            continue
        try:
            if isinstance(field, ManyToManyField):
                related[name] = await _keys(field, given, using)
            elif field.is_relation:
                values[field.attname] = await _key(field, given, using)
            else:
                values[field.attname] = field.to_python(given)
        except ObjectDoesNotExist as error:
            if not handle_forward_references:
                raise _refused(error, label, key, name, given) from error
            deferred[field] = given
        except _REFUSALS as error:
            raise _refused(error, label, key, name, given) from error
    instance = await _instance(model, values, using)
    return DeserializedObject(instance, related, deferred)


def _refused(error: Exception, label: str, key: Any, name: str, value: Any) -> DeserializationError:
    messages = getattr(error, "messages", None)
    said = " ".join(map(str, messages)) if messages else str(error) or type(error).__name__
    return DeserializationError(f"{said} ({label}:pk={key}) {name} was {_short(value)}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


async def _instance(model: type[Model], values: dict[str, Any], using: Database | str | None) -> Model:
    """The instance; without a key in the record, with that of the row of the same natural key, if there is one."""
    meta = model._meta
    manager: Any = meta.default_manager
    instance = model(**values)
    has_key = values.get(meta.pk.attname) is not None
    if not has_key and hasattr(manager, "get_by_natural_key") and hasattr(model, "natural_key"):
        try:
            found = await _by_natural_key(manager, await natural_key(instance), using)
        except ObjectDoesNotExist:
            return instance
        return model(**{**values, meta.pk.attname: found.pk})
    return instance


async def _by_natural_key(manager: Any, key: Iterable[Any], using: Database | str | None) -> Any:
    found = manager.db_manager(using).get_by_natural_key(*key)
    return await found if isawaitable(found) else found


def _is_natural(manager: Any, value: Any) -> bool:
    return hasattr(manager, "get_by_natural_key") and isinstance(value, list | tuple)


async def _key(field: ForeignKey[Any], value: Any, using: Database | str | None) -> Any:
    """The column's value for a foreign key in a record: the other row's key, or its natural key."""
    if value is None:
        return None
    manager = field.related_model._meta.default_manager
    target = field.target_field
    if not _is_natural(manager, value):
        return target.to_python(value)
    return getattr(await _by_natural_key(manager, value, using), target.attname)


async def _keys(field: ManyToManyField[Any], values: Any, using: Database | str | None) -> list[Any]:
    if not isinstance(values, list | tuple):
        raise TypeError("The related rows are a list of keys.")
    model = field.related_model
    manager = model._meta.default_manager
    return [
        (await _by_natural_key(manager, value, using)).pk
        if _is_natural(manager, value)
        else model._meta.pk.to_python(value)
        for value in values
    ]
