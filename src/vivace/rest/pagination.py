"""Lists in pages; `rest_framework.pagination`, on `vivace.orm.pagination`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from vivace.orm.pagination import (
    InvalidCursor,
    InvalidPage,
    KeysetPage,
    KeysetPaginator,
    Page,
    Paginator,
    UncountedPage,
    UncountedPaginator,
)
from vivace.rest import _querysets
from vivace.rest.exceptions import NotFound
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.settings import setting

# A number in a URL with more digits is not one that anybody means.
MAX_DIGITS = 18


class BasePagination:
    """Cuts a queryset into pages and wraps the data of one."""

    async def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        """The objects of the page asked for, or None for no pages. Raises NotFound for a page there is not."""
        raise NotImplementedError(f"{type(self).__name__}.paginate_queryset() is needed")

    def get_paginated_response(self, data: Any) -> Response:
        """The page's data in its envelope."""
        raise NotImplementedError(f"{type(self).__name__}.get_paginated_response() is needed")

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The JSON Schema of the envelope around a list of `schema`."""
        return schema

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The OpenAPI parameters that choose a page."""
        return []


class _CountedPagination(BasePagination):
    """What both paginations that count have in common: `{"count": …, "next": …, "previous": …, "results": […]}`."""

    request: Request
    count: int

    def get_next_link(self) -> str | None:
        """The address of the next page, or None on the last."""
        raise NotImplementedError

    def get_previous_link(self) -> str | None:
        """The address of the page before, or None on the first."""
        raise NotImplementedError

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "count": self.count,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {"type": "integer", "example": 123},
                "next": link,
                "previous": link,
                "results": schema,
            },
        }


class PageNumberPagination(_CountedPagination):
    """`?page=3`, and `?page_size=50` when `page_size_query_param` is set; `max_page_size` bounds it."""

    page_size: int | None = setting("PAGE_SIZE")
    page_query_param = "page"
    page_size_query_param: str | None = None
    max_page_size: int | None = 1000
    last_page_strings: Sequence[str] = ("last",)
    invalid_page_message = "Invalid page."
    page: Page[Any] | UncountedPage[Any]

    async def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Sequence[Any] | None:
        page_size = self.get_page_size(request)
        if page_size is None:
            return None
        self.request = request
        paginator: Paginator[Any] = Paginator(stable(queryset), page_size)
        number: Any = request.query_params.get(self.page_query_param) or 1
        try:
            if number in self.last_page_strings:
                number = await paginator.num_pages()
            self.page = page = await paginator.page(number)
        except InvalidPage:
            raise NotFound(self.invalid_page_message) from None
        self.count = page.count_of_all
        return page.object_list

    def get_page_size(self, request: Request) -> int | None:
        """Objects on a page; what the client asks for when that is a number from 1 to `max_page_size`."""
        if self.page_size_query_param:
            asked = positive(request.query_params.get(self.page_size_query_param), self.max_page_size)
            if asked:
                return asked
        return self.page_size

    def get_next_link(self) -> str | None:
        if not self.page.has_next():
            return None
        return with_query(self.request, {self.page_query_param: self.page.number + 1})

    def get_previous_link(self) -> str | None:
        if not self.page.has_previous():
            return None
        if self.page.number == 2:
            return with_query(self.request, {self.page_query_param: None})
        return with_query(self.request, {self.page_query_param: self.page.number - 1})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters = [_parameter(self.page_query_param, "A page number within the paginated result set.", 1)]
        if self.page_size_query_param:
            parameters.append(
                _parameter(self.page_size_query_param, "Number of results per page.", 1, self.max_page_size)
            )
        return parameters


class LimitOffsetPagination(_CountedPagination):
    """`?limit=50&offset=100`; `max_limit` bounds the limit."""

    default_limit: int | None = setting("PAGE_SIZE")
    limit_query_param = "limit"
    offset_query_param = "offset"
    max_limit: int | None = 1000
    limit: int | None
    offset: int

    async def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Sequence[Any] | None:
        self.request = request
        self.limit = positive(request.query_params.get(self.limit_query_param), self.max_limit) or self.default_limit
        if self.limit is None:
            return None
        self.offset = positive(request.query_params.get(self.offset_query_param), None) or 0
        self.count = len(queryset) if isinstance(queryset, Sequence) else await queryset.count()
        if self.offset >= self.count:
            return []
        rows: Any = stable(queryset)[self.offset : self.offset + self.limit]
        return rows if isinstance(rows, Sequence) else list(await rows)

    def get_next_link(self) -> str | None:
        limit = self.limit or 0
        if self.offset + limit >= self.count:
            return None
        pages = {self.limit_query_param: limit, self.offset_query_param: self.offset + limit}
        return with_query(self.request, pages)

    def get_previous_link(self) -> str | None:
        if self.offset <= 0:
            return None
        limit = self.limit or 0
        before = None if self.offset <= limit else self.offset - limit
        return with_query(self.request, {self.limit_query_param: limit, self.offset_query_param: before})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter(self.limit_query_param, "Number of results to return per page.", 1, self.max_limit),
            _parameter(self.offset_query_param, "The initial index from which to return the results.", 0),
        ]


class UncountedPageNumberPagination(PageNumberPagination):
    """PageNumberPagination that never counts, which on a large table costs more than the page: no `count` in the body.

    One row more than the page tells whether there is a next one. `?page=last` is unknown here.
    """

    async def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Sequence[Any] | None:
        page_size = self.get_page_size(request)
        if page_size is None:
            return None
        self.request = request
        paginator: UncountedPaginator[Any] = UncountedPaginator(stable(queryset), page_size)
        try:
            self.page = await paginator.page(request.query_params.get(self.page_query_param) or 1)
        except InvalidPage:
            raise NotFound(self.invalid_page_message) from None
        return self.page.object_list

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _linked_schema(schema)


class CursorPagination(BasePagination):
    """`?cursor=…`: pages that go on from a row, at the same cost however deep, with nothing shown twice or left out.

    The order is fixed: the view's OrderingFilter's when it has one and the client asks, else `ordering`. A cursor is
    text of ours that clients give back as it is; one that was made up or belongs to another order is a 404.
    """

    cursor_query_param = "cursor"
    cursor_query_description = "The pagination cursor value."
    invalid_cursor_message = "Invalid cursor"
    page_size: int | None = setting("PAGE_SIZE")
    ordering: str | Sequence[str] = "-created"
    page_size_query_param: str | None = None
    max_page_size: int | None = 1000
    request: Request
    page: KeysetPage[Any]

    async def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Sequence[Any] | None:
        page_size = self.get_page_size(request)
        if not page_size:
            return None
        self.request = request
        rows = queryset.order_by(*self.get_ordering(request, queryset, view))
        paginator: KeysetPaginator[Any] = KeysetPaginator(rows, page_size)
        try:
            self.page = await paginator.page(request.query_params.get(self.cursor_query_param))
        except InvalidCursor:
            raise NotFound(self.invalid_cursor_message) from None
        return self.page.object_list

    def get_page_size(self, request: Request) -> int | None:
        """Objects on a page; what the client asks for when that is a number from 1 to `max_page_size`."""
        if self.page_size_query_param:
            asked = positive(request.query_params.get(self.page_size_query_param), self.max_page_size)
            if asked:
                return asked
        return self.page_size

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> Sequence[str]:
        """The order of the list. Raises ValueError for one that cannot be kept to."""
        ordering: str | Sequence[str] = self.ordering
        for backend in getattr(view, "filter_backends", ()):
            if hasattr(backend, "get_ordering"):
                ordering = backend().get_ordering(request, queryset, view) or ordering
                break
        if not ordering:
            raise ValueError(f"{type(self).__name__} needs an `ordering`, which all pages have in common")
        return (ordering,) if isinstance(ordering, str) else tuple(ordering)

    def get_next_link(self) -> str | None:
        """The address of the next page, or None on the last."""
        return self._link(self.page.next)

    def get_previous_link(self) -> str | None:
        """The address of the page before, or None on the first."""
        return self._link(self.page.previous)

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        return with_query(self.request, {self.cursor_query_param: cursor})

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _linked_schema(schema)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = {"in": "query", "required": False, "description": self.cursor_query_description}
        parameters = [{"name": self.cursor_query_param, **cursor, "schema": {"type": "string"}}]
        if self.page_size_query_param:
            size = _parameter(self.page_size_query_param, "Number of results per page.", 1, self.max_page_size)
            parameters.append(size)
        return parameters


def _linked_schema(schema: dict[str, Any]) -> dict[str, Any]:
    link = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "required": ["next", "previous", "results"],
        "properties": {"next": link, "previous": link, "results": schema},
    }


def stable(queryset: Any) -> Any:
    """`queryset` in an order that is the same for every page: by its own order, then by key.

    Without the key, rows that are equal in the order may be on two pages or on none.
    """
    add_order = getattr(queryset, "order_by", None)
    if add_order is None:
        return queryset
    order = _querysets.order(queryset)
    key = queryset.model._meta.pk.name
    if order is None or {"pk", "-pk", key, f"-{key}"} & set(order):
        return queryset
    return add_order(*order, "pk")


def with_query(request: Request, changes: Mapping[str, Any]) -> str:
    """The request's address with these parameters in its query, None for one that is left out; sorted, as DRF's are."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changes]
    new = [(name, str(value)) for name, value in changes.items() if value is not None]
    return str(request.url.replace(query=urlencode(sorted(kept + new, key=lambda pair: pair[0]))))


def positive(text: str | None, most: int | None) -> int | None:
    """The number in a URL's parameter, at most `most`; None for what is no number or negative."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    number = int(text[:MAX_DIGITS]) if len(text) <= MAX_DIGITS else 10**MAX_DIGITS
    return number if most is None else min(number, most)


def _parameter(name: str, description: str, least: int, most: int | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": least}
    if most is not None:
        schema["maximum"] = most
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
