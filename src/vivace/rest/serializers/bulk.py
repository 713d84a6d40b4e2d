"""`BulkListSerializer`: changing many objects, each named by its key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivace.rest._typing import Instance
from vivace.rest.exceptions import ErrorDetail, ValidationError
from vivace.rest.fields.base import empty
from vivace.rest.relations import BIGGEST_KEY
from vivace.rest.serializers._nested_matching import Match, NestedItem, key_of_data, load
from vivace.rest.serializers.base import ListSerializer
from vivace.rest.serializers.nested import NestedWrites, keyed


class BulkListSerializer(ListSerializer[Instance]):
    """With an instance (a queryset): updates the objects of it that the items name. Without: creates.

    `Meta.list_serializer_class = BulkListSerializer` makes it what `many=True` gives; `key` is the model field that
    items name objects by. Items that name nothing, or what another item names, are refused by index. Everything is
    saved in one transaction, or nothing.
    """

    key = "pk"

    async def _convert_items(self, data: list[Any]) -> list[Any]:
        if self.instance is not None:
            await self._match(data)
        return await super()._convert_items(data)

    async def _match(self, data: list[Any]) -> None:
        name = type(self).__name__
        named = keyed(self.child, NestedWrites(key=self.key, create=False), name)
        keys = {key[0] for item in data if (key := key_of_data(named, self.child, item)) is not None}
        wanted = {key for key in keys if not isinstance(key, int) or abs(key) <= BIGGEST_KEY}
        rows = self.instance.filter(**{f"{named.key[0]}__in": wanted}) if hasattr(self.instance, "filter") else []
        found = [row async for row in rows] if hasattr(rows, "__aiter__") else list(self.instance)
        await load(found, self.child)
        self.matches = _OnlyKnown(named, self.child, found, [])

    def _merge(self, extra: Mapping[str, Any]) -> Any:
        merged = []
        for attrs in self._validated_data:
            item = NestedItem({**attrs, **extra})
            item.instance = getattr(attrs, "instance", None)
            merged.append(item)
        return merged

    async def update(self, instance: Any, validated_data: Any) -> Any:
        """Updates the objects that the items name; returns them in the order of the items."""
        named = self.matches.nested
        pairs = []
        for item in validated_data:
            left_out = {*named.key, "pk"} if named.key_is_generated else set()
            pairs.append((item.instance, {name: value for name, value in item.items() if name not in left_out}))
        saved: list[Any] = await self.child.update_many(pairs)
        return saved


class _OnlyKnown(Match):
    """Every item must name one of the objects."""

    def find(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return None  # as its validation will say
        for name in self.nested.key_names:
            field = self.child.bound_fields[name]
            if (value := field.get_value(data)) in (empty, None, ""):
                raise ValidationError({name: [ErrorDetail("This field is required.", "required")]})
            try:
                field.run_validation(value)
            except ValidationError as error:
                raise ValidationError({name: error.detail}) from error
        key = key_of_data(self.nested, self.child, data)
        if key not in self.current:
            self._refuse(f'Invalid pk "{key and key[0]}" - object does not exist.', "does_not_exist")
        return super().find(data)
