"""What relations of every kind share: the field that declares one, and the relation as its target sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field
from vivace.orm.fields.on_delete import OnDelete
from vivace.orm.registry import registry

if TYPE_CHECKING:
    from vivace.orm.base import Model


class Relation:
    """One relation seen from its target (Django's `remote_field`; also what `_meta.related_objects` lists).

    Django's ForeignObjectRel. Source: https://docs.djangoproject.com/en/5.2/ref/models/meta/
    """

    is_relation = True
    many = True
    """Whether the target has a manager for it, rather than one object."""
    many_to_many = many_to_one = one_to_many = one_to_one = False
    concrete = False
    auto_created = True
    editable = False

    def __init__(
        self,
        field: RelatedField,
        to: type[Model] | str,
        *,
        related_name: str | None,
        related_query_name: str | None,
        on_delete: OnDelete | None,
        parent_link: bool = False,
    ) -> None:
        self.field, self.to = field, to
        self.related_name, self.related_query_name, self.on_delete = related_name, related_query_name, on_delete
        self.parent_link = parent_link
        self._model: type[Model] | None = None
        self.through: type[Model] | None = None

    @property
    def model(self) -> type[Model]:
        """The target. Raises ModelDefinitionError while it is only a name that nothing defines."""
        if self._model is None:
            raise ModelDefinitionError(
                f'{self.field.model._meta.label}.{self.field.name} points to "{self.to}", which is not defined. '
                "Import the module that defines it, or check the name."
            )
        return self._model

    @property
    def related_model(self) -> type[Model]:
        """The model that declares the field."""
        return self.field.model

    @property
    def hidden(self) -> bool:
        """Whether the target has no attribute for the relation: `related_name` ends with "+", or it is symmetrical."""
        return self.field.symmetrical or (self.related_name is not None and self.related_name.endswith("+"))

    @property
    def accessor(self) -> str | None:
        """The attribute on the target: `related_name`, or `book_set`, or `book` for one-to-one."""
        if self.hidden:
            return None
        model_name = self.field.model._meta.model_name
        return self.related_name or (f"{model_name}_set" if self.many else model_name)

    @property
    def slot(self) -> str:
        """The attribute that holds the one related object of an instance of the target."""
        return f"_rev_{self.accessor}"

    def get_accessor_name(self) -> str | None:
        """Django's name for `accessor`."""
        return self.accessor

    @property
    def name(self) -> str:
        """The name in lookups from the target: `related_query_name`, `related_name`, or the model's name.

        A hidden relation's name is one that nobody can write by mistake.
        """
        if self.hidden:
            return f"+{self.field.model._meta.label}.{self.field.name}"
        given = self.related_query_name or self.related_name
        return given or self.field.model._meta.model_name

    def __repr__(self) -> str:
        return f"<Relation: {self.field.model._meta.label}.{self.field.name}>"


class ManyToOneRel(Relation):
    """The reverse of a ForeignKey: a manager, also of a unique one, as in Django."""

    one_to_many = True


class OneToOneRel(ManyToOneRel):
    """The reverse of a OneToOneField: one object."""

    many = one_to_many = False
    one_to_one = True


class ManyToManyRel(Relation):
    """The reverse of a ManyToManyField."""

    many_to_many = True


class RelatedField(Field[Any]):
    """What all relations share: a target that may still be a name."""

    is_relation = True
    remote_field: Relation
    symmetrical = False

    def _target_key(self) -> str:
        to = self.remote_field.to
        if not isinstance(to, str):
            return to._meta.label
        if to == "self":
            return self.model._meta.label
        return to if "." in to else f"{self.model._meta.app_label}.{to}"

    def join(self) -> None:
        """Ties the relation to its target, as soon as that exists; called when the model is registered."""
        relation, meta = self.remote_field, self.model._meta
        if relation.related_name is None:
            relation.related_name = meta.default_related_name
        if relation.related_name is not None:
            words = {"class": meta.model_name, "app_label": meta.app_label, "model_name": meta.model_name}
            relation.related_name = relation.related_name % words
        to = relation.to
        if isinstance(to, str):
            registry.when_ready(self._target_key(), self._joined)
        else:
            self._joined(to)

    def _joined(self, target: type[Model]) -> None:
        replacement = target._meta.swapped
        if replacement is not None:
            registry.when_ready(replacement, self._joined)
            return
        if target._meta.pk.shares_key and getattr(self, "to_field", None) is None and not self.many_to_many:
            raise ModelDefinitionError(
                f"{self.model._meta.label}.{self.name}: no foreign key can point to {target._meta.label}, whose "
                "primary key has several columns; with to_field= it can point to a unique one of them"
            )
        self.remote_field._model = target
        # A proxy's relations are its model's: both have the rows.
        target._meta.concrete_model._meta.add_relation(self.remote_field)

    @property
    def related_model(self) -> type[Model]:
        """The target model."""
        return self.remote_field.model

    def _spec_extra(self) -> dict[str, Any]:
        return {"related": self._target_key()}


def check_target(to: object) -> None:
    """Raises ModelDefinitionError for what is neither a model nor a name."""
    if not isinstance(to, str) and not hasattr(to, "_meta"):
        raise ModelDefinitionError(f'A relation points to a model or its name ("label.Model", "self"), got {to!r}')
