"""What OPTIONS tells about a view, as `rest_framework.metadata.SimpleMetadata`."""

from __future__ import annotations

from typing import Any

from vivace.rest import fields, relations, serializers
from vivace.rest.exceptions import APIException
from vivace.web.exceptions import HTTPException

# The most specific class first: the first that fits gives the name.
TYPE_NAMES: tuple[tuple[type[fields.Field], str], ...] = (
    (fields.BooleanField, "boolean"),
    (fields.URLField, "url"),
    (fields.EmailField, "email"),
    (fields.RegexField, "regex"),
    (fields.SlugField, "slug"),
    (fields.CharField, "string"),
    (fields.UUIDField, "string"),
    (fields.IntegerField, "integer"),
    (fields.FloatField, "float"),
    (fields.DecimalField, "decimal"),
    (fields.DateTimeField, "datetime"),
    (fields.DateField, "date"),
    (fields.TimeField, "time"),
    (fields.DurationField, "duration"),
    (fields.MultipleChoiceField, "multiple choice"),
    (fields.ChoiceField, "choice"),
    (fields.ListField, "list"),
    (fields.DictField, "nested object"),
    (relations.ManyRelatedField, "list"),
    (serializers.ListSerializer, "list"),
    (serializers.Serializer, "nested object"),
)
SHOWN = ("read_only", "label", "help_text", "min_length", "max_length", "min_value", "max_value")


class SimpleMetadata:
    """Names the view, its media types, and the fields that POST and PUT take from whoever asks."""

    async def determine_metadata(self, request: Any, view: Any) -> dict[str, Any]:
        """The body of the answer to OPTIONS."""
        found = {
            "name": view.get_view_name(),
            "description": view.get_view_description(),
            "renders": [renderer.media_type for renderer in view.renderer_classes],
            "parses": [parser.media_type for parser in view.parser_classes],
        }
        if hasattr(view, "get_serializer") and (actions := await self.determine_actions(request, view)):
            found["actions"] = actions
        return found

    async def determine_actions(self, request: Any, view: Any) -> dict[str, Any]:
        """The fields by method; methods that whoever asks may not use are left out."""
        actions = {}
        method = request.method
        for tried in {"PUT", "POST"} & set(view.allowed_methods):
            request.scope["method"] = tried
            try:
                await view.check_permissions(request)
                if tried == "PUT":
                    await view.get_object()
            except (APIException, HTTPException):
                continue
            else:
                actions[tried] = self.get_serializer_info(view.get_serializer())
            finally:
                request.scope["method"] = method
        return actions

    def get_serializer_info(self, serializer: Any) -> dict[str, Any]:
        """What each field of a serializer, or of a list's child, takes."""
        serializer = getattr(serializer, "child", serializer)
        return {
            name: self.get_field_info(field)
            for name, field in serializer.bound_fields.items()
            if not isinstance(field, fields.HiddenField)
        }

    def get_field_info(self, field: fields.Field) -> dict[str, Any]:
        """What one field takes."""
        info: dict[str, Any] = {"type": _type_name(field), "required": field.required}
        for name in SHOWN:
            value = getattr(field, name, None)
            if value is not None and value != "":
                info[name] = value
        if isinstance(field, serializers.BaseSerializer):
            info["child" if field.many else "children"] = self.get_serializer_info(field)
        elif isinstance(field, fields.ChoiceField) and not field.read_only:
            info["choices"] = [{"value": value, "display_name": str(label)} for value, label in field.choices.items()]
        return info


def _type_name(field: fields.Field) -> str:
    return next((name for cls, name in TYPE_NAMES if isinstance(field, cls)), "field")
