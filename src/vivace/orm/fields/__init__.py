"""Fields: `base` (what all have in common), `text`, `numbers`, `times`, `other`, `related`, `choices`."""

from __future__ import annotations

from vivace.orm.fields.base import Field
from vivace.orm.fields.choices import Choices, IntegerChoices, TextChoices
from vivace.orm.fields.composite import CompositePrimaryKey
from vivace.orm.fields.defaults import DatabaseDefault
from vivace.orm.fields.files import FileField, FilePathField, ImageField
from vivace.orm.fields.foreign_keys import ForeignKey, OneToOneField
from vivace.orm.fields.generated import GeneratedField
from vivace.orm.fields.many_to_many import ManyToManyField
from vivace.orm.fields.network import GenericIPAddressField
from vivace.orm.fields.numbers import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    DecimalField,
    FloatField,
    IntegerField,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    SmallAutoField,
    SmallIntegerField,
)
from vivace.orm.fields.on_delete import (
    CASCADE,
    DB_CASCADE,
    DB_SET_DEFAULT,
    DB_SET_NULL,
    DO_NOTHING,
    PROTECT,
    RESTRICT,
    SET,
    SET_DEFAULT,
    SET_NULL,
)
from vivace.orm.fields.other import BinaryField, JSONField, UUIDField
from vivace.orm.fields.text import CharField, CommaSeparatedIntegerField, EmailField, SlugField, TextField, URLField
from vivace.orm.fields.times import DateField, DateTimeField, DurationField, TimeField
from vivace.orm.fields.version import VersionField

__all__ = [
    "CASCADE",
    "DB_CASCADE",
    "DB_SET_DEFAULT",
    "DB_SET_NULL",
    "DO_NOTHING",
    "PROTECT",
    "RESTRICT",
    "SET",
    "SET_DEFAULT",
    "SET_NULL",
    "AutoField",
    "BigAutoField",
    "BigIntegerField",
    "BinaryField",
    "BooleanField",
    "CharField",
    "Choices",
    "CommaSeparatedIntegerField",
    "CompositePrimaryKey",
    "DatabaseDefault",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DurationField",
    "EmailField",
    "Field",
    "FileField",
    "FilePathField",
    "FloatField",
    "ForeignKey",
    "GeneratedField",
    "GenericIPAddressField",
    "ImageField",
    "IntegerChoices",
    "IntegerField",
    "JSONField",
    "ManyToManyField",
    "OneToOneField",
    "PositiveBigIntegerField",
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "SlugField",
    "SmallAutoField",
    "SmallIntegerField",
    "TextChoices",
    "TextField",
    "TimeField",
    "URLField",
    "UUIDField",
    "VersionField",
]
