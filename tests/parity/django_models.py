"""Django models over tables that Vivace made, with Django configured for one SQLite file."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import django
from django.apps import AppConfig
from django.conf import settings
from django.db import connections


class Shop(AppConfig):  # type: ignore[misc]  # Django has no types
    """Django finds reverse relations only among the models of installed apps."""

    name = __name__
    label = "shop"
    path = str(Path(__file__).parent)


def set_up(database: Path) -> SimpleNamespace:
    """Configures Django for this process and returns its models."""
    if not settings.configured:
        settings.configure()
    chosen: dict[str, Any] = {
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(database)}},
        "INSTALLED_APPS": [f"{__name__}.Shop"],
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    }
    # Another test of this process may have configured Django already, for its fields only.
    for name, value in chosen.items():
        setattr(settings, name, value)
    django.setup()
    connections.settings = connections.configure_settings(settings.DATABASES)
    if hasattr(connections._connections, "default"):
        del connections["default"]
    return _models()


def _models() -> SimpleNamespace:
    # Django's models can be defined only once it is configured.
    from django.db import models

    class Author(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=100)
        age = models.IntegerField(null=True)
        born = models.DateField(null=True)

        class Meta:
            app_label = "shop"
            managed = False

    class Tag(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=20)

        class Meta:
            app_label = "shop"
            managed = False
            ordering = ["-name"]

    class Book(models.Model):  # type: ignore[misc]
        title = models.CharField(max_length=100)
        subtitle = models.CharField(max_length=100, null=True)
        pages = models.BigIntegerField(default=0)
        price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
        rating = models.FloatField(null=True)
        sold = models.DateTimeField(null=True)
        done = models.BooleanField(default=False)
        author = models.ForeignKey(Author, models.CASCADE, related_name="books")
        editor = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="edited")
        tags: Any = models.ManyToManyField(Tag, related_name="books")

        class Meta:
            app_label = "shop"
            managed = False

    return SimpleNamespace(Author=Author, Tag=Tag, Book=Book)
