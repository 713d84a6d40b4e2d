"""`NestedWrites`: what becomes of related objects that are sent inside of their owner.

`Meta.nested_writes` names the nested serializers that are saved with the object. `_nested_matching` finds the object
that each item means, before the item is validated; `_nested_writes` saves them, level by level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from enum import Enum
from typing import Any, Literal

from vivace.rest import relations
from vivace.rest._models import find_field, is_to_many, own_key
from vivace.rest.fields.base import Field
from vivace.rest.fields.numeric import BooleanField
from vivace.rest.fields.special import HiddenField
from vivace.rest.serializers.base import BaseSerializer
from vivace.utils.suggest import did_you_mean

Missing = Literal["delete", "unlink", "keep", "refuse"]
MISSING = ("delete", "unlink", "keep", "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class NestedWrites:
    """How a nested serializer is saved.

    An item means the related object with the same `key`, the name of a model field or a tuple of them. What is not
    `create`d or `update`d is refused. `missing` says what becomes of related objects that a whole list no longer names:
    "delete", "unlink" (their foreign key becomes null, their pair goes), "keep" or "refuse"; the default is "unlink"
    for many-to-many relations, "keep" behind a foreign key and "delete" otherwise. A partial update keeps what it does
    not name. `delete_flag` names a member of items, such as "_delete", that deletes the object when it is true.
    `order_by` names the model field that gets the item's place in the list. With `link`, a key may name any object of
    `queryset` (default: all), which is then related; otherwise only objects that are related already may be named.
    `through_defaults` are the other values of a new pair.
    """

    key: str | tuple[str, ...] = "pk"
    create: bool = True
    update: bool = True
    missing: Missing | None = None
    delete_flag: str | None = None
    order_by: str | None = None
    link: bool = False
    queryset: Any = None
    through_defaults: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.missing not in (None, *MISSING):
            raise ValueError(f"NestedWrites(missing=…) is one of {', '.join(MISSING)}, got {self.missing!r}")
        if self.queryset is not None and not self.link:
            raise ValueError("NestedWrites(queryset=…) says which objects may be linked, so it needs link=True")


class Kind(Enum):
    """Where the foreign key is."""

    FORWARD = "the owner points to it"
    REVERSE = "it points to the owner"
    PAIRS = "pairs point to both"
    GENERIC = "it points to the owner by content type and key"


@dataclass(frozen=True, kw_only=True)
class Keyed:
    """Objects that items name by key."""

    model: Any
    options: NestedWrites
    is_many: bool = True
    key: tuple[str, ...]
    """Model fields."""
    key_names: tuple[str, ...]
    """Serializer fields that hold them."""
    key_is_generated: bool
    """Whether clients only repeat keys, and never choose them."""

    def key_of(self, instance: Any) -> tuple[Any, ...]:
        """The object's key."""
        return tuple(getattr(instance, self.model._meta.get_field(name).attname) for name in self.key)


@dataclass(frozen=True, kw_only=True)
class Nested(Keyed):
    """A nested serializer that is written, and the relation it stands for."""

    name: str
    source: str
    kind: Kind
    relation: Any

    @property
    def back(self) -> str | None:
        """The foreign key to the owner."""
        return self.relation.field.name if self.kind is Kind.REVERSE else None

    @property
    def missing(self) -> Missing:
        """What becomes of objects that are no longer named."""
        usual: dict[Kind, Missing] = {Kind.FORWARD: "keep", Kind.PAIRS: "unlink"}
        return self.options.missing or usual.get(self.kind, "delete")


def child_of(field: Any) -> Any:
    """The serializer of one item."""
    return field.child if getattr(field, "many", False) else field


def prepare(serializer: Any, fields: Mapping[str, Field]) -> dict[str, Nested]:
    """The nested serializers that `Meta.nested_writes` names, each made ready to take keys.

    Raises TypeError for names that cannot be written so.
    """
    given = serializer.Meta.nested_writes
    chosen = given if isinstance(given, Mapping) else dict.fromkeys(given, NestedWrites())
    if isinstance(given, str):
        raise TypeError(f"{type(serializer).__name__}.Meta.nested_writes is a list of names, got {given!r}")
    return {name: _prepared(serializer, name, fields, options) for name, options in chosen.items()}


def _prepared(serializer: Any, name: str, fields: Mapping[str, Field], options: NestedWrites) -> Nested:
    where = f"{type(serializer).__name__}.Meta.nested_writes[{name!r}]"
    field: Any = fields.get(name)
    if field is None:
        raise TypeError(f"{where}: there is no such field. {did_you_mean(name, fields, listed_as='Fields')}")
    child: Any = child_of(field)
    if not hasattr(child, "get_model") or field.read_only:
        raise TypeError(f"{where} needs a ModelSerializer that is not read_only, got {field!r}")
    source = field.source or name
    relation = find_field(serializer.get_model(), source)
    if relation is None or not getattr(relation, "is_relation", False):
        raise TypeError(f"{where}: {serializer.get_model().__name__} has no relation {source!r}")
    if is_to_many(relation) is not field.many:
        wanted = "many=True" if is_to_many(relation) else "no many=True"
        raise TypeError(f"{where}: the relation {source!r} takes a serializer with {wanted}")
    kind = _kind(relation)
    if kind is Kind.REVERSE:
        _make_read_only(child, relation.field.name)
    if options.delete_flag is not None:
        child.bound_fields[options.delete_flag] = BooleanField(write_only=True, required=False)
    named = keyed(child, options, where, is_optional=not (field.many or options.link))
    _check_order(where, options, named.model)
    shared = {each.name: getattr(named, each.name) for each in dataclass_fields(named)} | {"is_many": field.many}
    return Nested(name=name, source=source, kind=kind, relation=relation, **shared)


def keyed(child: Any, options: NestedWrites, where: str, *, is_optional: bool = False) -> Keyed:
    """How items of `child` name objects; its key is then taken from clients. Raises TypeError where they cannot."""
    model = child.get_model()
    names = (options.key,) if isinstance(options.key, str) else options.key
    key = tuple(own_key(model).name if each == "pk" else each for each in names)
    holders = [_holder(child, each) for each in key]
    if None in holders and not is_optional:
        raise TypeError(
            f"{where}: items cannot be told apart; add {', '.join(key)} to {type(child).__name__}.Meta.fields"
        )
    if options.link and len(key) > 1:
        raise TypeError(f"{where}: link=True needs a key of one field")
    key_names = tuple(each.field_name for each in holders if each is not None)
    is_generated = [_take_keys(child, each) for each in holders if each is not None]
    generated = bool(is_generated) and all(is_generated)
    return Keyed(model=model, options=options, key=key, key_names=key_names, key_is_generated=generated)


def _check_order(where: str, options: NestedWrites, model: Any) -> None:
    if options.order_by is not None and find_field(model, options.order_by) is None:
        known = [field.name for field in model._meta.concrete_fields]
        raise TypeError(f"{where}: order_by: {did_you_mean(options.order_by, known, listed_as='Fields')}")


def _kind(relation: Any) -> Kind:
    if getattr(relation, "many_to_many", False):
        return Kind.PAIRS
    if hasattr(relation, "object_id_field"):
        return Kind.GENERIC
    return Kind.FORWARD if getattr(relation, "column", None) is not None else Kind.REVERSE


def _holder(child: Any, source: str) -> Any:
    found: Iterable[Field] = (field for field in child.bound_fields.values() if field.source in (source, "pk"))
    return next((field for field in found if not isinstance(field, HiddenField)), None)


def _take_keys(child: Any, field: Any) -> bool:
    """Makes a read-only key one that is taken; whether it was read only."""
    if isinstance(field, BaseSerializer) or (
        isinstance(field, relations.RelatedField) and not isinstance(field, relations.PrimaryKeyRelatedField)
    ):
        raise TypeError(f"{type(child).__name__}.{field.field_name} cannot be the key of nested items")
    if not field.read_only:
        return False
    twin = field.clone(child)
    twin.read_only, twin.required, twin.allow_null = False, False, True
    twin.validators = []
    child.bound_fields.add_bound(twin)
    return True


def _make_read_only(child: Any, source: str) -> None:
    """The foreign key to the owner is known from the place of the item."""
    for field in list(child.bound_fields.values()):
        if field.source == source and not field.read_only:
            twin = field.clone(child)
            twin.read_only, twin.required = True, False
            child.bound_fields.add_bound(twin)
