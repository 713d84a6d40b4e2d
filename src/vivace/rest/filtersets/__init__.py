"""Filters by the parameters of the URL; `django_filters.rest_framework`'s names.

`base` says what a filter is; `choices`, `ranges` and `chosen` are further kinds.
`filterset` puts them together for a model, `backend` gives them to a view.
"""

from vivace.rest.filtersets.backend import DjangoFilterBackend
from vivace.rest.filtersets.base import (
    BooleanFilter,
    CharFilter,
    DateFilter,
    DateTimeFilter,
    DurationFilter,
    Filter,
    IsoDateTimeFilter,
    NumberFilter,
    TimeFilter,
    UUIDFilter,
)
from vivace.rest.filtersets.choices import (
    AllValuesFilter,
    AllValuesMultipleFilter,
    ChoiceFilter,
    ModelChoiceFilter,
    ModelMultipleChoiceFilter,
    MultipleChoiceFilter,
    TypedChoiceFilter,
    TypedMultipleChoiceFilter,
)
from vivace.rest.filtersets.chosen import LookupChoiceFilter, OrderingFilter
from vivace.rest.filtersets.filterset import ALL_FIELDS, FilterSet, filterset_factory
from vivace.rest.filtersets.ranges import (
    BaseCSVFilter,
    BaseInFilter,
    BaseRangeFilter,
    DateFromToRangeFilter,
    DateRangeFilter,
    DateTimeFromToRangeFilter,
    IsoDateTimeFromToRangeFilter,
    NumericRangeFilter,
    RangeFilter,
    TimeRangeFilter,
)

__all__ = [
    "ALL_FIELDS",
    "AllValuesFilter",
    "AllValuesMultipleFilter",
    "BaseCSVFilter",
    "BaseInFilter",
    "BaseRangeFilter",
    "BooleanFilter",
    "CharFilter",
    "ChoiceFilter",
    "DateFilter",
    "DateFromToRangeFilter",
    "DateRangeFilter",
    "DateTimeFilter",
    "DateTimeFromToRangeFilter",
    "DjangoFilterBackend",
    "DurationFilter",
    "Filter",
    "FilterSet",
    "IsoDateTimeFilter",
    "IsoDateTimeFromToRangeFilter",
    "LookupChoiceFilter",
    "ModelChoiceFilter",
    "ModelMultipleChoiceFilter",
    "MultipleChoiceFilter",
    "NumberFilter",
    "NumericRangeFilter",
    "OrderingFilter",
    "RangeFilter",
    "TimeFilter",
    "TimeRangeFilter",
    "TypedChoiceFilter",
    "TypedMultipleChoiceFilter",
    "UUIDFilter",
    "filterset_factory",
]
