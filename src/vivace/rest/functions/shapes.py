"""What a type is made of: its union members, its fields, whether it needs pydantic, which is never imported here."""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
import typing
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from vivace.rest.operations import NO_DEFAULT

_SEQUENCES = (list, set, frozenset, tuple)
_OF_PYDANTIC = ("__pydantic_core_schema__", "__get_pydantic_core_schema__", "__pydantic_fields__")


@dataclass(frozen=True, slots=True)
class TypeField:
    """One field of a class with fields: its name there, in a request, its type and whether it may be left out."""

    name: str
    alias: str
    type: Any
    required: bool
    default: Any = NO_DEFAULT


def bare(annotation: Any) -> Any:
    """A type without `Annotated`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, without None; of another type, itself."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(member for member in get_args(annotation) if member is not types.NoneType)
    return (annotation,)


def without_none(annotation: Any) -> Any:
    """`T` for `T | None`, without `Annotated`."""
    found = members(bare(annotation))
    return bare(found[0]) if len(found) == 1 else annotation


def is_many(annotation: Any) -> bool:
    """Whether a type takes several values: a list, set or tuple."""
    plain = without_none(annotation)
    return plain in _SEQUENCES or get_origin(plain) in _SEQUENCES


def constrained(annotation: Any, constraints: Mapping[str, Any]) -> Any:
    """The type with constraints, which in a union with None are those of the rest."""
    if not constraints:
        return annotation
    if is_pydantic(annotation):
        from pydantic import Field

        return Annotated[annotation, Field(**constraints)]
    meta = msgspec.Meta(**constraints)
    found = members(bare(annotation))
    if len(found) == 1 and found[0] is not bare(annotation):
        return Annotated[found[0], meta] | None
    return Annotated[annotation, meta]


# Classes with fields


def fields_of(annotation: Any) -> tuple[TypeField, ...] | None:
    """The fields of a Struct, dataclass, TypedDict or pydantic model; None for every other type."""
    plain = bare(annotation)
    cls = get_origin(plain) or plain
    if not isinstance(cls, type):
        return None
    if is_pydantic_model(cls):
        known: dict[str, Any] = cls.model_fields  # type: ignore[attr-defined]  # pydantic's, which is not imported
        return tuple(
            TypeField(name, field.alias or name, field.rebuild_annotation(), field.is_required())
            for name, field in known.items()
        )
    if issubclass(cls, msgspec.Struct) or dataclasses.is_dataclass(cls) or is_typed_dict(cls):
        return _fields_of_class(plain)
    return None


@functools.lru_cache(maxsize=1024)
def _fields_of_class(cls: Any) -> tuple[TypeField, ...]:
    if hasattr(cls, "__struct_fields__"):
        return tuple(
            TypeField(field.name, field.encode_name, field.type, field.required, _default_of(field))
            for field in msgspec.structs.fields(cls)
        )
    hints = typing.get_type_hints(get_origin(cls) or cls, include_extras=True)
    info: Any = msgspec.inspect.type_info(cls)
    return tuple(
        TypeField(field.name, field.encode_name, _unqualified(hints[field.name]), field.required, _default_of(field))
        for field in info.fields
    )


def _unqualified(hint: Any) -> Any:
    while get_origin(hint) in (typing.Required, typing.NotRequired):
        hint = get_args(hint)[0]
    return hint


def _default_of(field: Any) -> Any:
    return NO_DEFAULT if field.default is msgspec.NODEFAULT else field.default


def is_typed_dict(cls: Any) -> bool:
    """Whether a class is a TypedDict."""
    return isinstance(cls, type) and issubclass(cls, dict) and hasattr(cls, "__total__")


# pydantic


def is_pydantic_model(cls: Any) -> bool:
    """Whether a class is a pydantic model."""
    return "pydantic" in sys.modules and hasattr(cls, "model_fields") and hasattr(cls, "model_validate")


def is_pydantic(annotation: Any) -> bool:
    """Whether a type needs pydantic: one of its models, dataclasses or constraints, also as a part of the type."""
    if "pydantic" not in sys.modules:
        return False
    if get_origin(annotation) is Annotated:
        plain, *metadata = get_args(annotation)
        return is_pydantic(plain) or any(_is_of_pydantic(one) for one in metadata)
    if any(is_pydantic(argument) for argument in get_args(annotation)):
        return True
    return isinstance(annotation, Hashable) and _is_of_pydantic(annotation)


def _is_of_pydantic(value: Any) -> bool:
    if any(hasattr(value, name) for name in _OF_PYDANTIC):
        return True
    module = str(getattr(value if isinstance(value, type) else type(value), "__module__", ""))
    return module.split(".")[0] in ("pydantic", "annotated_types")
