"""Decorators that say by hand what the code does not show; names and arguments are `drf_spectacular.utils`'.

What they say is kept on the view, method, field or serializer itself, and read when the document is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from vivace.rest.fields.base import Field, empty
from vivace.rest.openapi.descriptions import OpenApiCallback, OpenApiExample, Override
from vivace.utils.suggest import did_you_mean

Decorated = TypeVar("Decorated")

OVERRIDES = "_openapi_overrides"
METHOD_OVERRIDES = "_openapi_method_overrides"
FIELD_OVERRIDE = "_openapi_field"
SERIALIZER_OVERRIDE = "_openapi_serializer"


class SchemaDecorator:
    """What `extend_schema()` gives: puts its override on a view class, an `@api_view`, a method or a function."""

    def __init__(self, override: Override) -> None:
        self.override = override

    def __call__(self, target: Decorated) -> Decorated:
        holder: Any = getattr(target, "cls", target)  # what @api_view makes has the class that it made
        own = vars(holder).get(OVERRIDES, [])
        setattr(holder, OVERRIDES, [*own, self.override])
        return target


def extend_schema(
    operation_id: str | None = None,
    parameters: Sequence[Any] | None = None,
    request: Any = empty,
    responses: Any = empty,
    auth: Sequence[str] | None = None,
    description: str | None = None,
    summary: str | None = None,
    deprecated: bool | None = None,
    tags: Sequence[str] | None = None,
    filters: bool | None = None,
    exclude: bool | None = None,
    operation: Mapping[str, Any] | None = None,
    methods: Sequence[str] | None = None,
    versions: Sequence[str] | None = None,
    examples: Sequence[OpenApiExample] | None = None,
    extensions: Mapping[str, Any] | None = None,
    callbacks: Sequence[OpenApiCallback] | None = None,
    external_docs: Mapping[str, str] | str | None = None,
) -> SchemaDecorator:
    """Says something about the operation of a method, or about all operations of a view class.

    `request` and `responses` take a serializer (class or instance, `many=True` too), a type (`int`, a Struct, a
    dataclass, a pydantic model, `list[...]` of one), an OpenApiTypes, a JSON Schema as a dictionary, a
    PolymorphicProxySerializer, or None for no body. `responses` may be a mapping of status codes, or of
    `(status, media type)`, to these; `request` one of media types. `operation` replaces everything. A decorator above
    another wins. https://drf-spectacular.readthedocs.io/en/latest/drf_spectacular.html#drf_spectacular.utils.extend_schema
    """
    for name in extensions or ():
        if not name.startswith("x-"):
            raise ValueError(f'extend_schema: the name of an extension begins with "x-", got {name!r}')
    return SchemaDecorator(
        Override(
            operation_id=operation_id,
            parameters=list(parameters or ()),
            request=request,
            responses=responses,
            auth=auth,
            description=description,
            summary=summary,
            deprecated=deprecated,
            tags=tags,
            filters=filters,
            exclude=exclude,
            operation=operation,
            methods=None if methods is None else [method.lower() for method in methods],
            versions=versions,
            examples=list(examples or ()),
            extensions=dict(extensions or {}),
            callbacks=list(callbacks or ()),
            external_docs=external_docs,
        )
    )


def extend_schema_view(**kwargs: Any) -> Callable[[Decorated], Decorated]:
    """Decorates methods that a view class inherits: `@extend_schema_view(list=extend_schema(summary="All books"))`.

    Each keyword is a method's name, its value an `extend_schema()` or a list of them. Raises ValueError for a method
    that the class has not.
    """

    def decorate(target: Decorated) -> Decorated:
        view: Any = getattr(target, "cls", target)
        own = {name: list(overrides) for name, overrides in vars(view).get(METHOD_OVERRIDES, {}).items()}
        for name, decorators in kwargs.items():
            if not callable(getattr(view, name, None)):
                methods = [known for known in dir(view) if not known.startswith("_") and callable(getattr(view, known))]
                hint = did_you_mean(name, methods, listed_as="Methods")
                raise ValueError(f"@extend_schema_view: {view.__name__} has no method {name!r}. {hint}")
            listed = decorators if isinstance(decorators, Iterable) else [decorators]
            own.setdefault(name, []).extend(decorator.override for decorator in listed)
        setattr(view, METHOD_OVERRIDES, own)
        return target

    return decorate


def extend_schema_field(field: Any, component_name: str | None = None) -> Callable[[Decorated], Decorated]:
    """Says what a field looks like: for a Field class or instance, or the method of a SerializerMethodField.

    `field` is another field or serializer, a type, an OpenApiTypes or a JSON Schema. With `component_name` it becomes a
    component of that name.
    """

    def decorate(target: Decorated) -> Decorated:
        setattr(target, FIELD_OVERRIDE, (field, component_name))
        return target

    return decorate


def extend_schema_serializer(
    many: bool | None = None,
    exclude_fields: Sequence[str] | None = None,
    deprecate_fields: Sequence[str] | None = None,
    examples: Sequence[OpenApiExample] | None = None,
    extensions: Mapping[str, Any] | None = None,
    component_name: str | None = None,
    description: str | None = None,
) -> Callable[[Decorated], Decorated]:
    """Says something about a serializer class: its name in the document, fields to leave out or call deprecated."""

    def decorate(target: Decorated) -> Decorated:
        told = {
            "many": many,
            "exclude_fields": exclude_fields,
            "deprecate_fields": deprecate_fields,
            "examples": examples,
            "extensions": extensions,
            "component_name": component_name,
            "description": description,
        }
        inherited = getattr(target, SERIALIZER_OVERRIDE, {})
        # Its name and its text are the class's own; a derived class is another component.
        kept = {name: value for name, value in inherited.items() if name not in ("component_name", "description")}
        found = {name: value for name, value in told.items() if value is not None}
        setattr(target, SERIALIZER_OVERRIDE, {**kept, **found})
        return target

    return decorate


def serializer_override(cls: type[Any], name: str) -> Any:
    """What `extend_schema_serializer` said of a serializer class, or None."""
    holder = vars(cls) if name in ("component_name", "description") else None
    told = getattr(cls, SERIALIZER_OVERRIDE, {}) if holder is None else holder.get(SERIALIZER_OVERRIDE, {})
    return told.get(name)


def inline_serializer(name: str, fields: Mapping[str, Field], **kwargs: Any) -> Any:
    """An instance of a serializer class made on the spot, for `request=` and `responses=`."""
    from vivace.rest.serializers import Serializer  # serializers are described by what imports this module

    metaclass: Any = type(Serializer)
    return metaclass(name, (Serializer,), dict(fields))(**kwargs)


def overrides_of(view: type[Any], method_name: str, method: str, version: str | None) -> Override:
    """Everything said about one operation of a view class, the word nearest to it counting most."""
    classes = list(reversed(view.__mro__))
    found = [override for cls in classes for override in vars(cls).get(OVERRIDES, ())]
    for cls in classes:
        function = vars(cls).get(method_name)
        found += getattr(function, OVERRIDES, ())
        found += vars(cls).get(METHOD_OVERRIDES, {}).get(method_name, ())
    total = Override()
    for override in found:
        if override.applies(method, version):
            total = override.over(total)
    return total
