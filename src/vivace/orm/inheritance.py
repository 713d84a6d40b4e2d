"""What a model takes from those it is derived from: Meta, fields, managers, and the links to its parents' tables.

An *abstract* parent gives copies of its fields. A parent *with a table* keeps its columns there: a child's row is a row
of its own table and one of each parent's, tied by a one-to-one *parent link*. A *proxy* has its parent's table and
differs in Python only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vivace.orm._attributes_cy import ManagerAttribute
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field
from vivace.orm.fields.foreign_keys import OneToOneField
from vivace.orm.fields.on_delete import CASCADE
from vivace.orm.fields.virtual import VirtualField

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.manager import Manager
    from vivace.orm.options import Options

Declared = Mapping[str, Field[Any] | VirtualField]


def meta_options(parents: Sequence[type[Model]], meta_class: type | None) -> dict[str, Any]:
    """The options of `class Meta`; without one, those of the first abstract parent that has some.

    A parent with a table hands on its `ordering` and `get_latest_by`, as in Django.
    """
    options = _declared_options(parents, meta_class)
    if not options.get("abstract"):
        for parent in parents:
            if not parent._meta.abstract:
                for name in ("ordering", "get_latest_by"):
                    options.setdefault(name, getattr(parent._meta, name))
                break
    return options


def _declared_options(parents: Sequence[type[Model]], meta_class: type | None) -> dict[str, Any]:
    if meta_class is None:
        given = (parent._meta.declared for parent in parents if parent._meta.abstract and parent._meta.declared)
        return {key: value for key, value in next(given, {}).items() if key not in ("abstract", "proxy")}
    options: dict[str, Any] = {}
    for base in reversed(meta_class.__mro__[:-1]):
        options |= {
            key: value
            for key, value in vars(base).items()
            if not key.startswith("__") and not (key == "abstract" and base is not meta_class)
        }
    return options


def gather(model: type[Model], parents: Sequence[type[Model]], declared: Declared) -> dict[str, Any]:
    """All that the model's own part is made of: declared, copied from abstract parents, and links to the others.

    Fills in `parents`, `links`, `concrete_model` of its `_meta`.
    """
    meta = model._meta
    fields = _abstract_fields(model, parents, declared)
    if meta.proxy:
        _make_proxy(model, parents, fields)
        return fields
    return _link_parents(model, parents, fields)


def _abstract_fields(model: type[Model], parents: Sequence[type[Model]], declared: Declared) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for parent in reversed(parents):
        meta = parent._meta
        inherited: list[Any] = [*meta.local_fields, *meta.local_many_to_many] if meta.abstract else []
        for field in (*inherited, *meta.private_fields):
            # `name = None` in the body takes an inherited field away; a method or other value replaces it.
            if field.name not in model.__dict__:
                fields[field.name] = field.copied()
    return fields | dict(declared)


def _make_proxy(model: type[Model], parents: Sequence[type[Model]], fields: Mapping[str, Any]) -> None:
    meta = model._meta
    bases = [parent for parent in parents if not parent._meta.abstract]
    if not bases:
        raise ModelDefinitionError(f"Proxy model '{model.__name__}' has no non-abstract model base class.")
    concrete = {base._meta.concrete_model for base in bases}
    if len(concrete) > 1:
        raise ModelDefinitionError(
            f"Proxy model '{model.__name__}' has more than one non-abstract model base class: it has one table only"
        )
    own = [name for name, field in fields.items() if isinstance(field, Field)]
    if own:
        raise ModelDefinitionError(
            f"Proxy model '{model.__name__}' contains model fields ({', '.join(own)}): it has no table of its own to "
            "hold them"
        )
    base = bases[0]._meta
    meta.parents = {bases[0]: None}
    meta.links, meta.concrete_model, meta.proxy_for_model = base.links, base.concrete_model, bases[0]
    meta.db_table, meta.db_table_comment, meta.managed = base.db_table, base.db_table_comment, base.managed
    meta._pk = base._pk


def _link_parents(model: type[Model], parents: Sequence[type[Model]], fields: dict[str, Any]) -> dict[str, Any]:
    meta = model._meta
    given = _given_links(model, fields)
    for parent in parents:
        if parent._meta.abstract:
            for ancestor, link in parent._meta.links.items():
                own = fields[link.name]
                meta.parents[ancestor] = meta.links[ancestor] = own
            continue
        target = parent._meta.concrete_model
        _check_clashes(model, target, fields)
        name = f"{target._meta.model_name}_ptr"
        found = given.get(target)
        if found is None:
            if name in fields:
                raise ModelDefinitionError(
                    f"Auto-generated field '{name}' in class '{model.__name__}' for parent_link to base class "
                    f"'{target.__name__}' clashes with declared field of the same name. Give that "
                    "OneToOneField parent_link=True, or rename it."
                )
            if target._meta.pk.shares_key:
                raise ModelDefinitionError(
                    f"{model.__name__} cannot be derived from {target._meta.label}: its primary key has several "
                    "columns, to which no link can point. Make it abstract, or give it a key of one column."
                )
            found = OneToOneField(target, CASCADE, parent_link=True)
            # Before all other fields, where the key stands.
            found.creation_counter = len(meta.links) - len(parents) - 1
            found.auto_created = True
            fields[name] = found
        meta.parents[target] = meta.links[target] = found
    if meta.links and not meta.abstract and not any(_is_key(field) for field in fields.values()):
        key = next(iter(meta.links.values()))
        key.primary_key = True
    return fields


def _is_key(field: object) -> bool:
    return isinstance(field, Field) and field.primary_key


def _given_links(model: type[Model], fields: Mapping[str, Any]) -> dict[type[Model], OneToOneField[Any]]:
    """The links that the body declares itself, by parent."""
    given: dict[type[Model], OneToOneField[Any]] = {}
    ancestors = {base.__name__: base for base in model.__mro__[1:] if "_meta" in base.__dict__}
    for field in fields.values():
        if not isinstance(field, OneToOneField):
            continue
        to: Any = field.remote_field.to
        if isinstance(to, str):
            to = ancestors.get(to.rpartition(".")[2])
        if to is None or not field.remote_field.parent_link:
            continue
        if not issubclass(model, to):
            raise ModelDefinitionError(
                f"{model.__name__}.{field.name}: parent_link=True is for a link to a parent, and {model.__name__} is "
                f"not derived from {to.__name__}"
            )
        given[to._meta.concrete_model] = field
    return given


def _check_clashes(model: type[Model], parent: type[Model], fields: Mapping[str, Any]) -> None:
    meta = parent._meta
    taken = {field.name for field in (*meta.concrete_fields, *meta.many_to_many)}
    for other in model._meta.parents:
        shared = {field.name for field in other._meta.concrete_fields if field in meta.concrete_fields}
        both = {field.name for field in other._meta.concrete_fields} & taken - shared
        if both:
            name = min(both)
            raise ModelDefinitionError(
                f"{model.__name__}: the field '{name}' from parent model '{parent._meta.label}' clashes with the field "
                f"'{name}' from parent model '{other._meta.label}'."
            )
    for name in fields:
        if name in taken:
            raise ModelDefinitionError(
                f"Local field '{name}' in class '{model.__name__}' clashes with field of the same name from base class "
                f"'{parent.__name__}'."
            )
    removed = [name for name in taken if name in model.__dict__ and model.__dict__[name] is None]
    if removed:
        raise ModelDefinitionError(
            f"{model.__name__}.{removed[0]} = None: a field of {parent.__name__} cannot be taken away, its table has it"
        )


def managers_of(model: type[Model]) -> dict[str, Manager[Any]]:
    """The model's managers bound to it: its own first, then those of its bases, the nearest first."""
    managers: dict[str, Manager[Any]] = {}
    above: set[str] = set()
    for base in model.__mro__:
        meta: Options | None = base.__dict__.get("_meta")
        for name, manager in (meta.local_managers if meta is not None else {}).items():
            # `objects = None`, or anything else of that name in a class between, takes the manager away.
            if name not in managers and name not in above:
                managers[name] = manager.bound(model, name)
        above.update(name for name, value in base.__dict__.items() if not isinstance(value, ManagerAttribute))
    return managers
