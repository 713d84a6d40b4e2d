"""Names in queries, checked where they are written rather than when the query runs.

Checked names are remembered for each model, so that a correct query pays one look-up in a set.
"""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import unknown_field
from vivace.orm.expressions.conditions import Q, Shape, lookup_names
from vivace.orm.expressions.lookups.base import no_such_lookup
from vivace.orm.fields import registering
from vivace.orm.fields.base import Field
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.relation import Relation

if TYPE_CHECKING:
    from vivace.orm.base import Model

# Names come from code, but a program may also build them; then the memory must not grow with them.
MAX_REMEMBERED = 4096

_known: dict[type[Model], set[tuple[str, ...]]] = {}
registering.on_change.append(_known.clear)


def check(model: type[Model], shape: Shape, lookups: tuple[str, ...]) -> None:
    """Raises FieldError, with the nearest name, for a lookup that names nothing."""
    known = _known_of(model)
    if lookups in known:
        return
    for lookup in lookups:
        if not _is_annotation(shape, lookup):
            check_path(model, lookup, _annotations(shape))
    if any(_is_annotation(shape, lookup) for lookup in lookups):
        return
    _remember(known, lookups)


def _known_of(model: type[Model]) -> set[tuple[str, ...]]:
    known = _known.get(model)
    if known is None:
        known = _known[model] = set()
    return known


def _remember(known: set[tuple[str, ...]], checked: tuple[str, ...]) -> None:
    if len(known) >= MAX_REMEMBERED:
        known.clear()
    known.add(checked)


def check_condition(model: type[Model], shape: Shape, condition: Q) -> None:
    """`check` for all lookups of a condition."""
    check(model, shape, tuple(lookup_names(condition)))


def forget(model: type[Model]) -> None:
    """Checks the names of this model anew; for tests that redefine models."""
    _known.pop(model, None)


def _annotations(shape: Shape) -> list[str]:
    named = [name for operation in shape if operation[0] in ("annotate", "alias") for name, _ in operation[1]]
    if shape and shape[0][0] == "combine":
        # The first part of a union() says what its rows are.
        named += _annotations(shape[0][3][0][2])
    return named


def _is_annotation(shape: Shape, lookup: str) -> bool:
    return any(lookup == name or lookup.startswith(f"{name}__") for name in _annotations(shape))


def check_path(model: type[Model], lookup: str, annotations: list[str], *, with_lookup: bool = True) -> None:
    """Raises FieldError unless the path leads from field to field and ends in transforms and, maybe, a lookup."""
    meta = model._meta
    parts = lookup.split("__")
    found: Any = None
    for position, part in enumerate(parts):
        next_found = meta.pk if part == "pk" else meta.names.get(part)
        if next_found is None:
            if position == 0:
                raise unknown_field(meta.object_name, part, [*meta.field_names, *annotations])
            if not with_lookup or not _is_lookup_of_relation(found, parts[position:]):
                raise unknown_field(meta.object_name, part, meta.field_names)
            return
        found = next_found
        target = _target(found, part)
        if target is None:
            _check_end(found, parts[position + 1 :], lookup, with_lookup=with_lookup)
            return
        meta = target._meta


def _target(found: Any, part: str) -> type[Model] | None:
    if isinstance(found, Relation):
        return found.field.model
    if isinstance(found, ManyToManyField):
        return found.related_model
    if found.is_relation and part != found.attname:
        related: type[Model] = found.related_model
        return related
    return None


def _is_lookup_of_relation(found: Any, rest: list[str]) -> bool:
    field = found if isinstance(found, Field) and not isinstance(found, ManyToManyField) else Field()
    return len(rest) == 1 and field.get_lookup(rest[0]) is not None


def _check_end(field: Any, rest: list[str], lookup: str, *, with_lookup: bool) -> None:
    for position, name in enumerate(rest):
        if with_lookup and position == len(rest) - 1 and field.get_lookup(name) is not None:
            return
        transform = field.get_transform(name)
        if transform is None:
            raise no_such_lookup(field, name, lookup)
        field = getattr(transform, "output_field", None)
        if field is None or transform.get_class_lookups():
            # What it has is known only with its SQL; the query says so when it is made.
            return


def check_ordering(model: type[Model], shape: Shape, name: str) -> None:
    """Raises FieldError for a name that nothing can be ordered by."""
    known = _known_of(model)
    if ("order by", name) in known:
        return
    path = name.removeprefix("-").removeprefix("+")
    if path == "?" or _is_annotation(shape, path):
        return
    check_path(model, path, _annotations(shape), with_lookup=False)
    _remember(known, ("order by", name))


def check_alias(model: type[Model], name: str) -> None:
    """Raises ValueError for a name that cannot be an attribute, or already is a field."""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        raise ValueError(f"An annotation's name is a plain Python name, got {name!r}")
    if name in model._meta.forward:
        raise ValueError(f"The annotation '{name}' conflicts with a field on the model.")
