"""`CompositePrimaryKey`: a primary key of several columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field
from vivace.orm.fields.virtual import VirtualField
from vivace.utils.fieldspec import Kind
from vivace.utils.suggest import did_you_mean

if TYPE_CHECKING:
    from vivace.orm.base import Model


class CompositePrimaryKey(VirtualField, Field[tuple[Any, ...]]):
    """The fields whose values together tell rows apart: `pk = CompositePrimaryKey("tenant_id", "number")`.

    `obj.pk` is a tuple, or None while a part is missing; lookups take tuples (`pk=(1, 2)`, `pk__in=[(1, 2)]`). No
    foreign key can point to such a model. See https://docs.djangoproject.com/en/5.2/topics/composite-primary-key/.
    """

    kind: ClassVar[Kind] = "composite"
    python_type = tuple
    concrete = False
    shares_key = True

    def __init__(self, *names: str, **options: Any) -> None:
        if len(names) < 2 or len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
            raise ModelDefinitionError(f"CompositePrimaryKey takes the names of two or more fields, got {names!r}")
        refused = [option for option in options if option not in ("verbose_name", "name", "blank", "editable")]
        if refused:
            raise ModelDefinitionError(f"CompositePrimaryKey has no column, so it takes no {refused[0]}")
        super().__init__(options.get("verbose_name"), primary_key=True, editable=False)
        self.names = names
        self.fields: tuple[Field[Any], ...] = ()

    def contribute(self, model: type[Model], name: str) -> None:
        meta = model._meta
        if name != "pk":
            raise ModelDefinitionError(f'{meta.label}.{name}: a CompositePrimaryKey is named "pk"')
        own = {key: field for field in meta.local_fields for key in (field.name, field.attname)}
        found = []
        for each in self.names:
            if each not in own:
                raise ModelDefinitionError(
                    f'{meta.label}.pk: there is no field "{each}". {did_you_mean(each, own, listed_as="Fields")}'
                )
            field = own[each]
            if field.null or field.generated:
                raise ModelDefinitionError(
                    f"{meta.label}.pk: {each} can be null or is computed, so that it cannot be a part of the key"
                )
            field.primary_key = field.shares_key = True
            found.append(field)
        self.model, self.name, self.attname, self.column = model, "pk", "pk", ""
        self.verbose_name = self._verbose_name or "primary key"
        self.fields = tuple(found)
        meta.set_composite_key(self)
        type.__setattr__(model, "pk", CompositeKeyAttribute(self))

    def has_default(self) -> bool:
        """Never: its parts may have defaults."""
        return False

    def parts(self, value: Any) -> tuple[Any, ...]:
        """The values of the parts. Raises ValueError for what is no tuple of as many."""
        if hasattr(value, "_meta"):
            value = value.pk
        if not isinstance(value, list | tuple) or len(value) != len(self.fields):
            listed = ", ".join(field.attname for field in self.fields)
            raise ValueError(f"The primary key of {self.model.__name__} is a tuple ({listed}), got {value!r}")
        return tuple(value)

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        pairs = zip(self.fields, self.parts(value), strict=True)
        return tuple(field.to_python(part) for field, part in pairs)

    def get_prep_value(self, value: Any) -> Any:
        if value is None:
            return None
        pairs = zip(self.fields, self.parts(value), strict=True)
        return tuple(field.get_prep_value(part) for field, part in pairs)

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        """From one value that holds all parts: a row on PostgreSQL, elsewhere a JSON document."""
        read = tuple if dialect == "postgresql" else json.loads
        converters = [field.row_converter(dialect) for field in self.fields]

        def convert(value: Any) -> tuple[Any, ...]:
            pairs = zip(converters, read(value), strict=True)
            return tuple([part if each is None or part is None else each(part) for each, part in pairs])

        return convert

    def part(self, index: int) -> Callable[[Any], Any]:
        """A function from a key to one of its parts."""
        return lambda value: self.parts(value)[index]


class CompositeKeyAttribute:
    """`obj.pk` of a model with a composite key."""

    def __init__(self, field: CompositePrimaryKey) -> None:
        self.field = field

    def __get__(self, instance: Model | None, owner: type[Model]) -> Any:
        if instance is None:
            return self.field
        values = tuple(getattr(instance, field.attname) for field in self.field.fields)
        return None if any(value is None for value in values) else values

    def __set__(self, instance: Model, value: Any) -> None:
        parts: Sequence[Any] = [None] * len(self.field.fields) if value is None else self.field.parts(value)
        for field, part in zip(self.field.fields, parts, strict=True):
            setattr(instance, field.attname, part)
