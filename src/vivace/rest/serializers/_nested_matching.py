"""Which object a nested item means; found before the item is validated, so that its validators know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import CoroutineType
from typing import Any

from vivace.orm.exceptions import ObjectDoesNotExist
from vivace.rest import _loading
from vivace.rest.exceptions import ErrorDetail, ValidationError
from vivace.rest.fields.base import empty
from vivace.rest.relations import BIGGEST_KEY, PrimaryKeyRelatedField
from vivace.rest.serializers.nested import Keyed, Nested, child_of
from vivace.utils.exceptions import ValidationError as ValueRefused

Key = tuple[Any, ...]


class NestedItem(dict[str, Any]):
    """The validated values of an item, and the object that it means; None for a new one."""

    instance: Any = None


class Match:
    """The objects that items of one nested field may mean."""

    def __init__(self, nested: Keyed, child: Any, current: Sequence[Any], linkable: Sequence[Any]) -> None:
        self.nested, self.child = nested, child
        self.current = {nested.key_of(item): item for item in current}
        self.linkable = {nested.key_of(item): item for item in linkable}
        self.seen: set[Key] = set()

    def take(self, data: Any) -> None:
        """Gives the child the object that `data` means. Raises ValidationError for a key that may not be named."""
        self.child.instance = self.find(data)
        self.child.is_new_item = self.child.instance is None

    def find(self, data: Any) -> Any:
        """The object that `data` means, or None for a new one."""
        options = self.nested.options
        key = key_of_data(self.nested, self.child, data)
        if key is None:
            found = None if self.nested.is_many else next(iter(self.current.values()), None)
        else:
            if key in self.seen:
                self._refuse("Another item has the same key.", "duplicate")
            self.seen.add(key)
            found = self.current.get(key) or self.linkable.get(key)
            if found is None and self.nested.key_is_generated:
                self._refuse(f'Invalid pk "{key[0]}" - object does not exist.', "does_not_exist")
            if found is None and not self.nested.is_many:
                found = next(iter(self.current.values()), None)
        if found is None and not options.create:
            raise ValidationError("New objects are not taken here; name one that is there.", code="not_created")
        return found

    def _refuse(self, message: str, code: str) -> None:
        raise ValidationError({self.nested.key_names[-1]: [ErrorDetail(message, code)]})

    async def validated(self, pending: Any) -> NestedItem | None:
        """The child's validated values with the object. Raises ValidationError for a change that is not allowed."""
        instance = self.child.instance
        value = await pending if isinstance(pending, CoroutineType) else pending
        if value is None:
            return None
        item = NestedItem(value)
        item.instance = instance
        if instance is not None and not self.nested.options.update:
            self._check_same(item)
        return item

    def _check_same(self, item: NestedItem) -> None:
        for field in self.child.bound_fields.values():
            source = field.source or ""
            if source in item and not _is_same(item.instance, source, item[source]):
                message = "Objects that are there may not be changed here."
                raise ValidationError({field.field_name: [ErrorDetail(message, "not_updated")]})


def _is_same(instance: Any, source: str, value: Any) -> bool:
    stored: Any = getattr(instance, source, None)
    if hasattr(stored, "is_loaded") and isinstance(value, list):
        return {each.pk for each in stored} == {getattr(each, "pk", None) for each in value}
    return bool(getattr(stored, "pk", stored) == getattr(value, "pk", value))


def key_of_data(nested: Keyed, child: Any, data: Any) -> Key | None:
    """The key that an item as it was sent has; None when it has none, or one that its field will refuse."""
    if not isinstance(data, Mapping) or not nested.key_names:
        return None
    parts = []
    for name in nested.key_names:
        field = child.bound_fields[name]
        value = field.get_value(data)
        if value is empty or value is None or value == "":
            return None
        try:
            is_related = isinstance(field, PrimaryKeyRelatedField)
            parts.append(field.clean_key(value) if is_related else field.to_internal_value(value))
            hash(parts[-1])
        except (ValidationError, ValueRefused, TypeError):
            return None
    return tuple(parts)


async def bind(serializer: Any, data: Mapping[str, Any]) -> None:
    """Tells the nested fields that `data` names which objects their items may mean."""
    sent = {}
    for nested in serializer.nested.values():
        field = serializer.bound_fields.get(nested.name)
        value = empty if field is None else field.get_value(data)
        if value is not empty:
            sent[nested.name] = value
    if not sent:
        return
    instance = serializer.instance
    if instance is not None:
        await load([instance], serializer, set(sent))
    for name, value in sent.items():
        nested = serializer.nested[name]
        field = serializer.bound_fields[name]
        child = child_of(field)
        current = [] if instance is None else related(instance, nested)
        linkable = await _linkable(nested, child, value, current) if nested.options.link else []
        field.matches = Match(nested, child, current, linkable)


def related(instance: Any, nested: Nested) -> list[Any]:
    """The objects that are related now, which are loaded."""
    if nested.is_many:
        return list(getattr(instance, nested.source).all())
    try:
        found = getattr(instance, nested.source)
    except ObjectDoesNotExist:
        return []
    return [] if found is None else [found]


async def load(instances: Sequence[Any], serializer: Any, names: set[str] | None = None) -> None:
    """Loads the objects that may be written, at all levels, by one query for each relation."""
    await _loading.fill(instances, _needed(serializer, names))


def _needed(serializer: Any, names: set[str] | None = None) -> _loading.Needed:
    need = _loading.Needed(serializer.get_model())
    for nested in serializer.nested.values():
        if names is None or nested.name in names:
            branch = need.many if nested.is_many else need.one
            below = _needed(child_of(serializer.bound_fields[nested.name]))
            branch[nested.source] = _loading.Needed(nested.model, one=below.one, many=below.many)
    return need


async def _linkable(nested: Nested, child: Any, data: Any, current: Sequence[Any]) -> list[Any]:
    """The objects that the items name and that are not related yet, by one query."""
    items = data if nested.is_many and isinstance(data, list) else [data]
    known = {nested.key_of(item) for item in current}
    keys = {key[0] for item in items if (key := key_of_data(nested, child, item)) is not None and key not in known}
    wanted = {key for key in keys if not isinstance(key, int) or abs(key) <= BIGGEST_KEY}
    if not wanted:
        return []
    given = nested.options.queryset
    queryset = nested.model._meta.default_manager.all() if given is None else given
    queryset = queryset(child) if callable(queryset) else queryset.all()
    found = [item async for item in queryset.filter(**{f"{nested.key[0]}__in": wanted})]
    await load(found, child)
    return found
