"""The models behind many-to-many relations: given with `through=`, or made here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.on_delete import CASCADE
from vivace.orm.registry import registry

if TYPE_CHECKING:
    from vivace.orm.base import Model, ModelBase


def make_through(field: ManyToManyField[Any], metaclass: type[ModelBase], base: type[Model]) -> None:
    """Gives `field` its through model, as soon as that is defined."""
    given = field.given_through
    if given is None:
        field.remote_field.through = _automatic(field, metaclass, base)
    elif isinstance(given, str):
        name = given if "." in given else f"{field.model._meta.app_label}.{given}"
        registry.when_ready(name, lambda model: setattr(field.remote_field, "through", model))
    else:
        field.remote_field.through = given


def _automatic(field: ManyToManyField[Any], metaclass: type[ModelBase], base: type[Model]) -> type[Model]:
    """A model of two foreign keys, unique together, named and shaped as Django's."""
    source = field.model._meta
    target = field._target_key()
    target_name = target.rpartition(".")[2].lower()
    names = (source.model_name, target_name)
    if target.lower() == source.label.lower():
        names = (f"from_{source.model_name}", f"to_{source.model_name}")
    name = f"{source.object_name}_{field.name}"
    meta = type(
        "Meta",
        (),
        {
            "app_label": source.app_label,
            "db_table": field.given_db_table or f"{source.db_table}_{field.name}",
            "db_tablespace": source.db_tablespace,
            "unique_together": (names,),
            "verbose_name": f"{source.model_name}-{target_name} relationship",
        },
    )
    body: dict[str, Any] = {
        "__module__": source.model.__module__,
        "__qualname__": f"{source.model.__qualname__}.{field.name}.through",
        "Meta": meta,
        "_auto_created": source.model,
        names[0]: ForeignKey(source.model, CASCADE, related_name=f"{name}+", db_tablespace=field.db_tablespace),
        names[1]: ForeignKey(target, CASCADE, related_name=f"{name}+", db_tablespace=field.db_tablespace),
    }
    made: Any = metaclass(name, (base,), body)
    return made  # type: ignore[no-any-return]
