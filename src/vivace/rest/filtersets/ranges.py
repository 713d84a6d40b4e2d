"""Filters by several values: lists with commas, and what lies between two."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vivace.rest import fields
from vivace.rest._filtering import condition
from vivace.rest.exceptions import ValidationError
from vivace.rest.filtersets.base import MAX_LIST_VALUES, Filter, NumberFilter, few
from vivace.rest.filtersets.choices import ChoiceFilter
from vivace.rest.openapi import schemas


class BaseCSVFilter(Filter):
    """Values with commas between them; mix it in before the filter of one: `class In(BaseInFilter, NumberFilter)`."""

    def to_python(self, text: str) -> Any:
        parts = [part.strip() for part in text.split(",", MAX_LIST_VALUES)]
        return [super(BaseCSVFilter, self).to_python(part) for part in few(parts)]

    def parameters(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        yield name, {"type": "array", "items": schemas.field_schema(self.field)}


class BaseInFilter(BaseCSVFilter):
    """One of some values: `?id__in=1,2,3`."""

    def __init__(self, field_name: str | None = None, lookup_expr: str | None = "in", **kwargs: Any) -> None:
        super().__init__(field_name, lookup_expr, **kwargs)


class BaseRangeFilter(BaseCSVFilter):
    """Between two values, both included: `?price__range=5,10`."""

    def __init__(self, field_name: str | None = None, lookup_expr: str | None = "range", **kwargs: Any) -> None:
        super().__init__(field_name, lookup_expr, **kwargs)

    def to_python(self, text: str) -> Any:
        if text.count(",") != 1:
            raise ValidationError(["Give two values with a comma between them."], "invalid_values")
        return super().to_python(text)


class RangeFilter(NumberFilter):
    """`?price_min=5&price_max=10`, either or both."""

    suffixes = ("min", "max")

    def clean(self, values: Any, name: str) -> Any:
        ends = []
        for suffix in self.suffixes:
            text = values.get(f"{name}_{suffix}")
            ends.append(None if text is None or text == "" else self.to_python(text))
        if ends == [None, None]:
            if self.required:
                raise ValidationError(["This field is required."], "required")
            return None
        return slice(*self.complete(ends[0], ends[1]))

    def complete(self, start: Any, stop: Any) -> tuple[Any, Any]:
        """The two ends as the database compares them."""
        return start, stop

    def filter(self, queryset: Any, value: Any) -> Any:
        if value is None or self.method is not None:
            return super().filter(queryset, value)
        path = self.field_name
        if value.start is not None and value.stop is not None:
            return self.narrow(queryset, condition(f"{path}__range", (value.start, value.stop)))
        if value.start is not None:
            return self.narrow(queryset, condition(f"{path}__gte", value.start))
        return self.narrow(queryset, condition(f"{path}__lte", value.stop))

    def parameters(self, name: str) -> Iterable[tuple[str, dict[str, Any]]]:
        for suffix in self.suffixes:
            yield f"{name}_{suffix}", schemas.field_schema(self.field)


class NumericRangeFilter(RangeFilter):
    """A range column of PostgreSQL, by `_min` and `_max`: equal to it, or beginning or ending there."""

    def filter(self, queryset: Any, value: Any) -> Any:
        if value is None or self.method is not None:
            return super().filter(queryset, value)
        if value.start is not None and value.stop is not None:
            wanted = condition(f"{self.field_name}__{self.lookup_expr}", (value.start, value.stop))
        elif value.start is not None:
            wanted = condition(f"{self.field_name}__startswith", value.start)
        else:
            wanted = condition(f"{self.field_name}__endswith", value.stop)
        return self.narrow(queryset, wanted)


class _Between(RangeFilter):
    suffixes = ("after", "before")

    def make_field(self) -> fields.Field:
        return self.field_class(**self.extra)


class DateFromToRangeFilter(_Between):
    """`?published_after=2024-01-01&published_before=2024-12-31`, both days included; of moments, in UTC."""

    field_class = fields.DateField

    def complete(self, start: Any, stop: Any) -> tuple[Any, Any]:
        if _kind(self) != "datetime":
            return start, stop
        return (
            None if start is None else dt.datetime.combine(start, dt.time.min, dt.UTC),
            None if stop is None else dt.datetime.combine(stop, dt.time.max, dt.UTC),
        )


class DateTimeFromToRangeFilter(_Between):
    """`?created_after=…&created_before=…`, moments."""

    field_class = fields.DateTimeField


class IsoDateTimeFromToRangeFilter(DateTimeFromToRangeFilter):
    """`?created_after=…&created_before=…`, moments."""


class TimeRangeFilter(RangeFilter):
    """`?opens_start=…&opens_end=…`, times of day."""

    suffixes = ("start", "end")
    field_class = fields.TimeField

    def make_field(self) -> fields.Field:
        return self.field_class(**self.extra)


class DateRangeFilter(ChoiceFilter):
    """`?published=week`: today, yesterday, week (the past 7 days), month, year; days are UTC's."""

    choices: Sequence[tuple[str, str]] = (
        ("today", "Today"),
        ("yesterday", "Yesterday"),
        ("week", "Past 7 days"),
        ("month", "This month"),
        ("year", "This year"),
    )
    # What gives the first day and the day after the last, from today.
    filters: Mapping[str, Callable[[dt.date], tuple[dt.date, dt.date]]] = {
        "today": lambda today: (today, today + dt.timedelta(days=1)),
        "yesterday": lambda today: (today - dt.timedelta(days=1), today),
        "week": lambda today: (today - dt.timedelta(days=7), today + dt.timedelta(days=1)),
        "month": lambda today: (today.replace(day=1), (today.replace(day=28) + dt.timedelta(days=4)).replace(day=1)),
        "year": lambda today: (today.replace(month=1, day=1), dt.date(today.year + 1, 1, 1)),
    }

    def __init__(self, *args: Any, choices: Any = None, filters: Any = None, **kwargs: Any) -> None:
        if choices is not None:
            self.choices = tuple(choices.items() if isinstance(choices, Mapping) else choices)
        if filters is not None:
            self.filters = filters
        differ = {value for value, _ in self.choices} ^ set(self.filters)
        if differ:
            raise ValueError(f"DateRangeFilter: in only one of choices and filters: {', '.join(sorted(differ))}")
        super().__init__(*args, choices=self.choices, **kwargs)

    def filter(self, queryset: Any, value: Any) -> Any:
        if not value or self.method is not None:
            return super().filter(queryset, value)
        ends: Sequence[dt.date] = self.filters[value](dt.datetime.now(dt.UTC).date())
        if _kind(self, queryset.model) == "datetime":
            ends = [dt.datetime.combine(day, dt.time.min, dt.UTC) for day in ends]
        since, until = condition(f"{self.field_name}__gte", ends[0]), condition(f"{self.field_name}__lt", ends[1])
        return self.narrow(queryset, since & until)


def _kind(asked: Filter, model: Any = None) -> str | None:
    from vivace.rest._filtering import steps

    found = list(steps(model or asked.model, asked.field_name or ""))
    spec = getattr(found[-1], "spec", None) if found else None
    return None if spec is None else spec.kind
