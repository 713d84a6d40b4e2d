"""One filter of a FilterSet: which parameters it reads, what their values may be, and how they narrow a queryset."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vivace.rest import fields
from vivace.rest._filtering import condition, crosses_many
from vivace.rest.exceptions import ValidationError
from vivace.rest.openapi import schemas

# Values in one parameter: each is one more for the database.
MAX_LIST_VALUES = 1000
EMPTY_VALUES: tuple[Any, ...] = (None, "", [], (), {})
# What stands for NULL among the values of a choice.
NULL_VALUE = "null"

Values = Mapping[str, Any]
_created = itertools.count()


class Filter:
    """Compares a field by a lookup: `Filter(field_name="price", lookup_expr="gte")`; arguments are django-filter's.

    * `method`: a function `(queryset, name, value)`, or the name of one of the FilterSet's, that filters instead.
    * `exclude`: those that match are left out. `distinct`: no object twice.
    * `field`: the serializer field that reads the value; by default one of `field_class`, made of further arguments.

    An object that matches by several of its related objects is there once, `distinct` or not.
    """

    field_class: type[fields.Field] = fields.Field
    parent: Any = None
    model: Any = None

    def __init__(
        self,
        field_name: str | None = None,
        lookup_expr: str | None = None,
        *,
        label: str | None = None,
        method: str | Callable[[Any, str, Any], Any] | None = None,
        distinct: bool = False,
        exclude: bool = False,
        field: fields.Field | None = None,
        required: bool = False,
        **extra: Any,
    ) -> None:
        self.field_name, self.lookup_expr = field_name, lookup_expr or "exact"
        self.label, self.method, self.distinct, self.exclude = label, method, distinct, exclude
        self.required, self.extra, self._field = required, extra, field
        self.creation_counter = next(_created)

    @property
    def field(self) -> fields.Field:
        """What reads the value."""
        if self._field is None:
            self._field = self.make_field()
        return self._field

    def make_field(self) -> fields.Field:
        """A new field to read values with."""
        known = {name: value for name, value in self.extra.items() if name not in ("help_text", "widget", "null_label")}
        return self.field_class(**known)

    def clean(self, values: Any, name: str) -> Any:
        """The value in the parameters `values`, None when there is none. Raises ValidationError."""
        text = values.get(name)
        if text is None or text == "":
            if self.required:
                raise ValidationError(["This field is required."], "required")
            return None
        return self.to_python(text)

    def to_python(self, text: str) -> Any:
        """What a text stands for. Raises ValidationError."""
        return self.field.run_validation(text)

    def filter(self, queryset: Any, value: Any) -> Any:
        """`queryset` narrowed to `value`; as it is for an empty one."""
        if value in EMPTY_VALUES:
            return queryset
        if self.method is not None:
            return self._call_method(queryset, value)
        return self.narrow(queryset, condition(f"{self.field_name}__{self.lookup_expr}", value))

    def narrow(self, queryset: Any, wanted: Any) -> Any:
        """The objects for which the condition holds, or with `exclude` those for which it does not."""
        if self.exclude:
            found = queryset.exclude(wanted)
        elif crosses_many(queryset.model, self.field_name or ""):
            # A join would give an object once for each of its related rows that match.
            found = queryset.filter(pk__in=queryset.filter(wanted).order_by().values("pk"))
        else:
            found = queryset.filter(wanted)
        return found.distinct() if self.distinct else found

    def _call_method(self, queryset: Any, value: Any) -> Any:
        method = self.method
        if isinstance(method, str):
            name, method = method, getattr(self.parent, method, None)
            if method is None:
                raise TypeError(f"{type(self.parent).__name__} has no method {name!r}, which {self.field_name} names")
        assert callable(method)
        found = method(queryset, self.field_name or "", value)
        if not hasattr(found, "filter"):
            raise TypeError(f"{self.method}() must return a queryset, and not be `async`; it returned {found!r}")
        return found

    def parameters(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """The parameters that it reads, each with the JSON Schema of its value."""
        yield name, schemas.field_schema(self.field)


class CharFilter(Filter):
    """Text."""

    field_class = fields.CharField

    def make_field(self) -> fields.Field:
        return fields.CharField(**{"trim_whitespace": True, **self.extra})


class BooleanFilter(Filter):
    """`true` or `false`."""

    field_class = fields.BooleanField


class UUIDFilter(Filter):
    """A UUID."""

    field_class = fields.UUIDField


class DateFilter(Filter):
    """A day."""

    field_class = fields.DateField


class DateTimeFilter(Filter):
    """A moment, ISO 8601."""

    field_class = fields.DateTimeField


class IsoDateTimeFilter(DateTimeFilter):
    """A moment, ISO 8601."""


class TimeFilter(Filter):
    """A time of day."""

    field_class = fields.TimeField


class DurationFilter(Filter):
    """A length of time."""

    field_class = fields.DurationField


class NumberFilter(Filter):
    """A number."""

    def make_field(self) -> fields.Field:
        return fields.DecimalField(**{"max_digits": None, "decimal_places": None, **self.extra})


def all_values(values: Any, name: str) -> list[str]:
    """Every value of one parameter."""
    if hasattr(values, "getlist"):
        return list(values.getlist(name))
    found = values.get(name)
    return list(found) if isinstance(found, list | tuple) else [] if found is None else [found]


def few(values: list[str]) -> list[str]:
    """`values`. Raises ValidationError for more of them than anybody means."""
    if len(values) > MAX_LIST_VALUES:
        raise ValidationError([f"Ensure there are no more than {MAX_LIST_VALUES} values."], "max_length")
    return values
