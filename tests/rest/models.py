"""A small library, as the REST tests need it."""

from __future__ import annotations

from decimal import Decimal

from vivace.orm import models
from vivace.utils.validators import MinLengthValidator


class Publisher(models.Model):
    name = models.CharField(max_length=50, unique=True)

    class Meta:
        app_label = "rest_tests"

    def __str__(self) -> str:
        return self.name


class Author(models.Model):
    name = models.CharField(max_length=50)
    email = models.EmailField(blank=True, default="")
    password = models.CharField(max_length=100, default="", secret=True)
    publisher = models.ForeignKey(Publisher, on_delete=models.SET_NULL, null=True, related_name="authors")

    class Meta:
        app_label = "rest_tests"

    def __str__(self) -> str:
        return self.name

    @property
    def initial(self) -> str:
        return self.name[:1]


class Tag(models.Model):
    name = models.SlugField(unique=True)

    class Meta:
        app_label = "rest_tests"

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    title = models.CharField(max_length=40, help_text="As on the cover.")
    isbn = models.CharField(max_length=13, unique=True, null=True, blank=True, validators=[MinLengthValidator(3)])
    published = models.DateField(null=True, blank=True)
    price = models.DecimalField(max_digits=6, decimal_places=2, default=Decimal("0.00"))
    pages = models.PositiveIntegerField(default=1)
    rating = models.FloatField(null=True, blank=True)
    kind = models.CharField(max_length=1, choices=[("n", "Novel"), ("p", "Poems")], default="n")
    in_print = models.BooleanField(default=True)
    extra = models.JSONField(default=dict, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    author = models.ForeignKey(Author, on_delete=models.PROTECT, related_name="books")
    tags = models.ManyToManyField(Tag, related_name="books", blank=True)

    class Meta:
        app_label = "rest_tests"
        constraints = [models.UniqueConstraint(fields=["author", "title"], name="rest_tests_one_title_an_author")]

    def __str__(self) -> str:
        return self.title

    def shout(self) -> str:
        return self.title.upper()


class Chapter(models.Model):
    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="chapters")
    number = models.SmallIntegerField()
    title = models.CharField(max_length=40)

    class Meta:
        app_label = "rest_tests"
        ordering = ["number"]
        unique_together = [("book", "number")]


class Footnote(models.Model):
    chapter = models.ForeignKey(Chapter, on_delete=models.CASCADE, related_name="footnotes")
    text = models.TextField()

    class Meta:
        app_label = "rest_tests"
        ordering = ["id"]


class Thing(models.Model):
    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=10)
    lasts = models.DurationField(null=True)

    class Meta:
        app_label = "rest_tests"
        constraints = [models.CheckConstraint(condition=~models.Q(name="nobody"), name="rest_tests_somebody")]


ALL = [Publisher, Author, Tag, Book, Chapter, Footnote, Thing]
