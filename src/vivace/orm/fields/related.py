"""Relations: `ForeignKey`, `OneToOneField`, `ManyToManyField`, and what is done when the other side is deleted."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, Unpack, overload

import sqlalchemy

from vivace.orm.exceptions import FieldDoesNotExist, ModelDefinitionError
from vivace.orm.fields.base import Field, FieldOptions
from vivace.orm.registry import registry
from vivace.utils.fieldspec import Kind
from vivace.utils.validators import Validator

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.base import Model
    from vivace.orm.expressions.columns import Column
    from vivace.orm.relations.many_to_many import ManyToManyDescriptor
    from vivace.orm.relations.reverse import RelatedManager

M = TypeVar("M", bound="Model")
RT = TypeVar("RT", bound="Model | None")


class OnDelete:
    """What happens to a row when the row it points to is deleted."""

    def __init__(self, name: str, value: Any = None, *, in_database: bool = False) -> None:
        self.name, self.value, self.in_database = name, value, in_database

    def __repr__(self) -> str:
        return self.name


CASCADE = OnDelete("CASCADE")
"""Delete it too."""
PROTECT = OnDelete("PROTECT")
"""Refuse with ProtectedError."""
RESTRICT = OnDelete("RESTRICT")
"""Refuse with RestrictedError, unless the row is being deleted by a cascade as well."""
SET_NULL = OnDelete("SET_NULL")
"""Point to nothing."""
SET_DEFAULT = OnDelete("SET_DEFAULT")
"""Point to the field's default."""
DO_NOTHING = OnDelete("DO_NOTHING")
"""Leave it to the database, which refuses unless something else is arranged there."""
DB_CASCADE = OnDelete("DB_CASCADE", in_database=True)
"""The database deletes it too: in one statement, without signals and without a look at what hangs on it."""
DB_SET_NULL = OnDelete("DB_SET_NULL", in_database=True)
"""The database makes it point to nothing."""
DB_SET_DEFAULT = OnDelete("DB_SET_DEFAULT", in_database=True)
"""The database makes it point to the column's `db_default`."""


def SET(value: Any) -> OnDelete:  # noqa: N802 - Django's name
    """Point to `value`, or to what `value()` returns."""
    return OnDelete("SET", value)


class Relation:
    """One relation seen from its target (Django's `remote_field`; also what `_meta.related_objects` lists)."""

    is_relation = True
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
    def many(self) -> bool:
        """Whether one target may have several."""
        return self.field.many_to_many or not self.field.unique

    @property
    def many_to_many(self) -> bool:
        """Whether the field is a ManyToManyField."""
        return self.field.many_to_many

    @property
    def one_to_many(self) -> bool:
        """Whether this is the reverse of a plain foreign key."""
        return self.many and not self.field.many_to_many

    @property
    def one_to_one(self) -> bool:
        """Whether this is the reverse of a OneToOneField."""
        return not self.many

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


class VirtualField:
    """What a model's body may declare that has no column of its own, and is inherited like a field."""

    name: str
    model: type[Model]
    creation_counter = 0
    relation: Any = None
    """What the name means in lookups, when it means anything there."""
    is_relation = False
    hangs = False
    """Whether what is related by it is deleted with the row."""

    def contribute(self, model: type[Model], name: str) -> None:
        """Becomes a part of `model`; called by the metaclass once the model's columns are known."""
        raise NotImplementedError

    def copied(self) -> Self:
        """An unbound copy, for a model that inherits it."""
        return copy.copy(self)

    async def before_save(self, instances: Sequence[Model], database: Database) -> None:
        """Completes the columns of instances that are about to be written."""


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


def _check_target(to: object) -> None:
    if not isinstance(to, str) and not hasattr(to, "_meta"):
        raise ModelDefinitionError(f'A relation points to a model or its name ("label.Model", "self"), got {to!r}')


def _check_on_delete(on_delete: object, options: Mapping[str, Any], *, db_constraint: bool) -> None:
    if not isinstance(on_delete, OnDelete):
        raise ModelDefinitionError(
            "on_delete is one of models.CASCADE, PROTECT, RESTRICT, SET_NULL, SET_DEFAULT, SET(...), DO_NOTHING, "
            f"DB_CASCADE, DB_SET_NULL, DB_SET_DEFAULT, got {on_delete!r}"
        )
    if on_delete in (SET_NULL, DB_SET_NULL) and not options.get("null"):
        raise ModelDefinitionError(f"on_delete={on_delete!r} needs null=True")
    if on_delete is SET_DEFAULT and "default" not in options:
        raise ModelDefinitionError("on_delete=SET_DEFAULT needs a default")
    if on_delete is DB_SET_DEFAULT and "db_default" not in options:
        raise ModelDefinitionError("on_delete=DB_SET_DEFAULT needs a db_default")
    if on_delete.in_database and not db_constraint:
        raise ModelDefinitionError(f"on_delete={on_delete!r} is part of the constraint that db_constraint=False omits")


class _KeyField(RelatedField):
    default_error_messages = {"invalid": "%(model)s instance with %(field)s %(value)r is not a valid choice."}

    def __init__(
        self,
        to: Any,
        on_delete: OnDelete,
        *,
        related_name: str | None = None,
        related_query_name: str | None = None,
        to_field: str | None = None,
        db_constraint: bool = True,
        limit_choices_to: Any = None,
        parent_link: bool = False,
        **options: Any,
    ) -> None:
        _check_target(to)
        _check_on_delete(on_delete, options, db_constraint=db_constraint)
        options.setdefault("db_index", True)
        super().__init__(**options)
        self.to_field, self.db_constraint, self.on_delete = to_field, db_constraint, on_delete
        self.limit_choices_to = limit_choices_to
        self.remote_field = Relation(
            self,
            to,
            related_name=related_name,
            related_query_name=related_query_name,
            on_delete=on_delete,
            parent_link=parent_link,
        )

    def copied(self) -> Field[Any]:
        copied: _KeyField = super().copied()  # type: ignore[assignment]
        rel = self.remote_field
        copied.remote_field = Relation(
            copied,
            rel.to,
            related_name=rel.related_name,
            related_query_name=rel.related_query_name,
            on_delete=rel.on_delete,
            parent_link=rel.parent_link,
        )
        return copied

    def get_attname(self) -> str:
        return f"{self.name}_id"

    @property
    def target_field(self) -> Field[Any]:
        """The field of the target that the key refers to: its primary key unless `to_field` says otherwise."""
        meta = self.related_model._meta
        if self.to_field is None:
            return meta.pk
        field = meta.get_field(self.to_field)
        if not isinstance(field, Field):
            raise FieldDoesNotExist(f"to_field={self.to_field!r} of {self!r} is not a column")
        return field

    def get_lookup(self, lookup_name: str) -> Any:
        # A key is compared as what it refers to is, unless a lookup is registered for keys alone.
        own = super().get_lookup(lookup_name)
        return (
            own
            if own is not None and own is not Field.class_lookup(lookup_name)
            else (self.target_field.get_lookup(lookup_name))
        )

    def get_transform(self, lookup_name: str) -> Any:
        return super().get_transform(lookup_name) or self.target_field.get_transform(lookup_name)

    @property
    def validators(self) -> list[Validator]:
        return list(self._validators)

    @property
    def spec(self) -> Any:
        """As every field's; `python_type` is the key's type."""
        spec = super().spec
        object.__setattr__(spec, "python_type", self.target_field.python_type)
        return spec

    def validate(self, value: Any, instance: Model | None) -> None:
        # The link to a parent is made when the parent's part is saved.
        if not self.remote_field.parent_link:
            super().validate(value, instance)

    def get_default(self) -> Any:
        default = super().get_default()
        return getattr(default, self.target_field.attname) if hasattr(default, "_meta") else default

    def to_python(self, value: Any) -> Any:
        if hasattr(value, "_meta"):
            value = getattr(value, self.target_field.attname)
        return self.target_field.to_python(value)

    def get_prep_value(self, value: Any) -> Any:
        if hasattr(value, "_meta"):
            value = getattr(value, self.target_field.attname)
        return self.target_field.get_prep_value(value)

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return self.target_field.sql_type()

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        return self.target_field.parameter_type()

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        convert, attname = self.target_field.bind_converter(dialect), self.target_field.attname
        return lambda value: convert(getattr(value, attname) if hasattr(value, "_meta") else value)

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        return self.target_field.row_converter(dialect)

    def row_expression(self, dialect: str) -> str | None:
        return self.target_field.row_expression(dialect)


class ForeignKey(_KeyField, Generic[RT]):
    """Many to one. `book.author` is an `Author`, loaded or knowing only its key; `await book.author` loads it."""

    kind: ClassVar[Kind] = "foreign_key"

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Model]) -> Column[RT]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Model]) -> RT: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Model, value: RT) -> None: ...

    @overload
    def __init__(
        self: ForeignKey[M],
        to: type[M],
        on_delete: OnDelete,
        *,
        null: Literal[False] = False,
        related_name: str | None = None,
        related_query_name: str | None = None,
        to_field: str | None = None,
        db_constraint: bool = True,
        limit_choices_to: Any = None,
        verbose_name: str | None = None,
        **options: Unpack[FieldOptions[Any]],
    ) -> None: ...
    @overload
    def __init__(
        self: ForeignKey[M | None],
        to: type[M],
        on_delete: OnDelete,
        *,
        null: Literal[True],
        related_name: str | None = None,
        related_query_name: str | None = None,
        to_field: str | None = None,
        db_constraint: bool = True,
        limit_choices_to: Any = None,
        verbose_name: str | None = None,
        **options: Unpack[FieldOptions[Any]],
    ) -> None: ...
    @overload
    def __init__(
        self,
        to: str,
        on_delete: OnDelete,
        *,
        null: bool = False,
        related_name: str | None = None,
        related_query_name: str | None = None,
        to_field: str | None = None,
        db_constraint: bool = True,
        limit_choices_to: Any = None,
        verbose_name: str | None = None,
        **options: Unpack[FieldOptions[Any]],
    ) -> None: ...
    def __init__(self, to: Any, on_delete: OnDelete, **options: Any) -> None:
        super().__init__(to, on_delete, **options)


class OneToOneField(ForeignKey[RT]):
    """One to one: a unique foreign key, whose other side is a single object."""

    kind = "one_to_one"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: OneToOneField[M],
            to: type[M],
            on_delete: OnDelete,
            *,
            null: Literal[False] = False,
            related_name: str | None = None,
            related_query_name: str | None = None,
            to_field: str | None = None,
            db_constraint: bool = True,
            limit_choices_to: Any = None,
            parent_link: bool = False,
            verbose_name: str | None = None,
            **options: Unpack[FieldOptions[Any]],
        ) -> None: ...
        @overload
        def __init__(
            self: OneToOneField[M | None],
            to: type[M],
            on_delete: OnDelete,
            *,
            null: Literal[True],
            related_name: str | None = None,
            related_query_name: str | None = None,
            to_field: str | None = None,
            db_constraint: bool = True,
            limit_choices_to: Any = None,
            parent_link: bool = False,
            verbose_name: str | None = None,
            **options: Unpack[FieldOptions[Any]],
        ) -> None: ...
        @overload
        def __init__(
            self,
            to: str,
            on_delete: OnDelete,
            *,
            null: bool = False,
            related_name: str | None = None,
            related_query_name: str | None = None,
            to_field: str | None = None,
            db_constraint: bool = True,
            limit_choices_to: Any = None,
            parent_link: bool = False,
            verbose_name: str | None = None,
            **options: Unpack[FieldOptions[Any]],
        ) -> None: ...
        def __init__(self, to: Any, on_delete: OnDelete, **options: Any) -> None: ...
    else:

        def __init__(self, to, on_delete, **options):
            options["unique"] = True
            super().__init__(to, on_delete, **options)


class ManyToManyField(RelatedField, Generic[M]):
    """Many to many, through a table of pairs that is made automatically unless `through` names a model."""

    kind = "many_to_many"
    many_to_many = True
    concrete = False
    _auto_options: ClassVar[tuple[str, ...]] = ("null", "unique", "primary_key", "db_index")

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def __get__(self, instance: None, owner: type[Model]) -> ManyToManyDescriptor: ...
        @overload
        def __get__(self, instance: Model, owner: type[Model]) -> RelatedManager[M]: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

    @overload
    def __init__(
        self: ManyToManyField[M],
        to: type[M],
        *,
        related_name: str | None = None,
        related_query_name: str | None = None,
        through: type[Model] | str | None = None,
        through_fields: tuple[str, str] | None = None,
        symmetrical: bool | None = None,
        limit_choices_to: Any = None,
        db_constraint: bool = True,
        db_table: str | None = None,
        verbose_name: str | None = None,
        **options: Unpack[FieldOptions[Any]],
    ) -> None: ...
    @overload
    def __init__(
        self,
        to: str,
        *,
        related_name: str | None = None,
        related_query_name: str | None = None,
        through: type[Model] | str | None = None,
        through_fields: tuple[str, str] | None = None,
        symmetrical: bool | None = None,
        limit_choices_to: Any = None,
        db_constraint: bool = True,
        db_table: str | None = None,
        verbose_name: str | None = None,
        **options: Unpack[FieldOptions[Any]],
    ) -> None: ...
    def __init__(
        self,
        to: Any,
        *,
        related_name: str | None = None,
        related_query_name: str | None = None,
        through: type[Model] | str | None = None,
        through_fields: tuple[str, str] | None = None,
        symmetrical: bool | None = None,
        limit_choices_to: Any = None,
        db_constraint: bool = True,
        db_table: str | None = None,
        **options: Any,
    ) -> None:
        _check_target(to)
        for option in self._auto_options:
            if options.get(option):
                raise ModelDefinitionError(f"{option} has no meaning on a ManyToManyField: there is no such column")
        if through is not None and db_table is not None:
            raise ModelDefinitionError("db_table names the automatic table; with through= it is the model's own")
        super().__init__(**options)
        self.symmetrical = (to == "self") if symmetrical is None else symmetrical
        self.given_through, self.through_fields, self.given_db_table = through, through_fields, db_table
        self.limit_choices_to, self.db_constraint = limit_choices_to, db_constraint
        self.remote_field = Relation(
            self, to, related_name=related_name, related_query_name=related_query_name, on_delete=None
        )

    def copied(self) -> Field[Any]:
        copied: ManyToManyField[Any] = super().copied()  # type: ignore[assignment]
        rel = self.remote_field
        copied.remote_field = Relation(
            copied, rel.to, related_name=rel.related_name, related_query_name=rel.related_query_name, on_delete=None
        )
        return copied

    @property
    def through(self) -> type[Model]:
        """The model of the table of pairs."""
        through = self.remote_field.through
        if through is None:
            raise ModelDefinitionError(
                f"{self!r} has no through model yet: {self.given_through or self.remote_field.to} is not defined"
            )
        return through

    @property
    def source_field(self) -> ForeignKey[Any]:
        """The through model's key to the model that declares the field."""
        return self._keys()[0]

    @property
    def through_target_field(self) -> ForeignKey[Any]:
        """The through model's key to the target."""
        return self._keys()[1]

    def _keys(self) -> tuple[ForeignKey[Any], ForeignKey[Any]]:
        meta = self.through._meta
        if self.through_fields is not None:
            source, target = (meta.get_field(name) for name in self.through_fields)
            if not isinstance(source, ForeignKey) or not isinstance(target, ForeignKey):
                raise ModelDefinitionError(f"through_fields of {self!r} must name two foreign keys")
            return source, target
        keys = [field for field in meta.concrete_fields if isinstance(field, ForeignKey)]
        own, other = self.model._meta.concrete_model, self.related_model._meta.concrete_model
        sources = [key for key in keys if key.related_model._meta.concrete_model is own]
        targets = [key for key in keys if key.related_model._meta.concrete_model is other]
        if self.model is self.related_model and len(sources) == 2:
            return sources[0], sources[1]
        if len(sources) != 1 or len(targets) != 1 or sources == targets:
            raise ModelDefinitionError(
                f"{self.through._meta.label} must have one foreign key to {self.model._meta.label} and one to "
                f"{self.related_model._meta.label}; when there are more, say which with through_fields=(…, …)"
            )
        return sources[0], targets[0]

    def has_default(self) -> bool:
        return False

    def get_default(self) -> Any:
        return None

    def clean(self, value: Any, instance: Model | None = None) -> Any:
        """Pairs are no column; there is nothing to check."""
        return value
