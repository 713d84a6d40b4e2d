"""`?fields= ?omit= ?expand=`: clients choose what is shown; the names are drf-flex-fields's.

A choice makes a serializer class of its own, which is remembered, so that it is compiled and plans its query like any
other: columns and relations that are not chosen are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, ClassVar

from vivace.rest._typing import Instance
from vivace.rest.exceptions import ValidationError
from vivace.rest.fields.base import Field, empty
from vivace.rest.serializers.model import ModelSerializer

ALL = ("*", "~all")
PARAMETERS = ("fields", "omit", "expand")
MOST_NAMES = 200

Tree = dict[str, "Tree"]
Names = tuple[str, ...]


class FlexFieldsSerializerMixin:
    """Lets clients choose by `?fields=id,author.name`, `?omit=text` and `?expand=author,author.publisher`.

    `Meta.expandable_fields` says what may be expanded: the class of a serializer by field name, or its dotted name, or
    a pair with its arguments (`{"many": True}`). `max_expand_depth` (3) limits paths. An unknown name is refused with
    400, which tells the names there are, unless `Meta.ignore_unknown_names` is true. `*` means every name of its level.
    Views choose for GET and HEAD only: what is written is read as ever.
    """

    expandable_fields: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def chosen(cls, params: Any) -> Any:
        """The class that shows what `params`, those of a URL, choose. Raises ValidationError."""
        given = [tuple(_names(params, parameter)) for parameter in PARAMETERS]
        if not any(given):
            return cls
        if sum(map(len, given)) > MOST_NAMES:
            raise ValidationError({"fields": [f"More than {MOST_NAMES} names are too many."]})
        made: Any = cls
        return _class_of(made, *given)


class FlexFieldsModelSerializer(FlexFieldsSerializerMixin, ModelSerializer[Instance]):
    """A ModelSerializer with the choices of `FlexFieldsSerializerMixin`."""


def _names(params: Any, parameter: str) -> Iterable[str]:
    values = params.getlist(parameter) if hasattr(params, "getlist") else [params.get(parameter, "")]
    return sorted({name.strip() for value in values for name in value.split(",") if name.strip()})


@dataclass(frozen=True)
class Choice:
    """What is chosen at one level, and below each name of it. None for `fields` is everything."""

    fields: Tree | None
    omit: Tree
    expand: Tree
    ignores_unknown: bool

    def __bool__(self) -> bool:
        return bool(self.fields or self.omit or self.expand)


@lru_cache(maxsize=512)
def _class_of(cls: Any, fields: Names, omit: Names, expand: Names) -> Any:
    meta = getattr(cls, "Meta", None)
    deepest = getattr(meta, "max_expand_depth", 3)
    for name in expand:
        if name.count(".") >= deepest:
            raise ValidationError({"expand": [f'"{name}" is deeper than the {deepest} levels that can be expanded.']})
    ignores = bool(getattr(meta, "ignore_unknown_names", False))
    choice = Choice(_tree(fields) if fields else None, _tree(omit), _expanding(expand), ignores)
    made = _derived(cls, choice)
    _ = made.template().bound_fields  # wrong names are told now
    return made


def _tree(names: Names) -> Tree:
    """`("a", "b.c", "b.d")` as a tree; a name that is whole, as `b` in `("b", "b.c")`, has nothing below."""
    tree: Tree = {}
    whole = set(names)
    for name in names:
        parts = name.split(".")
        if any(".".join(parts[:end]) in whole for end in range(1, len(parts))):
            continue
        place = tree
        for part in parts:
            place = place.setdefault(part, {})
    return tree


def _expanding(names: Names) -> Tree:
    tree: Tree = {}
    for name in names:
        place = tree
        for part in name.split("."):
            place = place.setdefault(part, {})
    return tree


def _derived(cls: Any, choice: Choice) -> Any:
    """A class like `cls` that shows what is chosen."""

    def get_fields(self: Any) -> dict[str, Field]:
        return _chosen(cls, cls.get_fields(self), choice)

    namespace = {"get_fields": get_fields, "_static": cls.is_static(), "__module__": cls.__module__}
    return type(cls)(cls.__name__, (cls,), namespace)


def _chosen(cls: Any, found: Mapping[str, Field], choice: Choice) -> dict[str, Field]:
    """Those of the fields that are chosen, each showing what is chosen of it."""
    meta = getattr(cls, "Meta", None)
    expandable = dict(getattr(meta, "expandable_fields", None) or getattr(cls, "expandable_fields", {}))
    expand = _every(choice.expand, expandable)
    _check("expand", expand, expandable, choice)
    shown: dict[str, Any] = {**found, **{name: expandable[name] for name in expand if name in expandable}}
    fields = None if choice.fields is None else _every(choice.fields, shown)
    _check("fields", fields or {}, {**shown, **expandable}, choice)
    _check("omit", choice.omit, {**shown, **expandable}, choice)
    result: dict[str, Field] = {}
    for name, field in shown.items():
        if (fields is not None and name not in fields) or choice.omit.get(name, None) == {}:
            continue
        below = Choice(
            (fields or {}).get(name) or None, choice.omit.get(name, {}), expand.get(name, {}), choice.ignores_unknown
        )
        result[name] = field if isinstance(field, Field) and not below else _narrowed(name, field, below)
    return result


def _every(tree: Tree, names: Iterable[str]) -> Tree:
    """The tree with a wildcard replaced by what it stands for."""
    if not any(wildcard in tree for wildcard in ALL):
        return tree
    return {**{name: {} for name in names}, **{name: below for name, below in tree.items() if name not in ALL}}


def _check(parameter: str, tree: Tree, known: Iterable[str], choice: Choice) -> None:
    unknown = sorted(set(tree) - set(known))
    if unknown and not choice.ignores_unknown:
        choices = ", ".join(known) or "none"
        _refuse(parameter, f'There is no "{unknown[0]}" here. Choices: {choices}.')


def _refuse(parameter: str, message: str) -> None:
    raise ValidationError({parameter: [message]})


def _narrowed(name: str, field: Any, choice: Choice) -> Field:
    """The serializer of a member, made to show what is chosen."""
    if not isinstance(field, Field):
        cls, kwargs = field if isinstance(field, tuple) else (field, {})
        cls = _imported(cls) if isinstance(cls, str) else cls
        kwargs = {"read_only": True, **kwargs}
    else:
        inner: Any = getattr(field, "child", field)
        cls = type(inner)
        if not hasattr(cls, "is_static"):
            if not choice.ignores_unknown:
                _refuse("fields", f'"{name}" has no members to choose from.')
            return field
        kwargs = {"read_only": True, "many": getattr(field, "many", False), "label": field.label}
        if field.source is not None and field.source != name:
            kwargs["source"] = field.source
        if field.default is not empty:
            kwargs["default"] = field.default
    made: Field = (_derived(cls, choice) if choice else cls)(**kwargs)
    return made


def _imported(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)
