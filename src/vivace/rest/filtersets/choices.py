"""Filters by one or several of some choices, and by related objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from typing import Any

from vivace.rest import fields
from vivace.rest._filtering import condition
from vivace.rest.filtersets.base import EMPTY_VALUES, NULL_VALUE, Filter, all_values, few
from vivace.rest.openapi import schemas


class ChoiceFilter(Filter):
    """One of `choices`; `null_value` ("null") finds those without a value when there is a `null_label`."""

    def __init__(self, *args: Any, null_label: str | None = None, null_value: str = NULL_VALUE, **kwargs: Any) -> None:
        kwargs.pop("empty_label", None)
        self.null_label, self.null_value = null_label, null_value
        super().__init__(*args, **kwargs)

    def make_field(self) -> fields.Field:
        choices = self.extra.get("choices", ())
        return fields.ChoiceField(choices=list(choices() if callable(choices) else choices))

    def to_python(self, text: str) -> Any:
        return self.null_value if self.null_label is not None and text == self.null_value else super().to_python(text)

    def filter(self, queryset: Any, value: Any) -> Any:
        if self.method is None and self.null_label is not None and value == self.null_value:
            return self.narrow(queryset, condition(f"{self.field_name}__isnull", True))
        return super().filter(queryset, value)


class TypedChoiceFilter(ChoiceFilter):
    """One of `choices`, made a value by `coerce`."""

    def __init__(self, *args: Any, coerce: Callable[[Any], Any] = str, **kwargs: Any) -> None:
        self.coerce = coerce
        super().__init__(*args, **kwargs)

    def to_python(self, text: str) -> Any:
        value = super().to_python(text)
        return value if value == self.null_value and self.null_label is not None else self.coerce(value)


class MultipleChoiceFilter(ChoiceFilter):
    """Some of `choices`, the parameter several times: any of them, or with `conjoined=True` all."""

    def __init__(self, *args: Any, conjoined: bool = False, always_filter: bool = True, **kwargs: Any) -> None:
        self.conjoined, self.always_filter = conjoined, always_filter
        super().__init__(*args, **kwargs)

    def clean(self, values: Any, name: str) -> list[Any] | None:
        texts = [text for text in all_values(values, name) if text != ""]
        if not texts:
            return super().clean({}, name)  # type: ignore[no-any-return]  # None, or an error
        return [self.to_python(text) for text in few(texts)]

    def filter(self, queryset: Any, value: Any) -> Any:
        if not value or self.method is not None:
            return super().filter(queryset, value)
        wanted = [self._condition(item) for item in value]
        if self.conjoined:
            for each in wanted:
                queryset = self.narrow(queryset, each)
            return queryset
        return self.narrow(queryset, reduce(or_, wanted))

    def _condition(self, value: Any) -> Any:
        if self.null_label is not None and value == self.null_value:
            return condition(f"{self.field_name}__isnull", True)
        return condition(f"{self.field_name}__{self.lookup_expr}", value)

    def parameters(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        yield name, {"type": "array", "items": schemas.field_schema(self.field)}


class TypedMultipleChoiceFilter(MultipleChoiceFilter, TypedChoiceFilter):
    """Some of `choices`, each made a value by `coerce`."""


class ModelChoiceFilter(ChoiceFilter):
    """A related object by its key, or by its `to_field_name`. A key that there is not finds nothing."""

    def __init__(self, *args: Any, queryset: Any = None, to_field_name: str | None = None, **kwargs: Any) -> None:
        self.queryset, self.to_field_name = queryset, to_field_name
        super().__init__(*args, **kwargs)

    def make_field(self) -> fields.Field:
        return _key_field(self)

    def filter(self, queryset: Any, value: Any) -> Any:
        return super().filter(queryset, value) if self.to_field_name is None else _by_field(self, queryset, value)


class ModelMultipleChoiceFilter(MultipleChoiceFilter):
    """Related objects by key, the parameter several times."""

    def __init__(self, *args: Any, queryset: Any = None, to_field_name: str | None = None, **kwargs: Any) -> None:
        self.queryset, self.to_field_name = queryset, to_field_name
        super().__init__(*args, **kwargs)

    def make_field(self) -> fields.Field:
        return _key_field(self)

    def _condition(self, value: Any) -> Any:
        is_null = self.null_label is not None and value == self.null_value
        if self.to_field_name is None or is_null:
            return super()._condition(value)
        return condition(f"{self.field_name}__{self.to_field_name}__{self.lookup_expr}", value)


def _key_field(chosen: ModelChoiceFilter | ModelMultipleChoiceFilter) -> fields.Field:
    from vivace.rest.model_fields import value_field

    rows = chosen.queryset
    if callable(rows) and not hasattr(rows, "model"):
        rows = rows(getattr(chosen.parent, "request", None))
    if rows is None:
        raise TypeError(f"{type(chosen).__name__}({chosen.field_name!r}) needs queryset=, the objects to choose from")
    options = rows.model._meta
    return value_field(options.pk if chosen.to_field_name is None else options.get_field(chosen.to_field_name))


def _by_field(chosen: ModelChoiceFilter, queryset: Any, value: Any) -> Any:
    if value in EMPTY_VALUES or chosen.method is not None or value == chosen.null_value:
        return ChoiceFilter.filter(chosen, queryset, value)
    path = f"{chosen.field_name}__{chosen.to_field_name}__{chosen.lookup_expr}"
    return chosen.narrow(queryset, condition(path, value))


class AllValuesFilter(ChoiceFilter):
    """Any value of the field. Which ones there are is not asked: one that there is not finds nothing."""

    def make_field(self) -> fields.Field:
        return _own_field(self)


class AllValuesMultipleFilter(MultipleChoiceFilter):
    """Any values of the field, the parameter several times."""

    def make_field(self) -> fields.Field:
        return _own_field(self)


def _own_field(chosen: Filter) -> fields.Field:
    from vivace.rest._filtering import target
    from vivace.rest.model_fields import value_field

    return value_field(target(chosen.model, chosen.field_name or ""))
