"""Serializer fields: what comes in as JSON or a form, validated, and goes out again; `rest_framework.fields`.

Read `base` first; the other modules hold one kind of value each.
"""

from vivace.rest.fields.base import Field, SkipField, empty, get_attribute
from vivace.rest.fields.choice import ChoiceField, MultipleChoiceField
from vivace.rest.fields.composite import DictField, HStoreField, JSONField, ListField
from vivace.rest.fields.files import FileField, FilePathField, ImageField
from vivace.rest.fields.numeric import BigIntegerField, BooleanField, DecimalField, FloatField, IntegerField
from vivace.rest.fields.special import (
    CreateOnlyDefault,
    CurrentUserDefault,
    HiddenField,
    ModelField,
    ReadOnlyField,
    SerializerMethodField,
)
from vivace.rest.fields.temporal import DateField, DateTimeField, DurationField, TimeField
from vivace.rest.fields.text import CharField, EmailField, IPAddressField, RegexField, SlugField, URLField, UUIDField

__all__ = [
    "BigIntegerField",
    "BooleanField",
    "CharField",
    "ChoiceField",
    "CreateOnlyDefault",
    "CurrentUserDefault",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DictField",
    "DurationField",
    "EmailField",
    "Field",
    "FileField",
    "FilePathField",
    "FloatField",
    "HStoreField",
    "HiddenField",
    "IPAddressField",
    "ImageField",
    "IntegerField",
    "JSONField",
    "ListField",
    "ModelField",
    "MultipleChoiceField",
    "ReadOnlyField",
    "RegexField",
    "SerializerMethodField",
    "SkipField",
    "SlugField",
    "TimeField",
    "URLField",
    "UUIDField",
    "empty",
    "get_attribute",
]
