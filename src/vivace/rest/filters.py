"""Narrowing and ordering a list by the URL's parameters; `rest_framework.filters`, and a small FilterSet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from vivace.orm import Q
from vivace.orm.exceptions import FieldDoesNotExist
from vivace.rest import fields, model_fields
from vivace.rest._models import is_to_many
from vivace.rest.exceptions import ValidationError
from vivace.rest.openapi import schemas
from vivace.rest.request import Request

# Each search term is one condition more for the database.
MAX_SEARCH_TERMS = 32
MAX_LIST_VALUES = 1000


class BaseFilterBackend:
    """Changes a list's queryset by the request."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        """The changed queryset. Raises ValidationError for values that make no sense."""
        raise NotImplementedError(f"{type(self).__name__}.filter_queryset() is needed")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The OpenAPI parameters that this backend reads."""
        return []


class SearchFilter(BaseFilterBackend):
    """`?search=some words`: every word must be found in one of the view's `search_fields`, letter case ignored.

    A field's prefix changes how: `^` at the start, `=` the whole value, `$` as a regular expression. Quotes keep words
    together. A field may follow relations (`author__name`) and may name its lookup (`title__startswith`).
    """

    search_param = "search"
    search_title = "Search"
    search_description = "A search term."
    lookup_prefixes: Mapping[str, str] = {"^": "istartswith", "=": "iexact", "@": "search", "$": "iregex"}
    default_lookup = "icontains"

    def get_search_fields(self, view: Any, request: Request) -> Sequence[str]:
        """The fields to search in; none, and nothing is searched."""
        return getattr(view, "search_fields", None) or ()

    def get_search_terms(self, request: Request) -> list[str]:
        """The words asked for. Raises ValidationError for control characters and for too many words."""
        text = request.query_params.get(self.search_param, "")
        if not text:
            return []
        try:
            cleaned = fields.CharField(trim_whitespace=False, allow_blank=True).run_validation(text)
        except ValidationError as error:
            raise ValidationError({self.search_param: error.detail}) from error
        terms = split_terms(cleaned)
        if len(terms) > MAX_SEARCH_TERMS:
            raise ValidationError({self.search_param: [f"Ensure there are no more than {MAX_SEARCH_TERMS} terms."]})
        return terms

    def construct_search(self, field_name: str, queryset: Any) -> str:
        """The lookup for one of the search fields."""
        if field_name[0] in self.lookup_prefixes:
            return f"{field_name[1:]}__{self.lookup_prefixes[field_name[0]]}"
        return field_name if _names_lookup(queryset.model, field_name) else f"{field_name}__{self.default_lookup}"

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        search_fields = self.get_search_fields(view, request)
        terms = self.get_search_terms(request)
        if not search_fields or not terms:
            return queryset
        lookups = [self.construct_search(name, queryset) for name in search_fields]
        if any(lookup.endswith("regex") for lookup in lookups):
            self._check_patterns(terms)
        found = queryset
        for term in terms:
            found = found.filter(reduce(or_, (_condition(lookup, term) for lookup in lookups)))
        if any(_crosses_many(queryset.model, lookup) for lookup in lookups):
            # A join would give an object once for each of its related rows that match.
            found = queryset.filter(pk__in=found.order_by().values("pk"))
        return found

    def _check_patterns(self, terms: Sequence[str]) -> None:
        for term in terms:
            try:
                re.compile(term)
            except re.error as error:
                message = f"{term!r} is not a regular expression: {error}."
                raise ValidationError({self.search_param: [message]}) from error

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        if not getattr(view, "search_fields", None):
            return []
        return [_parameter(self.search_param, self.search_description, {"type": "string"})]


class OrderingFilter(BaseFilterBackend):
    """`?ordering=-published,title`, restricted to the view's `ordering_fields`; unknown names are ignored.

    Without `ordering_fields` the fields that the serializer shows can be ordered by; `"__all__"` means every column.
    The view's `ordering` is used when the client asks for none.
    """

    ordering_param = "ordering"
    ordering_description = "Which field to use when ordering the results."

    def get_default_ordering(self, view: Any) -> Sequence[str]:
        """The view's `ordering`, one name or several."""
        ordering = getattr(view, "ordering", None) or ()
        return (ordering,) if isinstance(ordering, str) else ordering

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> Sequence[str]:
        """What to order by; empty for the queryset's own order."""
        asked = request.query_params.get(self.ordering_param)
        if asked:
            allowed = set(self.get_valid_fields(queryset, view))
            names = [name.strip() for name in asked.split(",", MAX_SEARCH_TERMS)]
            ordering = [name for name in dict.fromkeys(names) if name.removeprefix("-") in allowed]
            if ordering:
                return ordering
        return self.get_default_ordering(view)

    def get_valid_fields(self, queryset: Any, view: Any) -> list[str]:
        """The names that may be ordered by."""
        named = getattr(view, "ordering_fields", None)
        if named is None:
            shown = view.get_serializer().bound_fields.values() if hasattr(view, "get_serializer") else ()
            return [field.source.replace(".", "__") for field in shown if _is_orderable(field)]
        if named == "__all__":
            return [field.name for field in queryset.model._meta.concrete_fields if not field.spec.secret]
        return [name if isinstance(name, str) else name[0] for name in named]

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        ordering = self.get_ordering(request, queryset, view)
        return queryset.order_by(*ordering) if ordering else queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [_parameter(self.ordering_param, self.ordering_description, {"type": "string"})]


class FieldFilter(BaseFilterBackend):
    """`?year=2024&title__icontains=sea`: the view's `filterset_fields`, a list of fields or `{field: [lookups]}`.

    The names are django-filter's. A value that the field cannot have is a 400 that names the parameter; parameters that
    are no filters are left to others. Dates, numbers and keys are compared as such; `__in` takes a list with commas,
    `__range` two values, `__isnull` true or false.
    """

    def filters(self, view: Any, model: Any) -> Iterator[tuple[str, str, str]]:
        """`(parameter, field, lookup)` for each filter of the view."""
        named = getattr(view, "filterset_fields", None) or ()
        for name in named:
            lookups = named[name] if isinstance(named, Mapping) else ("exact",)
            for lookup in (lookups,) if isinstance(lookups, str) else lookups:
                yield (name if lookup == "exact" else f"{name}__{lookup}"), name, lookup

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        model = queryset.model
        conditions: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        crosses_many = False
        for parameter, name, lookup in self.filters(view, model):
            text = request.query_params.get(parameter)
            if text is None or text == "":
                continue
            try:
                conditions[f"{name}__{lookup}"] = self.clean(model, name, lookup, text)
            except ValidationError as error:
                errors[parameter] = error.detail
            crosses_many = crosses_many or _crosses_many(model, name)
        if errors:
            raise ValidationError(errors)
        if not conditions:
            return queryset
        found = queryset.filter(**conditions)
        return queryset.filter(pk__in=found.order_by().values("pk")) if crosses_many else found

    def clean(self, model: Any, name: str, lookup: str, text: str) -> Any:
        """The value to compare with. Raises ValidationError."""
        if lookup == "isnull":
            return fields.BooleanField().run_validation(text)
        if lookup in ("icontains", "contains", "istartswith", "startswith", "iendswith", "endswith", "iexact"):
            return fields.CharField(trim_whitespace=False).run_validation(text)
        value_field = model_fields.value_field(_target(model, name))
        if lookup not in ("in", "range"):
            return value_field.run_validation(text)
        parts = text.split(",", MAX_LIST_VALUES)
        if len(parts) > MAX_LIST_VALUES:
            raise ValidationError([f"Ensure there are no more than {MAX_LIST_VALUES} values."])
        if lookup == "range" and len(parts) != 2:
            raise ValidationError(["Give two values with a comma between them."])
        return [value_field.run_validation(part) for part in parts]

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:

        model = view.get_queryset().model
        found = []
        for parameter, name, lookup in self.filters(view, model):
            schema: dict[str, Any] = {"type": "string"}
            if lookup == "isnull":
                schema = {"type": "boolean"}
            elif lookup in ("exact", "gt", "gte", "lt", "lte"):
                schema = schemas.field_schema(model_fields.value_field(_target(model, name)))
            found.append(_parameter(parameter, "", schema))
        return found


# The name under which projects know it from django-filter.
DjangoFilterBackend = FieldFilter

_TERM = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|([^\s,]+)')


def split_terms(text: str) -> list[str]:
    """The words of a search: separated by spaces and commas, except within quotes."""
    terms = []
    for found in _TERM.finditer(text):
        quoted = found[1] if found[1] is not None else found[2]
        term = found[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        if term:
            terms.append(term)
    return terms


def _condition(lookup: str, value: Any) -> Q:
    kwargs: dict[str, Any] = {lookup: value}
    return Q(**kwargs)


def _is_orderable(field: fields.Field) -> bool:
    return not field.write_only and field.source != "*"


def _steps(model: Any, path: str) -> Iterator[Any]:
    """The fields and relations along a lookup, up to the first name that is none (a lookup or transform)."""
    for name in path.split("__"):
        if model is None:
            return
        try:
            field = model._meta.pk if name == "pk" else model._meta.get_field(name)
        except FieldDoesNotExist:
            return
        yield field
        model = field.related_model


def _target(model: Any, path: str) -> Any:
    """The field a lookup ends at. Raises FieldDoesNotExist, which is the project's mistake."""
    found = list(_steps(model, path))
    if len(found) != len(path.split("__")):
        last = found[-1].related_model if found else model
        last._meta.get_field(path.split("__")[len(found)])
    return found[-1]


def _names_lookup(model: Any, path: str) -> bool:
    return len(list(_steps(model, path))) < len(path.split("__"))


def _crosses_many(model: Any, path: str) -> bool:
    return any(is_to_many(field) for field in _steps(model, path))


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    parameter = {"name": name, "in": "query", "required": False, "schema": schema}
    return {**parameter, "description": description} if description else parameter
