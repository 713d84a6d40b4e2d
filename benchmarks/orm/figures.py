"""What needs no database: building a query, defining models, the memory of an instance.

`python -m benchmarks.orm.figures vivace|django` prints a line of numbers in the order of FIGURES.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

from benchmarks.harness.pinned import run_pinned
from benchmarks.harness.race import Options
from benchmarks.harness.tables import table
from benchmarks.harness.workbench import ROOT, Workbench
from benchmarks.orm import data

NAME = "figures"
FIGURES = (
    ("filter() with 3 conditions, order_by(), a slice: built, and its SQL and arguments, µs", "10"),
    ("300 models of 10 fields defined, two of them relations, ms", "500"),
    ("an instance of 10 columns read from SQLite, besides its values, bytes", "400"),
    ("the same when one of the columns is a foreign key, bytes", ""),
)
MODELS = 300
INSTANCES = 1000
GC_HEADER = 16


def per_call(function: Callable[[int], Any], calls: int = 2000, rounds: int = 7) -> float:
    """Processor time of one call, in microseconds."""
    times = []
    for _ in range(rounds):
        started = process_time()
        for number in range(calls):
            function(number)
        times.append((process_time() - started) / calls * 1e6)
    return median(times)


def define(models: Any) -> float:
    """Processor time of three hundred models, in milliseconds."""
    started = process_time()
    before: Any = None
    for number in range(MODELS):
        fields: dict[str, Any] = {
            "title": models.CharField(max_length=200),
            "isbn": models.CharField(max_length=13, unique=True),
            "pages": models.IntegerField(default=0),
            "price": models.DecimalField(max_digits=8, decimal_places=2),
            "rating": models.FloatField(null=True),
            "in_print": models.BooleanField(default=True),
            "created": models.DateTimeField(auto_now_add=True),
            "parent": models.ForeignKey("self", on_delete=models.CASCADE, null=True, related_name="children"),
            "other": models.ForeignKey(before or "self", on_delete=models.CASCADE, null=True, related_name="others"),
            "Meta": type("Meta", (), {"app_label": "figures"}),
            "__module__": __name__,
        }
        before = type(models.Model)(f"Model{number}", (models.Model,), fields)
    before._meta.get_fields()
    return (process_time() - started) * 1000


def memory(make: Callable[[list[Any]], list[Any]], *, keeps_rows: bool) -> float:
    """Bytes of an instance made from a driver's row, and of that row if it is kept, besides the values in it."""
    make(rows(30))  # CPython learns the attributes of a class from its first instances
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    fetched = rows(INSTANCES)
    values = tracemalloc.get_traced_memory()[0] - before
    made = make(fetched)
    gc.collect()
    whole = tracemalloc.get_traced_memory()[0] - before
    tuples = sum(sys.getsizeof(row) + GC_HEADER for row in fetched) if keeps_rows else 0
    converted = sum(sys.getsizeof(each.published) + sys.getsizeof(each.created) for each in made)
    tracemalloc.stop()
    return (whole - values + tuples - converted) / INSTANCES


def rows(count: int) -> list[tuple[Any, ...]]:
    """As sqlite3 gives them."""
    made = []
    for key in range(1, count + 1):
        *head, in_print, published, created = data.book(key)
        made.append((*head, int(in_print), published.isoformat(), created.replace(tzinfo=None).isoformat(sep=" ")))
    return made


def plain(models: Any) -> Any:
    """A model like the benchmark's book, the author's key a number like another."""
    fields: dict[str, Any] = {
        "title": models.CharField(max_length=200),
        "isbn": models.CharField(max_length=13),
        "pages": models.IntegerField(),
        "price": models.IntegerField(),
        "rating": models.FloatField(),
        "author_id": models.BigIntegerField(),
        "in_print": models.BooleanField(),
        "published": models.DateField(null=True),
        "created": models.DateTimeField(),
        "Meta": type("Meta", (), {"app_label": "figures"}),
        "__module__": __name__,
    }
    return type(models.Model)("Plain", (models.Model,), fields)


def of_vivace() -> list[float]:
    """Ours."""
    from sqlalchemy.dialects import sqlite

    from benchmarks.orm.clients.vivace_orm import Book
    from vivace.databases import Database
    from vivace.orm import models
    from vivace.orm.query.cache import shapes

    dialect = sqlite.dialect(paramstyle="qmark")
    database = Database("sqlite:///:memory:")

    def build(number: int) -> Any:
        queryset = Book.objects.filter(title__contains="x", pages__gt=number, in_print=True).order_by("-price")[:10]
        shape, values = queryset._full_shape()
        return shapes.bound(Book, shape, values, dialect)

    def memory_of(model: type[models.Model]) -> float:
        decode = shapes.bound(model, (), (), dialect)[2]
        return memory(lambda fetched: decode(fetched, database, True), keeps_rows=True)

    return [per_call(build), define(models), memory_of(plain(models)), memory_of(Book)]


def of_django() -> list[float]:
    """Django's."""
    from django.db import models

    from benchmarks.orm.clients.django_orm import Book, Client

    Client().connect("sqlite:///:memory:")

    def build(number: int) -> Any:
        books = Book.objects.filter(title__contains="x", pages__gt=number, in_print=True).order_by("-price")[:10]
        return books.query.sql_with_params()

    def memory_of(model: Any) -> float:
        names = [field.attname for field in model._meta.concrete_fields]
        compiler = model.objects.all().query.get_compiler("default")
        compiler.setup_query()
        found = compiler.get_converters([column for column, _, _ in compiler.select])

        def make(fetched: list[Any]) -> list[Any]:
            return [model.from_db("default", names, row) for row in compiler.apply_converters(fetched, found)]

        return memory(make, keeps_rows=False)

    return [per_call(build), define(models), memory_of(plain(models)), memory_of(Book)]


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the table."""
    found: dict[str, list[list[float]]] = {"vivace": [], "django": []}
    for _ in range(options.rounds):
        for name, python in (("vivace", sys.executable), ("django", workbench.python)):
            command = ["env", f"PYTHONPATH={ROOT}", python, "-m", "benchmarks.orm.figures", name]
            found[name].append([float(each) for each in run_pinned(options.load_core, command, 120).split()])
    lines = []
    for index, (title, target) in enumerate(FIGURES):
        ours, theirs = (median(each[index] for each in found[name]) for name in found)
        lines.append([title, f"{ours:,.1f}", f"{theirs:,.1f}", f"{theirs / ours:.1f}x", target])
    heading = f"### {NAME}: what needs no database\n\n{options.rounds} processes; {workbench.versions(['django'])}.\n\n"
    return heading + table(["", "vivace", "Django", "vivace is", "target"], lines) + "\n"


if __name__ == "__main__":
    print(*(of_vivace() if sys.argv[1] == "vivace" else of_django()))
