"""From what a source holds (text, TOML values, Python objects) to what a setting's annotation asks for."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from vivace.conf.types import Masked, Rule

_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_DESCRIPTIONS: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    Any: "anything",
    type(None): "nothing",
}
_COLLECTIONS = (list, tuple, set, frozenset)


class ConversionError(ValueError):
    """The value is not what the annotation asks for; the message says what is allowed."""


def convert(value: object, annotation: Any, *, base_dir: Path, is_text: bool) -> Any:
    """`value` as `annotation`; with `is_text` it is a string from the environment. Relative paths start at `base_dir`.

    A list is written `a, b` or as JSON in the environment, a mapping as JSON. Raises ConversionError.
    """

    def decode(wanted: type, found: object) -> object:
        if issubclass(wanted, Path) and isinstance(found, str | Path):
            return base_dir / found
        if isinstance(found, wanted):
            return found
        raise ConversionError(f"expected {wanted.__name__}")

    if isinstance(value, str) and is_text:
        value = _parse_text(value, annotation)
    try:
        wanted = _bare(annotation)
        if get_origin(_without_none(wanted)) is Callable and callable(value):
            return value
        converted = msgspec.convert(value, wanted, strict=not is_text, dec_hook=decode)
    except msgspec.ValidationError as error:
        # msgspec says where in a nested value: "Expected `int`, got `str` - at `$[1]`".
        _, _, place = str(error).partition(" - at ")
        raise ConversionError(f"expected {describe(annotation)}" + (f" (at {place})" if place else "")) from None
    for rule in rules(annotation):
        if converted is not None and not rule.test(converted):
            raise ConversionError(f"expected {rule.allowed}")
    return converted


def describe(annotation: Any) -> str:
    """What values an annotation allows, in words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        named = [rule.allowed for rule in rules(annotation)]
        return named[0] if named else describe(arguments[0])
    if origin is Literal:
        return "one of " + ", ".join(str(argument) for argument in arguments)
    if origin in {Union, types.UnionType}:
        return " or ".join(describe(argument) for argument in arguments)
    if origin in _COLLECTIONS:
        elements = [argument for argument in arguments if argument is not Ellipsis]
        return f"a list of {describe(elements[0])}" if elements else "a list"
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping (JSON in the environment)"
    known = _DESCRIPTIONS.get(annotation)
    return known if known is not None else getattr(annotation, "__name__", str(annotation))


def show(value: object, annotation: Any) -> str:
    """The repr of a value, with secrets masked."""
    for extra in _extras(annotation):
        if isinstance(extra, Masked):
            return extra.show(value)
    return repr(value)


def rules(annotation: Any) -> list[Rule]:
    """The rules written on an annotation, those inside `X | None` included."""
    return [extra for extra in _extras(annotation) if isinstance(extra, Rule)]


def _extras(annotation: Any) -> list[object]:
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        return [*extras, *_extras(inner)]
    if get_origin(annotation) in {Union, types.UnionType}:
        return [extra for argument in get_args(annotation) for extra in _extras(argument)]
    return []


def _bare(annotation: Any) -> Any:
    """The annotation without our extras, which msgspec would refuse; its own `msgspec.Meta` stays."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = _bare(arguments[0])
        for extra in arguments[1:]:
            if isinstance(extra, msgspec.Meta):
                inner = Annotated[inner, extra]
        return inner
    if origin in {Union, types.UnionType}:
        return Union[tuple(_bare(argument) for argument in arguments)]  # noqa: UP007 - built at run time
    return annotation


def _parse_text(text: str, annotation: Any) -> object:
    """What a string from the environment stands for, as far as the annotation must be known to tell."""
    wanted = _without_none(_bare(annotation))
    origin = get_origin(wanted) or wanted
    if origin is bool:
        word = _WORDS.get(text.strip().casefold())
        if word is None:
            raise ConversionError("expected true or false (also 1/0, yes/no, on/off)")
        return word
    if origin is Literal:
        # `VIVACE_LOG_LEVEL=info` is what people type.
        choices = {choice.casefold(): choice for choice in get_args(wanted) if isinstance(choice, str)}
        return choices.get(text.strip().casefold(), text)
    if origin in _COLLECTIONS and not text.lstrip().startswith("["):
        return [item for part in text.split(",") if (item := part.strip())]
    if origin in _COLLECTIONS or _is_mapping(origin):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ConversionError(f"expected {describe(annotation)}, and this is not JSON: {error}") from None
    return text


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, types.UnionType}:
        present = [argument for argument in get_args(annotation) if argument is not type(None)]
        if len(present) == 1:
            return present[0]
    return annotation


def _is_mapping(origin: Any) -> bool:
    if not isinstance(origin, type):
        return False
    return (
        issubclass(origin, Mapping | msgspec.Struct)
        or typing.is_typeddict(origin)
        or hasattr(origin, "__dataclass_fields__")
    )
