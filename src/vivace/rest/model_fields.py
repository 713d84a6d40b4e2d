"""From what a model field knows (`field.spec`) to the serializer field that shows and takes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from vivace.rest import fields, relations
from vivace.rest._models import is_to_many
from vivace.utils.fieldspec import FieldSpec
from vivace.utils.validators import (
    DecimalValidator,
    EmailValidator,
    MaxLengthValidator,
    MaxValueValidator,
    MinLengthValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
    URLValidator,
)

# What the columns hold; the database refuses larger values with an error that is not the client's to see.
RANGES: dict[str, tuple[Any, Any]] = {
    "smallint": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "bigint": (-(2**63), 2**63 - 1),
    # SQLite counts microseconds in 64 bits.
    "duration": (dt.timedelta(microseconds=-(2**63)), dt.timedelta(microseconds=2**63 - 1)),
}

FIELD_CLASSES: dict[str, type[fields.Field]] = {
    "string": fields.CharField,
    "text": fields.CharField,
    "email": fields.EmailField,
    "url": fields.URLField,
    "slug": fields.SlugField,
    "uuid": fields.UUIDField,
    "smallint": fields.IntegerField,
    "integer": fields.IntegerField,
    "bigint": fields.BigIntegerField,
    "float": fields.FloatField,
    "decimal": fields.DecimalField,
    "boolean": fields.BooleanField,
    "date": fields.DateField,
    "datetime": fields.DateTimeField,
    "time": fields.TimeField,
    "duration": fields.DurationField,
    "json": fields.JSONField,
    "ip_address": fields.IPAddressField,
    "file": fields.FileField,
    "image": fields.ImageField,
    "file_path": fields.FilePathField,
    "array": fields.ListField,
    "hstore": fields.HStoreField,
}
TEXTS = (fields.CharField,)
LIMITED = (fields.IntegerField, fields.FloatField, fields.DecimalField, fields.DurationField)
RELATIONS = ("foreign_key", "one_to_one", "many_to_many")


def field_class(field: Any) -> type[fields.Field]:
    """The serializer field class for a model field without relation."""
    return FIELD_CLASSES.get(field.spec.kind, fields.ModelField)


def field_kwargs(field: Any, cls: type[fields.Field]) -> dict[str, Any]:
    """The arguments that make a serializer field take what the model field holds."""
    spec: FieldSpec = field.spec
    kwargs = _words(spec)
    if cls is fields.ModelField:
        kwargs["model_field"] = field
    if spec.kind == "decimal" and cls is fields.DecimalField:
        kwargs |= {"max_digits": spec.max_digits, "decimal_places": spec.decimal_places}
    kwargs |= _of_kind(field, cls)
    if not is_writable(spec):
        return kwargs | {"read_only": True}
    kwargs |= _presence(spec)
    if issubclass(cls, fields.FileField) and spec.max_length is not None:
        kwargs["max_length"] = spec.max_length
    if issubclass(cls, fields.ListField | fields.HStoreField) and not spec.blank:
        kwargs["allow_empty"] = False
    if issubclass(cls, fields.ListField) and getattr(field, "size", None) is not None:
        kwargs["max_length"] = field.size
    if issubclass(cls, fields.FilePathField):
        return kwargs | ({"allow_blank": True} if spec.blank else {})
    if issubclass(cls, fields.ChoiceField):
        kwargs["choices"] = spec.choices
        if spec.blank and spec.python_type is str:
            kwargs["allow_blank"] = True
        return kwargs
    if issubclass(cls, TEXTS):
        if spec.blank:
            kwargs["allow_blank"] = True
        if spec.max_length is not None:
            kwargs["max_length"] = spec.max_length
        shortest = [each.limit_value for each in spec.validators if isinstance(each, MinLengthValidator)]
        if shortest:
            kwargs["min_length"] = max(shortest)
    if issubclass(cls, LIMITED):
        kwargs |= _limits(spec)
    return kwargs


def _of_kind(field: Any, cls: type[fields.Field]) -> dict[str, Any]:
    """The arguments that belong to one class of field, read only or not."""
    if issubclass(cls, fields.SlugField):
        return {"allow_unicode": field.allow_unicode} if getattr(field, "allow_unicode", False) else {}
    if issubclass(cls, fields.IPAddressField):
        return {"protocol": field.protocol} if hasattr(field, "protocol") else {}
    if issubclass(cls, fields.FilePathField):
        names = ("path", "match", "recursive", "allow_files", "allow_folders")
        return {name: getattr(field, name) for name in names}
    return {}


def is_writable(spec: FieldSpec) -> bool:
    """Whether a client may set the field."""
    return spec.editable and not spec.auto


def _words(spec: FieldSpec) -> dict[str, Any]:
    words = {}
    if spec.label and spec.label != spec.name.replace("_", " "):
        words["label"] = spec.label[:1].upper() + spec.label[1:]
    if spec.help_text:
        words["help_text"] = spec.help_text
    return words


def _presence(spec: FieldSpec) -> dict[str, Any]:
    presence: dict[str, Any] = {}
    if spec.has_default or spec.blank or spec.null:
        presence["required"] = False
    if spec.null:
        presence["allow_null"] = True
    return presence


def _limits(spec: FieldSpec) -> dict[str, Any]:
    least, most = RANGES.get(spec.kind, (None, None))
    for validator in spec.validators:
        if isinstance(validator, MinValueValidator):
            least = _tighter(max, least, validator.limit_value)
        elif isinstance(validator, MaxValueValidator):
            most = _tighter(min, most, validator.limit_value)
    limits = {"min_value": _tighter(max, least, spec.min_value), "max_value": _tighter(min, most, spec.max_value)}
    return {name: value for name, value in limits.items() if value is not None}


def _tighter(choose: Any, one: Any, other: Any) -> Any:
    return one if other is None else other if one is None else choose(one, other)


# The serializer field has these by itself, with DRF's words.
_BUILT_IN = (
    MaxLengthValidator,
    MinLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    EmailValidator,
    URLValidator,
    DecimalValidator,
    ProhibitNullCharactersValidator,
)


def own_validators(field: Any) -> list[Any]:
    """The validators that the project gave to the model field, without those that the serializer field has."""
    return [
        validator
        for validator in field.spec.validators
        if not isinstance(validator, _BUILT_IN) and validator not in type(field).default_validators
    ]


def value_field(field: Any) -> fields.Field:
    """A serializer field that reads one value of a model field, or one key of a relation, from a URL."""
    related = field.related_model
    if related is not None:
        return value_field(related._meta.pk)
    spec: FieldSpec = field.spec
    if spec.choices:
        return fields.ChoiceField(choices=spec.choices)
    cls = field_class(field)
    if cls is fields.BigIntegerField:
        cls = fields.IntegerField  # whoever writes a URL need not know how large the column is
    kwargs: dict[str, Any] = _limits(spec) if spec.kind in RANGES and issubclass(cls, LIMITED) else {}
    if cls is fields.DecimalField:
        kwargs = {"max_digits": None, "decimal_places": None}
    if cls is fields.ModelField:
        kwargs = {"model_field": field}
    return cls(**kwargs)


def related_field(field: Any, cls: type[relations.RelatedField] = relations.PrimaryKeyRelatedField) -> fields.Field:
    """The field for a relation of a model, either way: keys, a list of them for a to-many relation."""
    kwargs = related_kwargs(field)
    return cls(**kwargs)


def related_kwargs(field: Any) -> dict[str, Any]:
    """The arguments of the relation field for a relation of a model."""
    many = {"many": True} if is_to_many(field) else {}
    spec: FieldSpec | None = getattr(field, "spec", None)
    if spec is None:  # the other side of somebody's foreign key
        return {**many, "read_only": True} if _has_own_pairs(field) else {**many, "queryset": _choices_of(field)}
    words = _words(spec)
    if not is_writable(spec) or _has_own_pairs(field):
        return {**many, **words, "read_only": True}
    kwargs: dict[str, Any] = {**many, **words, "queryset": _choices_of(field)}
    if spec.has_default or spec.blank or spec.null:
        kwargs["required"] = False
    if spec.null:
        kwargs["allow_null"] = True
    if many and not spec.blank:
        kwargs["allow_empty"] = False
    return kwargs


def other_target(field: Any) -> str | None:
    """The field of the other model that a foreign key refers to with `to_field`; None when it is the key."""
    target = getattr(field, "target_field", None) if getattr(field, "spec", None) is not None else None
    return None if target is None or target.primary_key or is_to_many(field) else str(target.name)


def _choices_of(field: Any) -> Any:
    """The objects that may be chosen: all, or those that `limit_choices_to` allows."""
    manager = field.related_model._meta.default_manager
    limits = getattr(field, "limit_choices_to", None)
    limits = limits() if callable(limits) else limits
    if not limits:
        return manager
    return manager.filter(**limits) if isinstance(limits, Mapping) else manager.filter(limits)


def _has_own_pairs(field: Any) -> bool:
    """Whether a many-to-many relation goes through a model of the project, whose rows may need more than two keys."""
    through = getattr(getattr(field, "remote_field", None) or field, "through", None)
    return through is not None and not through._meta.auto_created
