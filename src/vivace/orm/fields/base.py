"""`Field`: what every column has in common.

A field is declared in a model's body, bound to it by the metaclass (`bind`), and then asked four things: the SQL type
(`sql_type`), how a value goes to a driver (`bind_converter`), how it comes back (`row_converter`), and whether a value
is valid (`clean`). The class itself never serves attribute reads: instances hold plain attributes, and `Book.title`
comes from the metaclass.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypedDict, TypeVar, overload

import sqlalchemy

from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.fields.choices import Choice, flatten, normalize
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.fields.registering import RegisterLookupMixin
from vivace.utils.exceptions import ValidationError
from vivace.utils.fieldspec import NO_DEFAULT, FieldSpec, Kind
from vivace.utils.validators import EMPTY_VALUES, Validator

if TYPE_CHECKING:
    from vivace.orm.base import Model
    from vivace.orm.expressions.columns import Column

T = TypeVar("T")
_counter = itertools.count()


class FieldOptions(TypedDict, Generic[T], total=False):
    """The options that every field takes; meaning and names are Django's (`secret` is ours: never shown by default)."""

    name: str
    blank: bool
    default: T | Callable[[], T]
    choices: Any
    db_column: str
    db_index: bool
    db_default: Any
    db_tablespace: str | None
    unique: bool
    unique_for_date: str | None
    unique_for_month: str | None
    unique_for_year: str | None
    primary_key: bool
    validators: Sequence[Validator]
    help_text: str
    editable: bool
    error_messages: Mapping[str, str]
    db_comment: str
    secret: bool


class TextOptions(FieldOptions[T], total=False):
    """What fields of texts take besides."""

    db_collation: str | None


class Field(RegisterLookupMixin, Generic[T]):
    """Base of all fields. `null=True` adds None to the type of the attribute; the other options are `FieldOptions`."""

    kind: ClassVar[Kind] = "string"
    python_type: ClassVar[type[Any]] = str
    empty_strings_allowed: ClassVar[bool] = False
    """Whether `blank=True` alone gives a sensible empty value (text fields)."""
    counts_up: ClassVar[bool] = False
    """Whether the database counts the value up."""

    is_relation = False
    many_to_many = many_to_one = one_to_many = one_to_one = False
    concrete = True
    auto_created = False
    """Whether the model got it without declaring it: the link to a parent."""
    generated = False
    """Whether the database computes the value from other columns, so that it is never written."""
    shares_key = False
    """Whether it is a part of a composite primary key, which alone tells no rows apart."""
    remote_field: Any = None

    default_error_messages: ClassVar[Mapping[str, str]] = {
        "invalid_choice": "Value %(value)r is not a valid choice.",
        "null": "This field cannot be null.",
        "blank": "This field cannot be blank.",
        "unique": "%(model_name)s with this %(field_label)s already exists.",
        "unique_for_date": "%(field_label)s must be unique for %(date_field_label)s %(lookup_type)s.",
    }
    default_validators: ClassVar[Sequence[Validator]] = ()

    model: type[Model]
    name: str
    attname: str
    column: str

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Model]) -> Column[T]: ...
        @overload
        def __get__(self, instance: Model, owner: type[Model]) -> T: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> Self: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...
        def __set__(self, instance: Model, value: T) -> None: ...

    def __init__(
        self,
        verbose_name: str | None = None,
        name: str | None = None,
        *,
        null: bool = False,
        blank: bool = False,
        default: Any = NO_DEFAULT,
        choices: Any = None,
        max_length: int | None = None,
        db_column: str | None = None,
        db_index: bool = False,
        db_default: Any = NO_DEFAULT,
        db_tablespace: str | None = None,
        unique: bool = False,
        unique_for_date: str | None = None,
        unique_for_month: str | None = None,
        unique_for_year: str | None = None,
        primary_key: bool = False,
        validators: Iterable[Validator] = (),
        help_text: str = "",
        editable: bool = True,
        error_messages: Mapping[str, str] | None = None,
        db_comment: str | None = None,
        secret: bool = False,
    ) -> None:
        if primary_key and null:
            raise ModelDefinitionError("A primary key cannot be null: leave out null=True")
        if isinstance(default, list | dict | set):
            raise ModelDefinitionError(
                f"default={default!r} would be shared by all instances: give a callable, such as "
                f"default={_maker(default)}"
            )
        self.creation_counter = next(_counter)
        self._verbose_name, self._given_name = verbose_name, name
        # Until a model has given it one; fields of annotations have no other.
        self.name = name or self.kind
        self.null, self.blank, self.default = null, blank, default
        self._choices = choices
        self.max_length = max_length
        self.db_default, self.db_tablespace = _db_default(db_default), db_tablespace
        self.unique_for_date, self.unique_for_month = unique_for_date, unique_for_month
        self.unique_for_year = unique_for_year
        self.db_column, self.db_index, self.unique, self.primary_key = db_column, db_index, unique, primary_key
        self._validators = tuple(validators)
        self.help_text, self.editable, self.secret, self.db_comment = help_text, editable, secret, db_comment
        messages: dict[str, str] = {}
        for base in reversed(type(self).__mro__):
            messages.update(base.__dict__.get("default_error_messages", {}))
        self.error_messages = messages | dict(error_messages or {})

    # Declaration

    def bind(self, model: type[Model], name: str) -> None:
        """Ties the field to a model under an attribute name; called once by the metaclass."""
        self.model = model
        self.name = self._given_name or name
        self.attname = self.get_attname()
        self.column = self.db_column or self.attname
        self.verbose_name = self._verbose_name if self._verbose_name is not None else self.name.replace("_", " ")

    def get_attname(self) -> str:
        """The attribute that holds the column's value: the name itself, or `author_id` for a foreign key."""
        return self.name

    def copied(self) -> Field[T]:
        """An unbound copy, for a model that inherits the field from an abstract one."""
        return copy.copy(self)

    @property
    def related_model(self) -> type[Model] | None:
        """The model a relation points to; None for a plain field."""
        return None

    @property
    def choices(self) -> list[Choice] | None:
        """Choices as given, groups kept: `(value, label)` or `(group, [(value, label), …])`."""
        return None if self._choices is None else normalize(self._choices)

    @property
    def flatchoices(self) -> list[tuple[Any, str]]:
        """`(value, label)` pairs without their groups; empty when the field has no choices."""
        return [] if self._choices is None else flatten(normalize(self._choices))

    @property
    def validators(self) -> list[Validator]:
        """The checks `clean` runs: the field's own, then the given ones."""
        return [*self.default_validators, *self._validators]

    @property
    def db_returning(self) -> bool:
        """Whether an INSERT may leave the value to the database, so that it has to be read back."""
        return self.counts_up or self.generated or self.db_default is not NO_DEFAULT

    @property
    def is_auto(self) -> bool:
        """Whether the value comes from the database or the field, so that nobody need give one."""
        return self.counts_up or self.generated

    @property
    def spec(self) -> FieldSpec:
        """What this field knows, for layers that do not know models."""
        return FieldSpec(
            name=self.name,
            kind=self.kind,
            python_type=self.python_type,
            null=self.null,
            blank=self.blank,
            default=self.default,
            choices=self.flatchoices if self._choices is not None else None,
            max_length=self.max_length,
            validators=tuple(self.validators),
            label=self.verbose_name,
            help_text=self.help_text,
            editable=self.editable,
            unique=self.unique or (self.primary_key and not self.shares_key),
            primary_key=self.primary_key,
            secret=self.secret,
            auto=self.is_auto,
            db_default=self.has_db_default(),
            **self._spec_extra(),
        )

    def _spec_extra(self) -> dict[str, Any]:
        return {}

    # Defaults

    def has_default(self) -> bool:
        """Whether a default was given; None counts."""
        return self.default is not NO_DEFAULT

    def has_db_default(self) -> bool:
        """Whether the database fills in a value that is left out."""
        return self.db_default is not NO_DEFAULT

    def get_default(self) -> Any:
        """The value of an attribute nobody set: the default, or "" for texts that may not be null, or None.

        With `db_default` and no default it is a `DatabaseDefault`, which stands there until the row is saved.
        """
        if self.default is not NO_DEFAULT:
            return self.default() if callable(self.default) else self.default
        if self.db_default is not NO_DEFAULT:
            return DatabaseDefault(self)
        return "" if self.empty_strings_allowed and not self.null else None

    # Values

    def to_python(self, value: Any) -> Any:
        """`value` as this field's Python type; takes what forms and JSON give. Raises ValidationError."""
        return value

    def get_prep_value(self, value: Any) -> Any:
        """`value` as it is compared and stored, still Python. Raises TypeError or ValueError for nonsense."""
        return value

    def pre_save(self, instance: Model, add: bool) -> Any:
        """The value to write for `instance`; fields that fill themselves in set the attribute here."""
        return instance.__dict__[self.attname] if self.attname in instance.__dict__ else getattr(instance, self.attname)

    @property
    def fills_itself(self) -> bool:
        """Whether `pre_save` may give something else than what the attribute holds."""
        return type(self).pre_save is not Field.pre_save

    def value_to_string(self, instance: Model) -> str:
        """The value as text, for serialization."""
        return str(getattr(instance, self.attname))

    def validate(self, value: Any, instance: Model | None) -> None:
        """Checks choices, null and blank. Raises ValidationError."""
        if not self.editable:
            # Nobody could correct it; the program that sets it is trusted, as in Django.
            return
        if self._choices is not None and value not in EMPTY_VALUES:
            if not any(value == option for option, _ in self.flatchoices):
                raise ValidationError(self.error_messages["invalid_choice"], "invalid_choice", {"value": value})
            return
        if value is None and not self.null:
            raise ValidationError(self.error_messages["null"], "null")
        if not self.blank and value in EMPTY_VALUES:
            raise ValidationError(self.error_messages["blank"], "blank")

    def run_validators(self, value: Any) -> None:
        """Runs every validator and raises one ValidationError with all that they found."""
        if value in EMPTY_VALUES:
            return
        errors: list[ValidationError] = []
        for validator in self.validators:
            try:
                validator(value)
            except ValidationError as error:
                if error.error_list and error.error_list[0].code in self.error_messages:
                    error.message = self.error_messages[str(error.code)]
                errors.extend(error.error_list)
        if errors:
            raise ValidationError(errors)

    def clean(self, value: Any, instance: Model | None = None) -> Any:
        """`value` converted and checked. Raises ValidationError."""
        value = self.to_python(value)
        self.validate(value, instance)
        self.run_validators(value)
        return value

    # Databases

    def sql_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        """The SQLAlchemy type of the column."""
        raise NotImplementedError(f"{type(self).__name__} has no SQL type")

    def require(self, dialect: str) -> None:
        """Raises NotSupportedError when a database cannot have such a column."""

    def parameter_type(self) -> sqlalchemy.types.TypeEngine[Any]:
        """The SQL type of a value that the column is compared with: without a length, which would cut the value."""
        sql_type = self.sql_type()
        if isinstance(sql_type, sqlalchemy.Integer):
            # An index on a smaller integer serves a comparison with a bigger one too, and no value is out of range.
            return sqlalchemy.BigInteger()
        if isinstance(sql_type, sqlalchemy.String):
            return sqlalchemy.Text()
        if isinstance(sql_type, sqlalchemy.Numeric) and not isinstance(sql_type, sqlalchemy.Float):
            return sqlalchemy.Numeric()
        return sql_type

    def bind_converter(self, dialect: str) -> Callable[[Any], Any]:
        """A function from a value to what the driver of `dialect` takes. It is never given None."""
        return self.get_prep_value

    def row_converter(self, dialect: str) -> Callable[[Any], Any] | None:
        """A function from what the driver gives to the field's value, or None when it is the value already.

        It is never given None.
        """
        return None

    def row_expression(self, dialect: str) -> str | None:
        """The row converter as Python source, with `{v}` for the value, where a call would cost more."""
        return None

    def __repr__(self) -> str:
        if "model" in self.__dict__:
            return f"<{type(self).__name__}: {self.model._meta.label}.{self.name}>"
        return f"<{type(self).__name__}>"


def plain(value: Any) -> Any:
    """An enumeration member's value; everything else as it is."""
    return value.value if isinstance(value, Enum) else value


def _db_default(given: Any) -> Any:
    if callable(given) and not hasattr(given, "freeze"):
        raise ModelDefinitionError(
            f"db_default={given!r} would be called once, for the table: the database cannot call Python. Give a value "
            "or an expression, such as functions.Now(), or use default="
        )
    return given


def _maker(default: Any) -> str:
    return type(default).__name__ if not default else f"lambda: {default!r}"
