"""A model with every kind of uniqueness, in Vivace and in Django, over the same table."""

from __future__ import annotations

from typing import Any

from vivace.orm import models as ours


class Issue(ours.Model):
    title = ours.CharField(max_length=20, unique_for_date="day")
    slug = ours.SlugField(unique_for_month="day", default="s")
    motto = ours.CharField(max_length=20, unique_for_year="day", blank=True, default="")
    day = ours.DateField()
    number = ours.IntegerField()
    volume = ours.IntegerField(default=1)
    section = ours.CharField(max_length=5, null=True)
    place = ours.CharField(max_length=5, null=True)
    is_draft = ours.BooleanField(default=False)
    code = ours.CharField(max_length=5, unique=True, null=True)
    address = ours.GenericIPAddressField(null=True)
    kind = ours.CharField(max_length=1, choices=[("d", "Daily"), ("w", "Weekly")], default="d")
    shown = ours.CharField(max_length=5, editable=False, default="yes")

    class Meta:
        app_label = "press"
        constraints = [
            ours.UniqueConstraint(fields=["number", "volume"], name="press_number"),
            ours.UniqueConstraint(
                fields=["section", "place"],
                condition=ours.Q(is_draft=False),
                name="press_section",
                violation_error_message="Taken.",
                violation_error_code="taken",
            ),
        ]


def django_model() -> Any:
    """The same for Django, which must be configured."""
    from django.apps import apps
    from django.db import models

    if "issue" in apps.all_models["shop"]:
        return apps.get_model("shop", "issue")

    class Issue(models.Model):  # type: ignore[misc]  # Django has no types
        title = models.CharField(max_length=20, unique_for_date="day")
        slug = models.SlugField(unique_for_month="day", default="s")
        motto = models.CharField(max_length=20, unique_for_year="day", blank=True, default="")
        day = models.DateField()
        number = models.IntegerField()
        volume = models.IntegerField(default=1)
        section = models.CharField(max_length=5, null=True)
        place = models.CharField(max_length=5, null=True)
        is_draft = models.BooleanField(default=False)
        code = models.CharField(max_length=5, unique=True, null=True)
        address = models.GenericIPAddressField(null=True)
        kind = models.CharField(max_length=1, choices=[("d", "Daily"), ("w", "Weekly")], default="d")
        shown = models.CharField(max_length=5, editable=False, default="yes")

        class Meta:
            app_label = "shop"
            db_table = "press_issue"
            managed = False
            constraints = [
                models.UniqueConstraint(fields=["number", "volume"], name="press_number"),
                models.UniqueConstraint(
                    fields=["section", "place"],
                    condition=models.Q(is_draft=False),
                    name="press_section",
                    violation_error_message="Taken.",
                    violation_error_code="taken",
                ),
            ]

    return Issue
