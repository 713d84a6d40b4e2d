"""Creating, changing and deleting many objects by one request to the list; as djangorestframework-bulk, awaited.

A list that is wrong in one place is refused as a whole: the answer is 400 with the errors by index, `{"3": {"title":
[…]}}`, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.orm.transactions import atomic
from vivace.rest import mixins, status
from vivace.rest._models import own_key
from vivace.rest._typing import Instance
from vivace.rest.exceptions import ErrorDetail, ValidationError
from vivace.rest.fields import IntegerField
from vivace.rest.model_fields import value_field
from vivace.rest.openapi.descriptions import OpenApiParameter
from vivace.rest.openapi.extend import extend_schema
from vivace.rest.relations import BIGGEST_KEY
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.serializers.bulk import BulkListSerializer
from vivace.rest.viewsets import ModelViewSet
from vivace.utils.exceptions import ValidationError as ValueRefused

if TYPE_CHECKING:
    from vivace.rest.generics import GenericAPIView as _View
else:
    _View = object


class BulkMixin(_View):
    """What the three have in common. `bulk_max_size` is how many objects one request may be about."""

    bulk_max_size = 1000
    # What routers add to the list's route.
    list_methods: ClassVar[Mapping[str, str]] = {
        "put": "bulk_update",
        "patch": "partial_bulk_update",
        "delete": "bulk_destroy",
    }

    def get_bulk_serializer(self, instance: Any = None, **kwargs: Any) -> Any:
        """The serializer of a list that was sent."""
        child = self.get_serializer(**({"partial": True} if kwargs.get("partial") else {}))
        list_class = getattr(getattr(type(child), "Meta", None), "list_serializer_class", BulkListSerializer)
        context = self.get_serializer_context()
        return list_class(instance, child=child, max_length=self.bulk_max_size, context=context, **kwargs)


class BulkCreateModelMixin(mixins.CreateModelMixin, BulkMixin):
    """POST creates one object, or those of a list."""

    async def create(self, request: Request, **kwargs: Any) -> Response:
        """201 with the new objects, or 400 with the errors by index."""
        if not isinstance(request.data, list):
            return await super().create(request, **kwargs)
        serializer = self.get_bulk_serializer(data=request.data)
        await serializer.is_valid(raise_exception=True)
        await self.perform_bulk_create(serializer)
        return Response(await serializer.load(), status.HTTP_201_CREATED)

    async def perform_bulk_create(self, serializer: Any) -> None:
        """Saves; override it to add values."""
        await self.perform_create(serializer)


class BulkUpdateModelMixin(BulkMixin):
    """PUT and PATCH of the list change the objects that the items name."""

    async def bulk_update(self, request: Request, *, partial: bool = False, **kwargs: Any) -> Response:
        """200 with the changed objects, or 400 with the errors by index."""
        queryset = self.plan_queryset(self.filter_queryset(self.get_queryset()))
        serializer = self.get_bulk_serializer(queryset, data=request.data, partial=partial)
        await serializer.is_valid(raise_exception=True)
        for item in serializer.validated_data:
            await self.check_object_permissions(request, item.instance)
        await self.perform_bulk_update(serializer)
        return Response(await serializer.load())

    async def partial_bulk_update(self, request: Request, **kwargs: Any) -> Response:
        """As `bulk_update()`, with only the fields that were sent."""
        return await self.bulk_update(request, **{**kwargs, "partial": True})

    async def perform_bulk_update(self, serializer: Any) -> None:
        """Saves; override it to add values."""
        await serializer.save()


class BulkDestroyModelMixin(BulkMixin):
    """DELETE of the list deletes the objects whose keys are sent: `[1, 2]` as the body, or `?ids=1,2`."""

    @extend_schema(parameters=[OpenApiParameter("ids", description="The keys of what is to be deleted, with commas.")])
    async def bulk_destroy(self, request: Request, **kwargs: Any) -> Response:
        """204, or 400 with the errors by index, or 409 when other objects forbid it."""
        queryset = self.filter_queryset(self.get_queryset())
        keys = self.get_bulk_keys(request, queryset.model)
        wanted = [key for key in keys if not isinstance(key, int) or abs(key) <= BIGGEST_KEY]
        found = {row.pk: row async for row in queryset.filter(pk__in=wanted)}
        missing = {index: key for index, key in enumerate(keys) if key not in found}
        if missing:
            message = 'Invalid pk "{}" - object does not exist.'
            raise ValidationError(
                {i: [ErrorDetail(message.format(key), "does_not_exist")] for i, key in missing.items()}
            )
        objects = list(found.values())
        for instance in objects:
            await self.check_object_permissions(request, instance)
        async with atomic():
            await self.perform_bulk_destroy(objects)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def get_bulk_keys(self, request: Request, model: Any) -> list[Any]:
        """The keys that were sent. Raises ValidationError, by index."""
        sent: Any = request.data
        if "ids" in request.query_params:
            sent = [key for text in request.query_params.getlist("ids") for key in text.split(",") if key]
        if not isinstance(sent, list) or not sent:
            raise ValidationError(
                {"ids": ['Send the keys of what is to be deleted: a list as the body, or "?ids=1,2".']}
            )
        if len(sent) > self.bulk_max_size:
            raise ValidationError({"ids": [f"Ensure this field has no more than {self.bulk_max_size} elements."]})
        field = value_field(own_key(model))
        keys, errors = [], {}
        for index, item in enumerate(sent):
            try:
                if isinstance(item, bool) or (isinstance(item, float) and isinstance(field, IntegerField)):
                    field.fail("invalid")
                keys.append(field.run_validation(item))
            except (ValidationError, ValueRefused):
                errors[index] = ["This is no key."]
        if errors:
            raise ValidationError(errors)
        return keys

    async def perform_bulk_destroy(self, objects: Sequence[Any]) -> None:
        """Deletes the objects, all together unless the view or the model has its own way for one."""
        own: Any = getattr(type(self), "perform_destroy", mixins.DestroyModelMixin.perform_destroy)
        model = type(objects[0])
        if own is mixins.DestroyModelMixin.perform_destroy and model.delete.__module__.startswith("vivace.orm."):
            await model._meta.default_manager.filter(pk__in=[each.pk for each in objects]).delete()
            return
        for each in objects:
            await own(self, each)


class BulkModelViewSet(BulkCreateModelMixin, BulkUpdateModelMixin, BulkDestroyModelMixin, ModelViewSet[Instance]):
    """A ModelViewSet whose list takes lists: POST, PUT, PATCH and DELETE."""
