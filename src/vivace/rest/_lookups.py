"""What validating many items asks the database, asked once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import CoroutineType
from typing import Any

from vivace.rest import _forms
from vivace.rest.exceptions import ValidationError
from vivace.rest.fields.base import Field
from vivace.rest.relations import ManyRelatedField, RelatedField
from vivace.rest.validators import UniqueValidator
from vivace.rest.validators import exists as any_exists
from vivace.utils.exceptions import ValidationError as ValueRefused


async def look_up_together(serializer: Any, items: Sequence[Any]) -> None:
    """Looks up the related objects that the items name, at all levels, and whether their unique values are free.

    That is one query for each such field, however many items there are. What it does not learn is asked item by item.
    """
    mappings = [item for item in items if isinstance(item, Mapping) and not _forms.is_form(item)]
    if len(mappings) < 2:
        return
    for name, field in getattr(serializer, "bound_fields", {}).items():
        if field.read_only:
            continue
        values = [item[name] for item in mappings if name in item]
        if isinstance(field, ManyRelatedField):
            await _remember(field.child_relation, _flat(values))
        elif isinstance(field, RelatedField):
            await _remember(field, values)
        elif hasattr(getattr(field, "child", None), "bound_fields"):
            await look_up_together(field.child, _flat(values))
        elif hasattr(field, "bound_fields"):
            await look_up_together(field, values)
        else:
            await _find_free(field, values)


def _flat(values: Iterable[Any]) -> list[Any]:
    return [item for value in values if isinstance(value, list) for item in value]


async def _remember(field: RelatedField, values: Sequence[Any]) -> None:
    if type(field).to_internal_value is RelatedField.to_internal_value and len(values) > 1:
        await field.remember(values)


async def _find_free(field: Field, values: Sequence[Any]) -> None:
    validators = [each for each in field.validators if isinstance(each, UniqueValidator)]
    if len(validators) != 1 or validators[0].lookup != "exact":
        return
    natives = set()
    for value in values:
        try:
            native = field.to_internal_value(value)
            natives.add(native)
        except (ValidationError, ValueRefused, TypeError):
            continue
        if isinstance(native, CoroutineType):
            native.close()
            return
    name = field.source_attrs[-1]
    # All or nothing: which of several values a database takes for equal is not for Python to say.
    if len(natives) > 1 and not await any_exists(validators[0].queryset.filter(**{f"{name}__in": natives})):
        field.free_values = natives
