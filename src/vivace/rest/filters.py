"""Narrowing and ordering a list by the URL's parameters; `rest_framework.filters`, with django-filter's backend."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

from vivace.rest import fields
from vivace.rest._filtering import BaseFilterBackend, condition, crosses_many, names_lookup, parameter
from vivace.rest.exceptions import ValidationError
from vivace.rest.filtersets.backend import DjangoFilterBackend
from vivace.rest.request import Request
from vivace.rest.settings import setting

# Each search term is one condition more for the database.
MAX_SEARCH_TERMS = 32


class SearchFilter(BaseFilterBackend):
    """`?search=some words`: every word must be found in one of the view's `search_fields`, letter case ignored.

    A field's prefix changes how: `^` at the start, `=` the whole value, `$` as a regular expression. Quotes keep words
    together. A field may follow relations (`author__name`) and may name its lookup (`title__startswith`).
    """

    search_param: str = setting("SEARCH_PARAM")
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
        return field_name if names_lookup(queryset.model, field_name) else f"{field_name}__{self.default_lookup}"

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
            found = found.filter(reduce(or_, (condition(lookup, term) for lookup in lookups)))
        if any(crosses_many(queryset.model, lookup) for lookup in lookups):
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
        return [parameter(self.search_param, self.search_description, {"type": "string"})]


class UnaccentedSearchFilter(SearchFilter):
    """A SearchFilter to which accents are no difference; PostgreSQL with its extension `unaccent` only."""

    lookup_prefixes: Mapping[str, str] = {
        "^": "unaccent__istartswith",
        "=": "unaccent__iexact",
        "@": "search",  # which has no form without accents
        "$": "unaccent__iregex",
    }
    default_lookup = "unaccent__icontains"


class OrderingFilter(BaseFilterBackend):
    """`?ordering=-published,title`, restricted to the view's `ordering_fields`; unknown names are ignored.

    Without `ordering_fields` the fields that the serializer shows can be ordered by; `"__all__"` means every column.
    The view's `ordering` is used when the client asks for none.
    """

    ordering_param: str = setting("ORDERING_PARAM")
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
        return [parameter(self.ordering_param, self.ordering_description, {"type": "string"})]


# The same by the name that says what it does.
FieldFilter = DjangoFilterBackend

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


def _is_orderable(field: fields.Field) -> bool:
    return not field.write_only and field.source != "*"
