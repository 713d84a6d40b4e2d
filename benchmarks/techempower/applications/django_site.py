"""Django, a site in one file."""

from __future__ import annotations

import os
from random import randint
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import Context, Engine
from django.urls import path


def database(url: str) -> dict[str, Any]:
    """Django's settings for a database."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        name = parts.path[1:]
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "OPTIONS": {"init_command": pragmas}}
    where = {"NAME": parts.path[1:], "USER": parts.username, "HOST": parts.hostname, "PORT": parts.port}
    return {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None, **where}


settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {**database(os.environ["DATABASE_URL"]), "CONN_MAX_AGE": None}},
    INSTALLED_APPS=[],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="benchmark",
    USE_TZ=True,
)
django.setup()


class World(models.Model):
    id = models.IntegerField(primary_key=True)
    randomnumber = models.IntegerField()

    class Meta:
        app_label = "techempower"
        db_table = "world"


class Fortune(models.Model):
    id = models.IntegerField(primary_key=True)
    message = models.CharField(max_length=2048)

    class Meta:
        app_label = "techempower"
        db_table = "fortune"


class Author(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=100)

    class Meta:
        app_label = "techempower"
        db_table = "author"


class Book(models.Model):
    id = models.IntegerField(primary_key=True)
    title = models.CharField(max_length=100)
    pages = models.IntegerField()
    author = models.ForeignKey(Author, on_delete=models.CASCADE, db_index=False)

    class Meta:
        app_label = "techempower"
        db_table = "book"


# Columns, because no method of a book is called; written once, as a prepared statement is.
first_books = Book.objects.order_by("id").values_list("id", "title", "pages", "author_id", "author__name")[:20]

page = Engine().from_string(
    "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
    "<tr><th>id</th><th>message</th></tr>"
    "{% for fortune in fortunes %}<tr><td>{{ fortune.id }}</td><td>{{ fortune.message }}</td></tr>{% endfor %}"
    "</table></body></html>"
)


def number_of(request: HttpRequest) -> int:
    """How many are asked for, from 1 to 500."""
    try:
        return min(max(int(request.GET.get("queries", "1")), 1), 500)
    except ValueError:
        return 1


def as_dict(world: World) -> dict[str, int]:
    """With the names that are asked for."""
    return {"id": world.id, "randomNumber": world.randomnumber}


def plaintext(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello, World!", content_type="text/plain")


def as_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"message": "Hello, World!"})


def db(request: HttpRequest) -> HttpResponse:
    return JsonResponse(as_dict(World.objects.get(id=randint(1, 10_000))))


def queries(request: HttpRequest) -> HttpResponse:
    worlds = [World.objects.get(id=randint(1, 10_000)) for _ in range(number_of(request))]
    return JsonResponse([as_dict(world) for world in worlds], safe=False)


def updates(request: HttpRequest) -> HttpResponse:
    worlds = [World.objects.get(id=randint(1, 10_000)) for _ in range(number_of(request))]
    for world in worlds:
        world.randomnumber = randint(1, 10_000)
    changed = {world.id: world for world in worlds}
    World.objects.bulk_update([changed[key] for key in sorted(changed)], ["randomnumber"])
    return JsonResponse([as_dict(changed[world.id]) for world in worlds], safe=False)


def fortunes(request: HttpRequest) -> HttpResponse:
    found = list(Fortune.objects.all())
    found.append(Fortune(id=0, message="Additional fortune added at request time."))
    found.sort(key=lambda fortune: fortune.message)
    return HttpResponse(page.render(Context({"fortunes": found})))


def books(request: HttpRequest) -> HttpResponse:
    nested = [
        {"id": key, "title": title, "pages": pages, "author": {"id": author, "name": name}}
        for key, title, pages, author, name in first_books.all()
    ]
    return JsonResponse(nested, safe=False)


urlpatterns = [
    path("plaintext", plaintext),
    path("json", as_json),
    path("db", db),
    path("queries", queries),
    path("updates", updates),
    path("fortunes", fortunes),
    path("books", books),
]
app = get_wsgi_application()
