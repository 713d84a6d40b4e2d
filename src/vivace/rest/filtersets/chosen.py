"""Filters whose lookup, or order, the client chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vivace.rest import fields
from vivace.rest._filtering import condition
from vivace.rest.exceptions import ValidationError
from vivace.rest.filtersets.base import MAX_LIST_VALUES, Filter, few
from vivace.rest.openapi import schemas


class LookupChoiceFilter(Filter):
    """`?price=5&price_lookup=gt`: the client chooses the lookup among `lookup_choices`."""

    def __init__(
        self,
        field_name: str | None = None,
        lookup_choices: Sequence[str | tuple[str, str]] | None = None,
        field_class: type[fields.Field] | None = None,
        **kwargs: Any,
    ) -> None:
        self.lookup_choices = [choice if isinstance(choice, str) else choice[0] for choice in lookup_choices or ()]
        if field_class is not None:
            self.field_class = field_class
        super().__init__(field_name, **kwargs)

    def make_field(self) -> fields.Field:
        return fields.CharField() if self.field_class is fields.Field else super().make_field()

    def clean(self, values: Any, name: str) -> Any:
        value = super().clean(values, name)
        if value is None:
            return None
        lookup = values.get(f"{name}_lookup") or self._choices()[0]
        if lookup not in self._choices():
            raise ValidationError([f"Select a lookup: {', '.join(self._choices())}."], "lookup_required")
        return value, lookup

    def _choices(self) -> Sequence[str]:
        return self.lookup_choices or ["exact", "gt", "gte", "lt", "lte"]

    def filter(self, queryset: Any, value: Any) -> Any:
        if value is None or self.method is not None:
            return super().filter(queryset, value)
        return self.narrow(queryset, condition(f"{self.field_name}__{value[1]}", value[0]))

    def parameters(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        yield name, schemas.field_schema(self.field)
        yield f"{name}_lookup", {"type": "string", "enum": list(self._choices())}


class OrderingFilter(Filter):
    """`?o=-price,title`: an order among `fields`, a list of fields, or of `(field, name in the URL)`, or a mapping."""

    def __init__(self, *args: Any, fields: Any = (), field_labels: Any = None, **kwargs: Any) -> None:
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        named = [(item, item) if isinstance(item, str) else tuple(item) for item in pairs]
        self.param_map: dict[str, str] = {parameter: field for field, parameter in named}
        super().__init__(*args, **kwargs)

    def clean(self, values: Any, name: str) -> list[str] | None:
        text = values.get(name)
        if not text:
            return None
        asked = [part.strip() for part in few(text.split(",", MAX_LIST_VALUES))]
        for part in asked:
            if part.removeprefix("-") not in self.param_map:
                message = f"Select a valid choice. {part} is not one of the available choices."
                raise ValidationError([message], "invalid_choice")
        return asked

    def filter(self, queryset: Any, value: Any) -> Any:
        if value is None or self.method is not None:
            return super().filter(queryset, value)
        return queryset.order_by(*(self.get_ordering_value(part) for part in value))

    def get_ordering_value(self, param: str) -> str:
        """The field to order by for one part of the parameter."""
        sign = "-" if param.startswith("-") else ""
        return sign + self.param_map[param.removeprefix("-")]

    def parameters(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        yield name, {"type": "string"}
