"""Defining models: registry, labels, Meta, inheritance, and the mistakes that are told at once."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from tests.orm.library import Author, Book, Tag

from vivace.orm import models
from vivace.orm.exceptions import FieldDoesNotExist, ModelDefinitionError, ORMError
from vivace.orm.registry import registry


@pytest.fixture(autouse=True)
def isolated() -> Iterator[None]:
    with registry.isolated():
        yield


def test_models_are_found_by_label() -> None:
    assert registry.get_model("library.Book") is registry.get_model("library.book") is Book
    assert Book in registry.models("library")
    assert Book.tags.through not in registry.models()
    assert Book.tags.through in registry.models(include_auto_created=True)
    with pytest.raises(LookupError, match=r'Did you mean "library\.Book"'):
        registry.get_model("library.Bok")


def test_labels_come_from_the_module() -> None:
    assert registry.label_of("shop.blog.models") == "blog"
    assert registry.label_of("shop.blog.models.post") == "blog"
    assert registry.label_of("app") == "app"
    assert registry.label_of("my-app") == "my_app"
    registry.set_label("shop.blog", "weblog")
    assert registry.label_of("shop.blog.models") == "weblog"
    with pytest.raises(ValueError, match="identifier"):
        registry.set_label("x", "a b")


def test_meta_tells_what_the_model_is() -> None:
    meta = Book._meta
    assert (meta.label, meta.app_label, meta.model_name, meta.db_table) == (
        "library.Book",
        "library",
        "book",
        "library_book",
    )
    assert meta.pk.name == "id"
    assert [field.name for field in meta.concrete_fields][:2] == ["id", "title"]
    assert [field.name for field in meta.many_to_many] == ["tags", "readers"]
    assert meta.get_field("author").related_model is Author
    assert {relation.accessor for relation in Author._meta.related_objects} == {
        "books",
        "edited",
        "borrowed",
        "profile",
        "loan_set",
    }
    assert (meta.verbose_name, Tag._meta.verbose_name_plural) == ("book", "tags")
    with pytest.raises(FieldDoesNotExist, match='Did you mean "title"'):
        meta.get_field("titel")


def test_fields_know_their_spec() -> None:
    spec = Book._meta.forward["title"].spec
    assert (spec.kind, spec.python_type, spec.max_length, spec.null) == ("string", str, 100, False)
    author = Book._meta.forward["author"].spec
    assert (author.kind, author.related, author.python_type) == ("foreign_key", "library.Author", int)
    price = Book._meta.forward["price"].spec
    assert (price.max_digits, price.decimal_places) == (8, 2)
    assert Book._meta.forward["genre"].spec.choices == [("n", "A novel"), ("p", "Poems")]
    assert Book._meta.forward["pages"].spec.min_value == -(2**31)


def test_class_attributes_are_expressions_and_dir_lists_them() -> None:
    assert isinstance(Book.title, models.Column)
    assert {"title", "author_id", "objects"} <= set(dir(Book))
    assert not hasattr(Book, "titel")
    with pytest.raises(AttributeError, match='Did you mean "title"'):
        Book.titel  # type: ignore[attr-defined]  # noqa: B018
    assert inspect.isclass(Book)
    assert "title" not in Book.__dict__


def test_abstract_models_hand_down_fields_and_meta() -> None:
    class Base(models.Model):
        name = models.CharField(max_length=5)
        note = models.TextField()
        owner = models.ForeignKey(Author, models.CASCADE, related_name="%(class)s_owned")

        class Meta:
            abstract = True
            ordering = ["name"]

    class First(Base):
        name = models.CharField(max_length=9)
        note = None  # type: ignore[assignment]

    class Second(Base):
        class Meta(Base.Meta):
            abstract = False
            verbose_name = "two"

    assert First._meta.forward["name"].max_length == 9
    assert "note" not in First._meta.forward
    assert (First._meta.ordering, Second._meta.ordering) == (["name"], ["name"])
    assert Second._meta.verbose_name == "two"
    assert {"first_owned", "second_owned"} <= {relation.accessor for relation in Author._meta.related_objects}


def test_relations_may_name_a_model_before_it_exists() -> None:
    class Left(models.Model):
        right: models.ForeignKey[Any] = models.ForeignKey("Right", models.CASCADE, related_name="lefts")

    with pytest.raises(ModelDefinitionError, match='points to "Right", which is not defined'):
        _ = Left._meta.forward["right"].related_model

    class Right(models.Model):
        pass

    assert Left._meta.forward["right"].related_model is Right
    assert hasattr(Right, "lefts")


def make(called: str = "Wrong", /, **body: Any) -> Any:
    metaclass: Any = type(models.Model)
    return metaclass(called, (models.Model,), {"__module__": __name__, **body})


def make_with_meta(**options: Any) -> Any:
    fields = {"a": models.IntegerField(), "to": models.ForeignKey(Author, models.CASCADE, related_name="+")}
    return make(Meta=type("Meta", (), options), **fields)


# The types refuse most of these too.
wrong: Any = models

MISTAKES = [
    (lambda: make(save=wrong.TextField()), "Model.save exists already"),
    (lambda: make(mro=wrong.TextField()), "every Python class has that"),
    (lambda: make(a__b=wrong.TextField()), "plain words"),
    (lambda: make(pk=wrong.TextField()), "primary key"),
    (lambda: make(id=wrong.TextField()), "primary_key=True"),
    (lambda: make(a=wrong.AutoField(primary_key=True), b=wrong.UUIDField(primary_key=True)), "one primary key"),
    (lambda: make(Meta=type("Meta", (), {"orderin": []})), 'Did you mean "ordering"'),
    (lambda: make(Meta=type("Meta", (), {"ordering": ["nam"]}), name=wrong.TextField()), 'Did you mean "name"'),
    (lambda: make_with_meta(ordering="a"), "must be a list or tuple"),
    (lambda: make_with_meta(unique_together=[("a", "bb")]), "there is no field"),
    (lambda: make_with_meta(get_latest_by="aa"), 'Did you mean "a"'),
    (lambda: make_with_meta(required_db_vendor="postgres"), 'Did you mean "postgresql"'),
    (lambda: make_with_meta(required_db_features=["supports_comment"]), 'Did you mean "supports_comments"'),
    (lambda: make_with_meta(required_db_features="supports_comments"), "must be a list"),
    (lambda: make_with_meta(order_with_respect_to="a"), "names a foreign key"),
    (lambda: make_with_meta(order_with_respect_to="to", ordering=["a"]), "exclude each other"),
    (lambda: make_with_meta(indexes=[wrong.Index(fields=["b"])]), "Meta.indexes: there is no field"),
    (lambda: make_with_meta(indexes=[wrong.Index(fields=["a"], name="x" * 64)]), "more than 63 bytes"),
    (
        lambda: make_with_meta(
            indexes=[wrong.Index(fields=["a"], name="x")],
            constraints=[wrong.UniqueConstraint(fields=["a"], name="x")],
        ),
        "is there twice",
    ),
    (lambda: make(a=wrong.TextField(), b=wrong.TextField(db_column="A")), "same column"),
    (lambda: make(a=wrong.TextField(unique_for_date="b")), "there is no field"),
    (lambda: make(a=wrong.TextField(unique_for_date="b"), b=wrong.TextField()), "names a date"),
    (lambda: make(a=wrong.TextField(db_collation='C" DEFAULT 1 --')), "name of a collation"),
    (lambda: make(a=wrong.GenericIPAddressField(protocol="x")), "is unknown"),
    (lambda: make(a=wrong.GenericIPAddressField(protocol="ipv4", unpack_ipv4=True)), "unpack_ipv4"),
    (lambda: make(a=wrong.GenericIPAddressField(blank=True)), "without null=True"),
    (lambda: make(a=wrong.ImageField(width_field="b")), "there is no field"),
    (lambda: make(a=wrong.CharField(max_length=1, choices=[("ab", "x")])), "too small to fit the longest"),
    (lambda: wrong.JSONField(default={}), "give a callable"),
    (lambda: wrong.ForeignKey(Author, wrong.SET_NULL), "null=True"),
    (lambda: wrong.ForeignKey(Author, "CASCADE"), "on_delete is one of"),
    (lambda: wrong.ForeignKey(3, wrong.CASCADE), "points to a model"),
    (lambda: wrong.CharField(max_length=0), "at least 1"),
    (lambda: wrong.DecimalField(max_digits=2, decimal_places=3), "decimal_places <= max_digits"),
    (lambda: wrong.DateTimeField(auto_now=True, auto_now_add=True), "exclude one another"),
    (lambda: wrong.ManyToManyField(Author, null=True), "no meaning"),
    (wrong.AutoField, "primary_key=True"),
    (lambda: make(to=wrong.ForeignKey(Author, wrong.CASCADE, related_name="name")), 'reverse name "name"'),
]  # fmt: skip


@pytest.mark.parametrize(("define", "message"), MISTAKES)
def test_mistakes_are_told_where_they_are_made(define: Any, message: str) -> None:
    with pytest.raises((ModelDefinitionError, FieldDoesNotExist)) as caught:
        define()
    assert message in str(caught.value)


def test_isolated_leaves_other_models_as_they_were() -> None:
    before = Author._meta.all_related_objects
    with registry.isolated():
        make("Fan", idol=models.ForeignKey(Author, models.CASCADE, related_name="fans"))
        assert hasattr(Author, "fans")
    assert not hasattr(Author, "fans")
    assert Author._meta.all_related_objects == before


def test_two_models_of_one_name_are_refused() -> None:
    make("Twin")
    with pytest.raises(ORMError, match="two models"):
        metaclass: Any = type(models.Model)
        metaclass(
            "Twin",
            (models.Model,),
            {"__module__": "elsewhere", "Meta": type("Meta", (), {"app_label": "test_definition"})},
        )


def test_thousands_of_new_instances_leave_room_for_what_saving_adds() -> None:
    class Wide(models.Model):
        owner = models.ForeignKey(Author, on_delete=models.CASCADE, related_name="+")
        a = models.TextField()
        b = models.TextField()
        c = models.TextField()
        d = models.TextField()

    many = [Wide(owner_id=1) for _ in range(100)]
    last: Any = many[-1]
    last._row, last._origin, last._rel_owner = (), None, None
    # A dict that shares its keys with the class is smaller than one of its own.
    assert sys.getsizeof(vars(last)) < sys.getsizeof({**vars(last)})


def test_a_manager_is_the_models_and_not_an_instances() -> None:
    class Base(models.Model):
        class Meta:
            app_label = "managed"

    class Below(Base):
        extra: models.Manager[Any] = models.Manager()

        class Meta:
            app_label = "managed"

    class Bare(Base):
        objects = None  # type: ignore[assignment]

        class Meta:
            app_label = "managed"

    assert Base.objects is Base._meta.managers["objects"]
    assert Base.objects.model is Base
    assert (Below.objects.model, Below.extra.model) == (Below, Below)
    assert Bare.objects is None
    with pytest.raises(AttributeError, match="Manager isn't accessible via Below instances"):
        _ = Below().extra
    assert not hasattr(Base(), "objects")
    assert {"get", "filter", "count"} <= set(dir(Base.objects))


def test_a_field_may_have_the_name_of_an_inherited_manager() -> None:
    class Parent(models.Model):
        rows: Any = models.Manager()

        class Meta:
            app_label = "managed"
            abstract = True

    class Child(Parent):
        rows = models.IntegerField(default=7)
        objects = models.Manager()

        class Meta:
            app_label = "managed"

    assert Child().rows == 7
    assert Child.rows.name == "rows"
    assert Child.objects.model is Child
