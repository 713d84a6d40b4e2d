"""`ManyToManyField`: rows of two tables paired by the rows of a third."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, Unpack, overload

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.base import Field, FieldOptions
from vivace.orm.fields.foreign_keys import ForeignKey
from vivace.orm.fields.relation import ManyToManyRel, RelatedField, check_target

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.relations.many_to_many import ManyToManyDescriptor
    from vivace.orm.relations.reverse import RelatedManager

M = TypeVar("M", bound="Model")


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
        check_target(to)
        for option in self._auto_options:
            if options.get(option):
                raise ModelDefinitionError(f"{option} has no meaning on a ManyToManyField: there is no such column")
        if through is not None and db_table is not None:
            raise ModelDefinitionError("db_table names the automatic table; with through= it is the model's own")
        super().__init__(**options)
        self.symmetrical = (to == "self") if symmetrical is None else symmetrical
        self.given_through, self.through_fields, self.given_db_table = through, through_fields, db_table
        self.limit_choices_to, self.db_constraint = limit_choices_to, db_constraint
        self.remote_field = ManyToManyRel(
            self, to, related_name=related_name, related_query_name=related_query_name, on_delete=None
        )

    def copied(self) -> Field[Any]:
        copied: ManyToManyField[Any] = super().copied()  # type: ignore[assignment]
        rel = self.remote_field
        copied.remote_field = ManyToManyRel(
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
