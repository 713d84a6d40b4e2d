"""`ForeignKey` and `OneToOneField`: columns that hold another row's key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Self, TypeVar, Unpack, overload

import sqlalchemy

from vivace.orm.exceptions import FieldDoesNotExist
from vivace.orm.fields.base import Field, FieldOptions
from vivace.orm.fields.on_delete import OnDelete, check_on_delete
from vivace.orm.fields.relation import ManyToOneRel, OneToOneRel, RelatedField, check_target
from vivace.utils.fieldspec import Kind
from vivace.utils.validators import Validator

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.expressions.columns import Column

M = TypeVar("M", bound="Model")
RT = TypeVar("RT", bound="Model | None")


class _KeyField(RelatedField):
    default_error_messages = {"invalid": "%(model)s instance with %(field)s %(value)r is not a valid choice."}
    _relation_class: ClassVar[type[ManyToOneRel]] = ManyToOneRel

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
        check_target(to)
        check_on_delete(on_delete, options, db_constraint=db_constraint)
        options.setdefault("db_index", True)
        super().__init__(**options)
        self.to_field, self.db_constraint, self.on_delete = to_field, db_constraint, on_delete
        self.limit_choices_to = limit_choices_to
        self.remote_field = self._relation_class(
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
        copied.remote_field = self._relation_class(
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
    many_to_one = True

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
    many_to_one, one_to_one = False, True
    _relation_class = OneToOneRel

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
