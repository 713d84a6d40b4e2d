"""The actions of views over a model: create, list, retrieve, update, destroy; `rest_framework.mixins`, awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from vivace.rest import status
from vivace.rest.request import Request
from vivace.rest.response import Response

if TYPE_CHECKING:
    from vivace.rest.generics import GenericAPIView as _View
else:
    _View = object


class CreateModelMixin(_View):
    """Creates an object."""

    async def create(self, request: Request, **kwargs: Any) -> Response:
        """201 with the new object, or 400 with the errors by field."""
        serializer = self.get_serializer(data=request.data)
        await serializer.is_valid(raise_exception=True)
        await self.perform_create(serializer)
        data = await serializer.load()
        return Response(data, status.HTTP_201_CREATED, self.get_success_headers(data))

    async def perform_create(self, serializer: Any) -> None:
        """Saves; override it to add values, as in `await serializer.save(owner=self.request.user)`."""
        await serializer.save()

    def get_success_headers(self, data: Any) -> dict[str, str]:
        """`Location`, when the data has the object's address in `url`."""
        url = data.get("url") if isinstance(data, dict) else None
        return {"Location": url} if isinstance(url, str) else {}


class ListModelMixin(_View):
    """Lists the objects, filtered, in pages when the view has them.

    For a renderer that streams (JSON lines, CSV) it is the whole list, row by row, however long it is.
    """

    stream_chunk_size = 500

    async def list(self, request: Request, **kwargs: Any) -> Response:
        """200 with the objects, or 404 for a page there is not."""
        queryset = self.plan_queryset(self.filter_queryset(self.get_queryset()), is_only_shown=self._shows_only())
        if request.accepted_renderer is not None and request.accepted_renderer.streams:
            return Response(self.stream_queryset(queryset))
        page = await self.paginate_queryset(queryset)
        if page is not None:
            return self.get_paginated_response(await self.get_serializer(page, many=True).load())
        return Response(await self.get_serializer(queryset, many=True).load())

    def _shows_only(self) -> bool:
        """Whether nothing of the project sees the objects before the serializer shows them."""
        methods = (type(self).paginate_queryset, type(self).stream_queryset)
        paginator = self.pagination_class
        is_ours = all(method.__module__.startswith("vivace.rest.") for method in methods)
        # Cursors are made of values of the last object.
        return is_ours and (paginator is None or not hasattr(paginator, "ordering"))

    async def stream_queryset(self, queryset: Any) -> AsyncIterator[Any]:
        """The data of each object, `stream_chunk_size` of them in memory at a time."""
        async for chunk in _chunks(queryset, self.stream_chunk_size):
            for row in await self.get_serializer(chunk, many=True).load():
                yield row


async def _chunks(queryset: Any, size: int) -> AsyncIterator[list[Any]]:
    if not hasattr(queryset, "iterator"):
        rows = list(queryset)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]
        return
    chunk: list[Any] = []
    async with aclosing(queryset.iterator(chunk_size=size)) as rows:
        async for row in rows:
            chunk.append(row)
            if len(chunk) == size:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


class RetrieveModelMixin(_View):
    """Shows an object."""

    async def retrieve(self, request: Request, **kwargs: Any) -> Response:
        """200 with the object, or 404."""
        return Response(await self.get_serializer(await self.get_object()).load())


class UpdateModelMixin(_View):
    """Changes an object."""

    async def update(self, request: Request, *, partial: bool = False, **kwargs: Any) -> Response:
        """200 with the changed object, 400 with the errors by field, or 404."""
        serializer = self.get_serializer(await self.get_object(), data=request.data, partial=partial)
        await serializer.is_valid(raise_exception=True)
        await self.perform_update(serializer)
        return Response(await serializer.load())

    async def perform_update(self, serializer: Any) -> None:
        """Saves; override it to add values."""
        await serializer.save()

    async def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """As `update()`, with only the fields that were sent."""
        return await self.update(request, **{**kwargs, "partial": True})


class DestroyModelMixin(_View):
    """Deletes an object."""

    async def destroy(self, request: Request, **kwargs: Any) -> Response:
        """204, 404, or 409 when other objects forbid it."""
        await self.perform_destroy(await self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    async def perform_destroy(self, instance: Any) -> None:
        """Deletes `instance`; override it to do something else instead."""
        await instance.delete()
