"""`GeneratedField`: a column that the database computes from others of its row."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field
from vivace.utils.fieldspec import NO_DEFAULT

if TYPE_CHECKING:
    from vivace.orm.base import Model

T = TypeVar("T")


class GeneratedField(Field[T]):
    """What `expression` gives for the row, of the type of `output_field`; stored with the row if `db_persist`.

    It is never written; saving reads it back. An object that was not saved has no such attribute. See
    https://docs.djangoproject.com/en/5.2/ref/models/fields/#generatedfield.
    """

    generated = True

    def __init__(
        self,
        *,
        expression: Any,
        output_field: Field[T],
        db_persist: bool,
        verbose_name: str | None = None,
        **options: Any,
    ) -> None:
        if not hasattr(expression, "freeze"):
            raise ModelDefinitionError(
                f"GeneratedField takes an expression, such as F('price') * F('amount'), got {expression!r}"
            )
        if not isinstance(output_field, Field):
            raise ModelDefinitionError(
                f"GeneratedField needs an output_field, such as models.IntegerField(), got {output_field!r}"
            )
        if not isinstance(db_persist, bool):
            raise ModelDefinitionError("GeneratedField.db_persist must be True (stored) or False (computed when read)")
        if options.get("editable"):
            raise ModelDefinitionError("GeneratedField cannot be editable: the database computes it")
        if (
            options.get("default", NO_DEFAULT) is not NO_DEFAULT
            or options.get("db_default", NO_DEFAULT) is not NO_DEFAULT
        ):
            raise ModelDefinitionError("GeneratedField cannot have a default: the database computes it")
        if options.get("primary_key"):
            raise ModelDefinitionError("GeneratedField cannot be a primary key")
        if not options.get("blank", True):
            raise ModelDefinitionError("GeneratedField must be blank: nobody gives its value")
        super().__init__(
            verbose_name,
            **{"max_length": output_field.max_length, **options, "editable": False, "blank": True},
        )
        self.expression, self.output_field, self.db_persist = expression, output_field, db_persist
        # Whoever asks what the value is gets the answer of the field that says so.
        self.kind, self.python_type = output_field.kind, output_field.python_type  # type: ignore[misc]

    def bind(self, model: type[Model], name: str) -> None:
        super().bind(model, name)
        self.output_field.name = self.output_field.attname = self.name

    def get_lookup(self, lookup_name: str) -> Any:
        """The field's own, or else the output field's."""
        own = self._own_lookups().get(lookup_name)
        return own if own is not None and own.is_lookup else self.output_field.get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        """The field's own, or else the output field's."""
        own = self._own_lookups().get(lookup_name)
        return own if own is not None and not own.is_lookup else self.output_field.get_transform(lookup_name)

    def _own_lookups(self) -> dict[str, Any]:
        found: dict[str, Any] = self.__dict__.get("instance_lookups", {})
        return found

    def to_python(self, value: Any) -> Any:
        return self.output_field.to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        return self.output_field.get_prep_value(value)

    def value_to_string(self, instance: Model) -> str:
        return self.output_field.value_to_string(instance)

    def validate(self, value: Any, instance: Model | None) -> None:
        """What the database computes is right."""

    def run_validators(self, value: Any) -> None:
        """What the database computes is right."""

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return self.output_field.sql_type()

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return self.output_field.parameter_type()

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        return self.output_field.bind_converter(dialect)

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return self.output_field.row_converter(dialect)

    def row_expression(self, dialect: str) -> str | None:
        return self.output_field.row_expression(dialect)
