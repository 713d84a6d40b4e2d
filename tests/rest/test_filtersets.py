"""FilterSets: what each filter reads, finds and refuses."""

from __future__ import annotations

from typing import Any

import pytest
from tests.rest.conftest import CountingDatabase
from tests.rest.models import Author, Book, Tag

from vivace.rest import filtersets
from vivace.web.datastructures import QueryParams

pytestmark = pytest.mark.anyio


class BookFilter(filtersets.FilterSet):
    cheap = filtersets.BooleanFilter(method="only_cheap")
    not_named = filtersets.CharFilter("title", exclude=True)
    cost = filtersets.RangeFilter("price")
    kinds = filtersets.MultipleChoiceFilter("kind", choices=[("n", "Novel"), ("p", "Poems")])
    tag = filtersets.ModelMultipleChoiceFilter("tags", queryset=Tag.objects)
    all_tags = filtersets.ModelMultipleChoiceFilter("tags", queryset=Tag.objects, to_field_name="name", conjoined=True)
    made = filtersets.DateFromToRangeFilter("created")
    when = filtersets.DateRangeFilter("created")
    length = filtersets.LookupChoiceFilter("pages", ["gt", "lt"])
    o = filtersets.OrderingFilter(fields={"pages": "length", "title": "title"})

    class Meta:
        model = Book
        fields = {
            "price": ["exact", "gte", "range"],
            "pages": ["in"],
            "created": ["year", "date__gte"],
            "author": ["exact"],
            "author__publisher": ["exact"],
            "rating": ["isnull"],
            "kind": ["exact"],
            "chapters__title": ["icontains"],
        }

    def only_cheap(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.filter(price__lt=3) if value else queryset.exclude(price__lt=3)


FOUND: list[tuple[str, str]] = [
    ("", "123456"),
    ("unknown=1&price=", "123456"),
    ("price=1.50", "1"),
    ("price__gte=4.5&pages__in=100,500,600", "56"),
    ("price__range=2,4", "23"),
    ("cheap=true", "12"),
    ("cheap=false", "3456"),
    ("not_named=Book 1", "23456"),
    ("cost_min=2&cost_max=4", "23"),
    ("cost_min=5", "56"),
    ("cost_max=2", "1"),
    ("kind=n", "246"),
    ("kinds=n&kinds=p", "123456"),
    ("kinds=p", "135"),
    ("created__year=1999", ""),
    ("created__date__gte=2001-01-01", "123456"),
    ("made_after=2001-01-01", "123456"),
    ("made_before=2001-01-01", ""),
    ("when=today", "123456"),
    ("when=yesterday", ""),
    ("rating__isnull=true", "123456"),
    ("author__publisher=null", "25"),
    ("chapters__title__icontains=chapter", "1245"),
    ("all_tags=sea&all_tags=sky", "236"),
    ("length=400&length_lookup=gt", "56"),
    ("author=999999", ""),
]
REFUSED: list[tuple[str, str]] = [
    ("price=cheap", "price"),
    ("price__range=1", "price__range"),
    ("pages__in=1,x", "pages__in"),
    ("pages__in=" + ",".join(["1"] * 1001), "pages__in"),
    ("cheap=maybe", "cheap"),
    ("cost_min=x", "cost"),
    ("kind=z", "kind"),
    ("kinds=n&kinds=z", "kinds"),
    ("created__year=soon", "created__year"),
    ("made_after=soon", "made"),
    ("when=tomorrow", "when"),
    ("author=x", "author"),
    ("tag=x", "tag"),
    ("length=1&length_lookup=contains", "length"),
    ("o=secret", "o"),
]


@pytest.mark.parametrize(("query", "expected"), FOUND)
async def test_a_filter_finds(library: CountingDatabase, query: str, expected: str) -> None:
    filterset = BookFilter(QueryParams(query))
    assert filterset.is_valid(), filterset.errors
    books = await filterset.qs.order_by("title")
    assert "".join(book.title[-1] for book in books) == expected


@pytest.mark.parametrize(("query", "named"), REFUSED)
def test_a_wrong_value_is_refused_by_the_name_of_its_filter(query: str, named: str) -> None:
    filterset = BookFilter(QueryParams(query))
    assert not filterset.is_valid()
    assert list(filterset.errors) == [named]


async def test_an_order_is_chosen(library: CountingDatabase) -> None:
    books = await BookFilter(QueryParams("o=-length")).qs
    assert [book.pages for book in books] == [600, 500, 400, 300, 200, 100]


async def test_a_filterset_asks_nothing_until_it_is_awaited(library: CountingDatabase) -> None:
    with library.count() as asked:
        assert BookFilter(QueryParams("tag=1&author=1")).is_valid()
    assert asked == []


def test_an_unknown_field_is_told_with_the_nearest() -> None:
    with pytest.raises(TypeError, match='Did you mean "title"'):
        filtersets.filterset_factory(Book, ["titel"])


def test_meta_without_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="needs `fields`"):
        type("Bare", (filtersets.FilterSet,), {"Meta": type("Meta", (), {"model": Book})})


def test_all_fields_leave_secrets_out() -> None:
    assert "password" not in filtersets.filterset_factory(Author).base_filters


def test_a_filterset_inherits_and_a_subclass_takes_a_filter_away() -> None:
    namespace: dict[str, Any] = {"cheap": None, "Meta": BookFilter.Meta}
    fewer: Any = type("Fewer", (BookFilter,), namespace)
    assert "cheap" not in fewer.base_filters
    assert "cost" in fewer.base_filters


def test_a_view_with_a_filterset_of_another_model_is_told() -> None:
    class View:
        filterset_class = BookFilter

    with pytest.raises(TypeError, match="BookFilter is for Book"):
        filtersets.DjangoFilterBackend().get_filterset_class(View(), Author.objects.all())


def test_the_document_names_every_parameter() -> None:
    class View:
        filterset_class = BookFilter

        def get_queryset(self) -> Any:
            return Book.objects.all()

    names = [each["name"] for each in filtersets.DjangoFilterBackend().get_schema_operation_parameters(View())]
    assert {"cost_min", "cost_max", "made_after", "price__gte", "length_lookup"} <= set(names)


def test_a_method_that_gives_no_queryset_is_told() -> None:
    class Wrong(filtersets.FilterSet):
        name = filtersets.CharFilter(method=lambda queryset, name, value: None)

    with pytest.raises(TypeError, match="must return a queryset"):
        Wrong(QueryParams("name=a"), Book.objects.all()).qs  # noqa: B018 (the property is what fails)
