"""The filter backend that gives a view its FilterSet; `django_filters.rest_framework.DjangoFilterBackend`."""

from __future__ import annotations

from typing import Any

from vivace.rest._filtering import BaseFilterBackend, parameter
from vivace.rest.exceptions import ValidationError
from vivace.rest.filtersets.filterset import FilterSet, filterset_factory
from vivace.rest.request import Request


class DjangoFilterBackend(BaseFilterBackend):
    """`?year=2024&title__icontains=sea`: the view's `filterset_class`, or one for its `filterset_fields`.

    `filterset_fields` is a list of fields or `{field: [lookups]}`. A value that the field cannot have is a 400 that
    names the parameter; parameters that are no filters are left to others. `__in` takes a list with commas, `__range`
    two values, `__isnull` true or false.
    """

    filterset_base: type[FilterSet] = FilterSet
    raise_exception = True

    def get_filterset_class(self, view: Any, queryset: Any = None) -> type[FilterSet] | None:
        """The view's FilterSet, or None for a view without."""
        named: type[FilterSet] | None = getattr(view, "filterset_class", None)
        if named is not None:
            self._check_model(view, named, queryset)
            return named
        chosen = getattr(view, "filterset_fields", None)
        if not chosen or queryset is None:
            return None
        known: dict[Any, tuple[Any, type[FilterSet]]] = type(view).__dict__.get("_filtersets") or {}
        found = known.get(queryset.model)
        if found is None or found[0] is not chosen:
            found = (chosen, filterset_factory(queryset.model, chosen, self.filterset_base))
            type(view)._filtersets = {**known, queryset.model: found}
        return found[1]

    def _check_model(self, view: Any, named: type[FilterSet], queryset: Any) -> None:
        model = named._meta.model
        if model is not None and queryset is not None and not issubclass(queryset.model, model):
            asked = queryset.model.__name__
            raise TypeError(f"{type(view).__name__}: {named.__name__} is for {model.__name__}, the queryset of {asked}")

    def get_filterset_kwargs(self, request: Request, queryset: Any, view: Any) -> dict[str, Any]:
        """What the FilterSet is made with."""
        return {"data": request.query_params, "queryset": queryset, "request": request}

    def get_filterset(self, request: Request, queryset: Any, view: Any) -> FilterSet | None:
        """The FilterSet with the request's parameters, or None for a view without."""
        cls = self.get_filterset_class(view, queryset)
        return None if cls is None else cls(**self.get_filterset_kwargs(request, queryset, view))

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if filterset.errors and self.raise_exception:
            raise ValidationError(filterset.errors)
        return filterset.qs

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        queryset = view.get_queryset()
        cls = self.get_filterset_class(view, queryset)
        if cls is None:
            return []
        return [
            parameter(name, each.label or "", schema)
            for key, each in cls(queryset=queryset).filters.items()
            for name, schema in each.parameters(key)
        ]
