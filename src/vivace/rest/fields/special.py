"""Fields that take no input of their own, and the defaults that look at their surroundings."""

from __future__ import annotations

from typing import Any

from vivace.rest.fields.base import Field, SkipField, empty


class ReadOnlyField(Field):
    """Shows the attribute, or what the method without arguments returns, as it is."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "read_only": True})

    def to_representation(self, value: Any) -> Any:
        return value


class HiddenField(Field):
    """Takes nothing from the input and shows nothing; puts its default into the validated data."""

    def __init__(self, **kwargs: Any) -> None:
        if "default" not in kwargs:
            raise TypeError("HiddenField needs a default: that is where its value comes from")
        super().__init__(**{**kwargs, "write_only": True})

    def get_value(self, dictionary: Any) -> Any:
        return empty

    def to_internal_value(self, data: Any) -> Any:
        return data


class SerializerMethodField(Field):
    """Shows what the serializer's method `get_<field name>(self, obj)` returns; the method may be `async def`."""

    def __init__(self, method_name: str | None = None, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "source": "*", "read_only": True})
        self.method_name = method_name

    def bind(self, field_name: str, parent: Any) -> None:
        if self.method_name is None:
            self.method_name = f"get_{field_name}"
        super().bind(field_name, parent)

    def to_representation(self, value: Any) -> Any:
        return getattr(self.parent, self.method_name or "")(value)


class ModelField(Field):
    """Any model field, through its own `to_python()`: for custom fields that no serializer field is known for."""

    def __init__(self, model_field: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model_field = model_field

    def to_internal_value(self, data: Any) -> Any:
        return self.model_field.to_python(data)

    def to_representation(self, value: Any) -> Any:
        return value if isinstance(value, str | int | float | bool | list | dict) else str(value)


class CreateOnlyDefault:
    """A default for creating; an update without the value leaves the stored one."""

    requires_context = True

    def __init__(self, default: Any) -> None:
        self.default = default

    def __call__(self, serializer_field: Any) -> Any:
        if serializer_field.parent.instance is not None:
            raise SkipField
        if not callable(self.default):
            return self.default
        needs_field = getattr(self.default, "requires_context", False)
        return self.default(serializer_field) if needs_field else self.default()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.default!r})"


class CurrentUserDefault:
    """The request's user."""

    requires_context = True

    def __call__(self, serializer_field: Any) -> Any:
        return serializer_field.context["request"].user

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
