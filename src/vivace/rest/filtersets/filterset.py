"""`FilterSet`: filters for a model's fields, declared or made from `Meta.fields`; django-filter's names."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from vivace.rest import fields, model_fields
from vivace.rest._filtering import steps, target
from vivace.rest._models import is_to_many
from vivace.rest.exceptions import ValidationError
from vivace.rest.filtersets import base, choices, ranges
from vivace.rest.filtersets.base import Filter
from vivace.utils.suggest import did_you_mean

ALL_FIELDS = "__all__"
TEXT_LOOKUPS = frozenset(
    "contains icontains startswith istartswith endswith iendswith iexact regex iregex search".split()  # noqa: SIM905
)
# Parts of dates, which are numbers.
NUMBER_LOOKUPS = frozenset(
    "year iso_year month day week week_day iso_week_day quarter hour minute second length len".split()  # noqa: SIM905
)
FILTER_CLASSES: Mapping[str, type[Filter]] = {
    "string": base.CharFilter,
    "text": base.CharFilter,
    "boolean": base.BooleanFilter,
    "date": base.DateFilter,
    "datetime": base.IsoDateTimeFilter,
    "time": base.TimeFilter,
    "duration": base.DurationFilter,
    "uuid": base.UUIDFilter,
}


class FilterSetOptions:
    """What `Meta` says."""

    def __init__(self, options: Any = None) -> None:
        self.model: Any = getattr(options, "model", None)
        self.fields = getattr(options, "fields", None)
        self.exclude = getattr(options, "exclude", None)
        self.filter_overrides: Mapping[Any, Mapping[str, Any]] = getattr(options, "filter_overrides", {})


class FilterSetMetaclass(type):
    """Collects the filters. Raises TypeError for a field that the model does not have."""

    declared_filters: dict[str, Filter]
    base_filters: dict[str, Filter]
    _meta: FilterSetOptions

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> FilterSetMetaclass:
        own = {key: namespace.pop(key) for key, value in list(namespace.items()) if isinstance(value, Filter)}
        for key, declared in own.items():
            declared.field_name = key if declared.field_name is None else declared.field_name
        cls = super().__new__(mcs, name, bases, namespace)
        inherited: dict[str, Filter] = {}
        for parent in reversed(cls.__mro__[1:]):
            inherited.update(vars(parent).get("own_filters", {}))
        inherited = {key: value for key, value in inherited.items() if key not in namespace}
        cls.own_filters = own  # type: ignore[attr-defined]
        cls.declared_filters = {**inherited, **own}
        cls._meta = FilterSetOptions(getattr(cls, "Meta", None))
        cls.base_filters = cls.get_filters()  # type: ignore[attr-defined]
        return cls


class FilterSet(metaclass=FilterSetMetaclass):
    """Narrows a queryset by the parameters of a URL.

    class BookFilter(FilterSet):
        cheap = BooleanFilter(method="only_cheap")

        class Meta:
            model = Book
            fields = {"price": ["gte", "lte"], "published": ["year", "range"]}

        def only_cheap(self, queryset, name, value):
            return queryset.filter(price__lt=5) if value else queryset

    `data` is a mapping (of several values, as `request.query_params`). Nothing here asks the database.
    """

    declared_filters: ClassVar[dict[str, Filter]]
    base_filters: ClassVar[dict[str, Filter]]
    _meta: ClassVar[FilterSetOptions]

    def __init__(
        self, data: Any = None, queryset: Any = None, *, request: Any = None, prefix: str | None = None
    ) -> None:
        self.is_bound = data is not None
        self.data = {} if data is None else data
        self.queryset = self._meta.model._meta.default_manager.all() if queryset is None else queryset
        self.request, self.form_prefix = request, prefix
        self.filters = {name: copy.copy(each) for name, each in self.base_filters.items()}
        for each in self.filters.values():
            each.parent, each.model = self, self.queryset.model

    @cached_property
    def _cleaned(self) -> tuple[dict[str, Any], dict[str, Any]]:
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, each in self.filters.items():
            try:
                values[name] = each.clean(self.data, f"{self.form_prefix}-{name}" if self.form_prefix else name)
            except ValidationError as error:
                errors[name] = error.detail
        return values, errors

    @property
    def cleaned_data(self) -> dict[str, Any]:
        """The value of each filter; None for those that were not asked for."""
        return self._cleaned[0]

    @property
    def errors(self) -> dict[str, Any]:
        """What is wrong, by parameter."""
        return self._cleaned[1] if self.is_bound else {}

    def is_valid(self) -> bool:
        """Whether there is data, with nothing wrong in it."""
        return self.is_bound and not self.errors

    def filter_queryset(self, queryset: Any) -> Any:
        """`queryset` narrowed by every filter; override it to look at several together."""
        for name, value in self.cleaned_data.items():
            queryset = self.filters[name].filter(queryset, value)
        return queryset

    @cached_property
    def qs(self) -> Any:
        """The narrowed queryset. Parameters with errors narrow nothing: ask `is_valid()` before."""
        queryset = self.queryset.all()
        return self.filter_queryset(queryset) if self.is_bound else queryset

    # Making filters

    @classmethod
    def get_fields(cls) -> dict[str, Sequence[str]]:
        """The fields of `Meta`, each with its lookups."""
        options = cls._meta
        named = options.fields
        if named is None and options.exclude is None:
            raise TypeError(f'{cls.__name__}.Meta names a model, so it needs `fields` (or "__all__") or `exclude`')
        if named is None or named == ALL_FIELDS:
            named = [field.name for field in options.model._meta.concrete_fields if not field.spec.secret]
        pairs = named.items() if isinstance(named, Mapping) else ((name, ("exact",)) for name in named)
        left_out = set(options.exclude or ())
        return {
            name: (lookups,) if isinstance(lookups, str) else lookups for name, lookups in pairs if name not in left_out
        }

    @classmethod
    def get_filter_name(cls, field_name: str, lookup_expr: str) -> str:
        """The parameter of a field and a lookup: "price__gte"; "exact" is not said."""
        return f"{field_name}__{lookup_expr}".removesuffix("__exact")

    @classmethod
    def get_filters(cls) -> dict[str, Filter]:
        """All filters: those made for `Meta.fields`, then those declared."""
        if cls._meta.model is None:
            return dict(cls.declared_filters)
        found: dict[str, Filter] = {}
        for field_name, lookups in cls.get_fields().items():
            for lookup in lookups:
                name = cls.get_filter_name(field_name, lookup)
                declared = cls.declared_filters.get(name)
                found[name] = cls.filter_for_field(field_name, lookup) if declared is None else declared
        return {**found, **cls.declared_filters}

    @classmethod
    def filter_for_field(cls, field_name: str, lookup_expr: str = "exact") -> Filter:
        """A new filter for a field of the model and a lookup. Raises TypeError for no such field."""
        model = cls._meta.model
        path = list(steps(model, field_name))
        if len(path) != len(field_name.split("__")):
            place = path[-1].related_model if path else model
            unknown = field_name.split("__")[len(path)]
            names = [] if place is None else [field.name for field in place._meta.get_fields()]
            owner = field_name if place is None else place.__name__
            raise TypeError(
                f'{cls.__name__}: there is no field "{unknown}" on {owner}. '
                + did_you_mean(unknown, names, listed_as="Fields")
            )
        return cls.filter_for_lookup(target(model, field_name), field_name, lookup_expr)

    @classmethod
    def filter_for_lookup(cls, field: Any, field_name: str, lookup_expr: str) -> Filter:
        """The filter that reads what this lookup compares the field with."""
        overriding = next((each for kind, each in cls._meta.filter_overrides.items() if isinstance(field, kind)), None)
        if overriding is not None:
            extra = overriding.get("extra", lambda _: {})(field)
            made: Filter = overriding["filter_class"](field_name, lookup_expr, **extra)
            return made
        *transforms, lookup = lookup_expr.split("__")
        if lookup == "isnull":
            return base.BooleanFilter(field_name, lookup_expr)
        if lookup in TEXT_LOOKUPS:
            return base.CharFilter(field_name, lookup_expr, trim_whitespace=False)
        if NUMBER_LOOKUPS & {lookup, *transforms}:
            kind, value = base.NumberFilter, fields.IntegerField(min_value=-(2**31), max_value=2**31 - 1)
            return _several(kind, lookup)(field_name, lookup_expr, field=value)
        if {"date", "time"} & {lookup, *transforms}:
            made_for = base.DateFilter if "date" in (lookup, *transforms) else base.TimeFilter
            return _several(made_for, lookup)(field_name, lookup_expr)
        value_field = model_fields.value_field(field)
        if lookup == "exact" and field.related_model is not None:
            extra = {"null_label": "null"} if getattr(field, "null", False) else {}
            chosen = choices.ModelMultipleChoiceFilter if is_to_many(field) else choices.ModelChoiceFilter
            queryset = field.related_model._meta.default_manager
            return chosen(field_name, lookup_expr, queryset=queryset, field=value_field, **extra)
        spec = getattr(field, "spec", None)
        kind_name = "" if spec is None else spec.kind
        if spec is not None and spec.choices and lookup == "exact":
            null = {"null_label": "null"} if spec.null else {}
            return choices.ChoiceFilter(field_name, lookup_expr, choices=spec.choices, field=value_field, **null)
        number = base.NumberFilter if isinstance(value_field, _NUMBERS) else base.CharFilter
        filter_class = FILTER_CLASSES.get(kind_name, number)
        return _several(filter_class, lookup)(field_name, lookup_expr, field=value_field)


_NUMBERS = (fields.IntegerField, fields.FloatField, fields.DecimalField)
_made: dict[tuple[type[Filter], type[Filter]], type[Filter]] = {}


def _several(kind: type[Filter], lookup: str) -> type[Filter]:
    """The class for a lookup that takes several values; `kind` itself for others."""
    mixin: type[Filter] | None = {"in": ranges.BaseInFilter, "range": ranges.BaseRangeFilter}.get(lookup)
    if mixin is None:
        return kind
    if (mixin, kind) not in _made:
        _made[mixin, kind] = type(f"{kind.__name__}{lookup.title()}", (mixin, kind), {})
    return _made[mixin, kind]


def filterset_factory(model: Any, fields: Any = ALL_FIELDS, filterset: type[FilterSet] = FilterSet) -> type[FilterSet]:
    """A FilterSet of these fields of the model."""
    meta = type("Meta", (), {"model": model, "fields": fields})
    made: Any = type(f"{model.__name__}FilterSet", (filterset,), {"Meta": meta})
    found: type[FilterSet] = made
    return found
