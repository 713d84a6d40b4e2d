"""Orders with lines, notes on anything, and what belongs to them: every kind of relation that can be nested."""

from __future__ import annotations

from vivace.orm import models
from vivace.orm.contenttypes import ContentType, GenericForeignKey, GenericRelation


class Customer(models.Model):
    name = models.CharField(max_length=20)
    email = models.CharField(max_length=30, unique=True, null=True)

    class Meta:
        app_label = "nested_writes"


class Address(models.Model):
    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, related_name="address")
    town = models.CharField(max_length=20)

    class Meta:
        app_label = "nested_writes"


class Label(models.Model):
    name = models.CharField(max_length=20, unique=True)

    class Meta:
        app_label = "nested_writes"


class Order(models.Model):
    title = models.CharField(max_length=20)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, null=True, related_name="orders")
    labels = models.ManyToManyField(Label, related_name="orders")

    class Meta:
        app_label = "nested_writes"


class Line(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    sku = models.CharField(max_length=10)
    quantity = models.PositiveIntegerField(default=1)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        app_label = "nested_writes"
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["order", "position"], name="nested_writes_place")]


class Part(models.Model):
    line = models.ForeignKey(Line, on_delete=models.CASCADE, null=True, related_name="parts")
    name = models.CharField(max_length=10)

    class Meta:
        app_label = "nested_writes"
        ordering = ["id"]


class Remark(models.Model):
    text = models.CharField(max_length=20)
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+")
    object_id = models.BigIntegerField()
    about = GenericForeignKey()

    class Meta:
        app_label = "nested_writes"
        ordering = ["id"]


class Club(models.Model):
    name = models.CharField(max_length=20)
    members: models.ManyToManyField[Customer] = models.ManyToManyField(
        Customer, through="Membership", related_name="clubs"
    )
    remarks = GenericRelation(Remark)

    class Meta:
        app_label = "nested_writes"


class Membership(models.Model):
    club = models.ForeignKey(Club, on_delete=models.CASCADE, related_name="memberships")
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, default="plain")

    class Meta:
        app_label = "nested_writes"
        ordering = ["id"]
        unique_together = [("club", "customer")]


ALL = [Customer, Address, Label, Order, Line, Part, ContentType, Remark, Club, Membership]
