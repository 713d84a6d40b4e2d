"""A model with a field of every kind, a chain of relations below it, and what points to it."""

from __future__ import annotations

from vivace.orm import models


class Every(models.Model):
    char = models.CharField(max_length=10, null=True)
    text = models.TextField(null=True)
    slug = models.SlugField(null=True)
    email = models.EmailField(null=True)
    url = models.URLField(null=True)
    small = models.SmallIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    integer = models.IntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    big = models.BigIntegerField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    real = models.FloatField(null=True)
    decimal = models.DecimalField(max_digits=6, decimal_places=2, null=True)
    truth = models.BooleanField(null=True)
    day = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    clock = models.TimeField(null=True)
    span = models.DurationField(null=True)
    key = models.UUIDField(null=True)
    unique = models.IntegerField(null=True, unique=True)
    name = models.CharField(max_length=5, null=True, unique=True)
    address = models.GenericIPAddressField(null=True)
    anything = models.JSONField(null=True)
    kind = models.CharField(max_length=1, null=True, choices=[("a", "A"), ("b", "B")])
    parent: models.ForeignKey[Every | None] = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="children"
    )

    class Meta:
        app_label = "every_kind"
