"""Django's models over the tables that Vivace made, and Django configured for all of their databases."""

from __future__ import annotations

from collections.abc import Mapping
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


class Router:
    """Sends all queries to one database."""

    alias = "default"

    def db_for_read(self, model: Any, **hints: Any) -> str:
        """Its alias."""
        return Router.alias

    db_for_write = db_for_read


def set_up(alias: str, database: Mapping[str, Any]) -> SimpleNamespace:
    """Configures Django for this process with one more database, and returns its models."""
    if not settings.configured:
        settings.configure()
    if database["ENGINE"] == "django.db.backends.mysql":
        import pymysql

        pymysql.install_as_MySQLdb()  # the driver that needs no compiler
    # As without any configuration, so that Django's fields answer other tests of this process as they always do.
    nothing: dict[str, Any] = {}
    chosen: dict[str, Any] = {
        "DATABASES": {"default": nothing, alias: dict(database)},
        "DATABASE_ROUTERS": [f"{__name__}.Router"],
        "INSTALLED_APPS": ["django.contrib.contenttypes", f"{__name__}.Shop"],
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
    }
    # Another test of this process may have configured Django already, for its fields only.
    for name, value in chosen.items():
        setattr(settings, name, value)
    django.setup()
    connections.settings = connections.configure_settings(settings.DATABASES)
    from django.db import router

    router.__dict__.pop("routers", None)
    Router.alias = alias
    return _models()


_known: list[SimpleNamespace] = []


def _models() -> SimpleNamespace:
    # Django's models can be defined only once it is configured, and only once.
    if not _known:
        _known.append(_defined())
    return _known[0]


def _defined() -> SimpleNamespace:
    from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
    from django.contrib.contenttypes.models import ContentType
    from django.db import models

    class Shop:
        app_label = "shop"
        managed = False

    class Author(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=100)
        age = models.IntegerField(null=True)
        born = models.DateField(null=True)

        class Meta(Shop):
            pass

    class Profile(models.Model):  # type: ignore[misc]
        author = models.OneToOneField(Author, models.CASCADE, related_name="profile")
        text = models.TextField(blank=True)

        class Meta(Shop):
            pass

    class Tag(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=20)

        class Meta(Shop):
            ordering = ["-name"]

    class Store(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=40)
        opens = models.TimeField(null=True)
        code = models.UUIDField(null=True)

        class Meta(Shop):
            pass

    class Book(models.Model):  # type: ignore[misc]
        title = models.CharField(max_length=100)
        subtitle = models.CharField(max_length=100, null=True)
        pages = models.BigIntegerField(default=0)
        price = models.DecimalField(max_digits=8, decimal_places=2, null=True)
        rating = models.FloatField(null=True)
        sold = models.DateTimeField(null=True)
        done = models.BooleanField(default=False)
        lasts = models.DurationField(null=True)
        author = models.ForeignKey(Author, models.CASCADE, related_name="books")
        editor = models.ForeignKey(Author, models.SET_NULL, null=True, related_name="edited")
        tags: Any = models.ManyToManyField(Tag, related_name="books")
        stores: Any = models.ManyToManyField(Store, through="Stock", related_name="books")

        class Meta(Shop):
            pass

    class Stock(models.Model):  # type: ignore[misc]
        book = models.ForeignKey(Book, models.CASCADE)
        store = models.ForeignKey(Store, models.PROTECT)
        amount = models.IntegerField(default=0)

        class Meta(Shop):
            pass

    class Category(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=20)
        parent: Any = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")

        class Meta(Shop):
            pass

    class Item(models.Model):  # type: ignore[misc]
        slug = models.SlugField(unique=True)
        amount = models.IntegerField(default=1)
        note = models.CharField(max_length=20, null=True)
        data = models.JSONField(null=True)

        class Meta(Shop):
            pass

    class Note(models.Model):  # type: ignore[misc]
        text = models.CharField(max_length=20)
        content_type = models.ForeignKey(ContentType, models.CASCADE)
        object_id = models.BigIntegerField()
        content_object = GenericForeignKey()

        class Meta(Shop):
            pass

    class Place(models.Model):  # type: ignore[misc]
        name = models.CharField(max_length=20)
        city = models.CharField(max_length=20, null=True)
        opened = models.DateField(null=True)
        notes = GenericRelation(Note, related_query_name="%(class)s")

        class Meta(Shop):
            pass

    class Restaurant(Place):
        stars = models.IntegerField(null=True)
        near = models.ForeignKey(Place, models.SET_NULL, null=True, related_name="neighbours")

        class Meta(Shop):
            pass

    class Pizzeria(Restaurant):
        oven = models.BooleanField(default=False)

        class Meta(Shop):
            pass

    class Bar(Place):
        beers = models.IntegerField(default=0)

        class Meta(Shop):
            pass

    class Starred(Restaurant):
        class Meta(Shop):
            proxy = True
            ordering = ["-stars", "id"]

    class Annotated(Tag):
        notes = GenericRelation(Note, related_query_name="tag")

        class Meta(Shop):
            proxy = True

    found = (Author, Profile, Tag, Store, Book, Stock, Category, Item, Note, Place, Restaurant, Pizzeria, Bar)
    more = (Starred, Annotated, ContentType)
    return SimpleNamespace(**{model.__name__: model for model in (*found, *more)})
