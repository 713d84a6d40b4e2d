"""`StrictModel`: a model whose constructor type checkers check."""

from __future__ import annotations

from typing import dataclass_transform

from vivace.orm.base import Model
from vivace.orm.fields import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    BinaryField,
    BooleanField,
    CharField,
    CommaSeparatedIntegerField,
    DateField,
    DateTimeField,
    DecimalField,
    DurationField,
    EmailField,
    FileField,
    FilePathField,
    FloatField,
    ForeignKey,
    GeneratedField,
    GenericIPAddressField,
    ImageField,
    IntegerField,
    JSONField,
    OneToOneField,
    PositiveBigIntegerField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    SlugField,
    SmallAutoField,
    SmallIntegerField,
    TextField,
    TimeField,
    URLField,
    UUIDField,
)


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(
        AutoField,
        BigAutoField,
        BigIntegerField,
        BinaryField,
        BooleanField,
        CharField,
        CommaSeparatedIntegerField,
        DateField,
        DateTimeField,
        DecimalField,
        DurationField,
        EmailField,
        FileField,
        FilePathField,
        FloatField,
        ForeignKey,
        GeneratedField,
        GenericIPAddressField,
        ImageField,
        IntegerField,
        JSONField,
        OneToOneField,
        PositiveBigIntegerField,
        PositiveIntegerField,
        PositiveSmallIntegerField,
        SlugField,
        SmallAutoField,
        SmallIntegerField,
        TextField,
        TimeField,
        URLField,
        UUIDField,
    ),
)
class StrictModel(Model):
    """A model whose fields carry annotations (`title: CharField[str] = CharField()`), so that type checkers check the
    constructor's arguments. At run time it is a Model.
    """

    class Meta:
        abstract = True
