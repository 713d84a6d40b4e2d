"""Saving, deleting, refreshing and validating instances."""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from decimal import Decimal

import pytest
from tests.orm.library import Author, Book, Everything, Genre, Node, Profile, Publisher, Stamped, Tag, statements

from vivace.databases import Database
from vivace.orm import F, Max
from vivace.orm.exceptions import (
    IntegrityError,
    NotLoaded,
    NotUpdated,
    ProtectedError,
    RestrictedError,
    ValidationError,
)
from vivace.orm.instances import make_stub

pytestmark = pytest.mark.anyio


async def test_save_inserts_then_updates_only_what_changed(database: Database) -> None:
    author = Author(name="Ann")
    with statements(database) as seen:
        await author.save()
        assert author.pk is not None
        author.age = 41
        await author.save()
        await author.save()
    assert len(seen) == 2
    assert "age" in seen[1]
    assert "name" not in seen[1]
    assert (await Author.objects.get()).age == 41


async def test_a_loaded_row_is_written_only_where_it_changed(database: Database) -> None:
    await Everything.objects.create(json={"a": 1})
    found = await Everything.objects.get()
    with statements(database) as seen:
        await found.save()
        assert seen == []
        found.json["a"] = 2
        found.decimal = Decimal("1.5")
        await found.save()
    assert len(seen) == 1
    assert "json" in seen[0]
    assert "decimal" not in seen[0]
    assert (await Everything.objects.get()).json == {"a": 2}


async def test_update_fields_and_force_flags(database: Database) -> None:
    author = await Author.objects.create(name="Ann", age=1)
    author.name, author.age = "Bea", 2
    await author.save(update_fields=["name"])
    fresh = await Author.objects.get()
    assert (fresh.name, fresh.age) == ("Bea", 1)
    with pytest.raises(ValueError, match='Did you mean "name"'):
        await author.save(update_fields=["nam"])
    with pytest.raises(IntegrityError):
        await Author(id=author.pk, name="x").save(force_insert=True)
    with pytest.raises(NotUpdated):
        await Author(id=999, name="x").save(force_update=True)
    await Author(id=999, name="kept its key").save()
    assert (await Author.objects.get(pk=999)).name == "kept its key"
    await Author(id=999, name="again").save()
    assert (await Author.objects.get(pk=999)).name == "again"


async def test_an_expression_is_computed_by_the_database(database: Database) -> None:
    author = await Author.objects.create(name="Ann", age=1)
    author.age = F("age") + 5  # type: ignore[assignment]
    await author.save()
    assert author.age == 6


async def test_an_unsaved_related_object_is_refused(database: Database) -> None:
    author = Author(name="Ann")
    book = Book(title="x", author=author)
    with pytest.raises(ValueError, match="unsaved related object 'author'"):
        await book.save()
    await author.save()
    await book.save()
    assert book.author_id == author.pk


async def test_a_key_that_is_set_after_an_unsaved_object_counts(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    book = Book(title="x", author=Author(name="unsaved"))
    book.author_id = ann.pk
    await book.save()
    assert (await Book.objects.get()).author_id == ann.pk


async def test_refresh_forgets_the_objects_on_the_other_side(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    await Profile.objects.create(author=ann, text="old")
    ann = await Author.objects.select_related("profile").get()
    await Profile.objects.update(text="new")
    assert ann.profile.text == "old"
    await ann.refresh_from_db(fields=["name"])
    assert ann.profile.text == "old"
    await ann.refresh_from_db(fields=["profile"])
    assert (await ann.profile).text == "new"
    await Profile.objects.update(text="newer")
    await ann.refresh_from_db()
    assert (await ann.profile).text == "newer"
    await Profile.objects.update(text="newest")
    await ann.refresh_from_db(from_queryset=Author.objects.select_related("profile"))
    assert ann.profile.text == "newest"


async def test_auto_now_and_auto_now_add(database: Database) -> None:
    row = await Stamped.objects.create()
    made, changed = row.made, row.changed
    assert made.tzinfo is dt.UTC
    row.note = "x"
    await row.save()
    fresh = await Stamped.objects.get()
    assert fresh.made == made
    assert fresh.changed > changed


async def test_refresh_reads_the_row_again(database: Database) -> None:
    author = await Author.objects.create(name="Ann", age=1)
    await Author.objects.update(name="Bea", age=2)
    await author.refresh_from_db(fields=["name"])
    assert (author.name, author.age) == ("Bea", 1)
    await author.refresh_from_db()
    assert author.age == 2
    await Author.objects.all().delete()
    with pytest.raises(Author.DoesNotExist):
        await author.refresh_from_db()


async def test_refresh_reads_again_only_what_is_loaded(database: Database) -> None:
    await Author.objects.create(name="Ann", age=1)
    author = await Author.objects.only("name").get()
    await Author.objects.update(name="Bea", age=2)
    with statements(database) as seen:
        await author.refresh_from_db()
    assert author.name == "Bea"
    assert author.get_deferred_fields() == {"age"}
    assert "age" not in seen[0]
    await author.refresh_from_db(fields=["age"])
    assert author.age == 2
    assert author.get_deferred_fields() == set()


async def test_refresh_of_a_relation_not_loaded_yet_reads_all_of_it(database: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=1)
    await Book.objects.create(title="One", author=ann)
    author = (await Book.objects.get()).author
    await author.refresh_from_db()
    assert (author.name, author.age) == ("Ann", 1)


async def test_equality_hash_pickle_and_copy(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    again = await Author.objects.get()
    assert ann == again
    assert len({ann, again}) == 1
    assert Author() != Author()
    with pytest.raises(TypeError, match="unhashable"):
        hash(Author())
    book = await Book.objects.create(title="x", author=ann)
    loaded = await Book.objects.select_related("author").get()
    for twin in (pickle.loads(pickle.dumps(loaded)), copy.copy(loaded), copy.deepcopy(loaded)):
        assert twin == book
        assert twin.author.name == "Ann"
        twin.pages = 7
        with statements(database) as seen:
            await twin.save(using=database)
        assert len(seen) == 1
    partial = await Book.objects.only("title").get()
    assert "pages" in pickle.loads(pickle.dumps(partial)).get_deferred_fields()


async def test_deleting_follows_on_delete(database: Database) -> None:
    ann, bob = await Author.objects.create(name="Ann"), await Author.objects.create(name="Bob")
    publisher = await Publisher.objects.create(name="P")
    await Profile.objects.create(author=ann)
    book = await Book.objects.create(title="x", author=ann, editor=bob, publisher=publisher)
    await book.tags.add(await Tag.objects.create(name="red"))
    with pytest.raises(ProtectedError, match=r"Book\.publisher") as caught:
        await publisher.delete()
    assert caught.value.protected_objects == {book}
    assert await bob.delete() == (1, {"library.Author": 1})
    assert bob.pk is None
    assert (await Book.objects.get()).editor_id is None
    assert await ann.delete() == (
        4,
        {"library.Author": 1, "library.Book": 1, "library.Book_tags": 1, "library.Profile": 1},
    )
    assert await Book.objects.count() == 0


async def test_restrict_allows_what_a_cascade_takes_too(database: Database) -> None:
    ann, bob = await Author.objects.create(name="Ann"), await Author.objects.create(name="Bob")
    book = await Book.objects.create(title="x", author=ann)
    await book.readers.add(bob)
    with pytest.raises(RestrictedError):
        await bob.delete()
    assert await book.readers.count() == 1
    await book.readers.set([ann])
    total, _ = await ann.delete()
    assert total == 3


async def test_a_tree_is_deleted_whole_and_counted(database: Database) -> None:
    root = await Node.objects.create(name="root")
    for number in range(3):
        child = await Node.objects.create(name=f"child {number}", parent=root)
        await Node.objects.create(name="leaf", parent=child)
    other = await Node.objects.create(name="other")
    assert await root.delete() == (7, {"library.Node": 7})
    assert await Node.objects.get() == other


async def test_full_clean_names_every_faulty_field(database: Database) -> None:
    await Tag.objects.create(name="red")
    with pytest.raises(ValidationError) as caught:
        await Tag(name="red").full_clean()
    assert caught.value.message_dict == {"name": ["Tag with this Name already exists."]}
    ann = await Author.objects.create(name="Ann")
    await Book.objects.create(title="x", author=ann)
    wrong = Book(title="", author=ann, pages="many", genre="z")
    with pytest.raises(ValidationError) as caught:
        await wrong.full_clean()
    # As in Django, null=True alone does not allow a blank value.
    optional = {"subtitle", "price", "published", "editor", "publisher"}
    assert set(caught.value.message_dict) == {"title", "pages", "genre", *optional}
    with pytest.raises(ValidationError, match="Title and Author already exists"):
        await Book(title="x", author=ann).validate_constraints()


async def test_the_database_refuses_what_constraints_forbid(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    with pytest.raises(IntegrityError):
        await Book.objects.create(title="x", author=ann, pages=-1)
    await Book.objects.create(title="x", author=ann)
    with pytest.raises(IntegrityError):
        await Book.objects.create(title="x", author=ann)
    with pytest.raises(IntegrityError):
        await Book.objects.create(title="y", author_id=12345)


def test_choices_have_labels() -> None:
    assert Book(genre="n").get_genre_display() == "A novel"  # type: ignore[attr-defined]
    assert Book(genre=Genre.POEMS).get_genre_display() == "Poems"  # type: ignore[attr-defined]
    assert Book(genre="z").get_genre_display() == "z"  # type: ignore[attr-defined]


def test_the_constructor_names_the_nearest_field() -> None:
    with pytest.raises(TypeError, match=r'Author has no field "nam"\. Did you mean "name"\?'):
        Author(nam="x")
    with pytest.raises(TypeError, match=r"await obj.tags.set"):
        Book(tags=[1])


async def test_without_its_key_a_loaded_object_is_saved_as_a_copy(database: Database) -> None:
    made = await Author.objects.create(name="Ann", age=40)
    made.pk = None
    await made.save()
    assert await Author.objects.filter(name="Ann", age=40).count() == 2
    again = await Author.objects.get(pk=made.pk)
    again.pk = None
    again._state.adding = True
    await again.save()
    assert await Author.objects.filter(name="Ann", age=40).count() == 3


async def test_with_another_key_all_columns_are_written_to_that_row(database: Database) -> None:
    ann = await Author.objects.create(name="Ann", age=40)
    bob = await Author.objects.create(name="Bob", age=50)
    old, other = ann.pk, bob.pk
    ann.pk = other
    await ann.save()
    assert await Author.objects.order_by("pk").values_list("pk", "name", "age") == [
        (old, "Ann", 40),
        (other, "Ann", 40),
    ]
    ann.pk = 1_000_000
    await ann.save()
    assert await Author.objects.filter(name="Ann").count() == 3
    with statements(database) as seen:
        await ann.save()
    assert seen == []
    ann.pk = 2_000_000
    with pytest.raises(NotUpdated):
        await ann.save(force_update=True)


async def test_a_partly_loaded_object_cannot_become_a_copy(database: Database) -> None:
    await Author.objects.create(name="Ann", age=40)
    ann = await Author.objects.only("name").get()
    ann.pk = None
    with pytest.raises(NotLoaded, match="age is not loaded"):
        await ann.save()


async def test_a_stub_whose_key_has_a_default_is_updated(database: Database) -> None:
    made = await Everything.objects.create(text="a")
    stub = make_stub(Everything, "id", made.pk, None)  # type: ignore[arg-type]  # it is not loaded here
    assert isinstance(stub, Everything)
    stub.text = "b"
    await stub.save()
    assert (await Everything.objects.get()).text == "b"


async def test_prefetched_circles_can_be_pickled_and_copied(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    book = await Book.objects.create(title="x", author=ann)
    await book.tags.add(await Tag.objects.create(name="red"))
    [ann] = await Author.objects.prefetch_related("books__tags")
    for twin in (pickle.loads(pickle.dumps(ann)), copy.copy(ann), copy.deepcopy(ann)):
        [found] = twin.books.all()
        assert found.author.name == "Ann"
        assert [tag.name for tag in found.tags.all()] == ["red"]
        found.title += "!"
        await found.save()
    assert (await Book.objects.get()).title.startswith("x!")
    assert await pickle.loads(pickle.dumps(Book.objects.filter(title__startswith="x"))).count() == 1


@pytest.mark.parametrize("moment", [dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)])
async def test_the_first_and_last_moment_stay_aware(database: Database, moment: dt.datetime) -> None:
    await Everything.objects.create(moment=moment)
    found = await Everything.objects.get()
    assert found.moment == moment
    assert await Everything.objects.values_list("moment", flat=True) == [moment]
    assert await Everything.objects.aggregate(last=Max("moment")) == {"last": moment}
    found.text = "changed"
    await found.save()


async def test_full_clean_looks_for_the_rows_that_keys_point_to(database: Database) -> None:
    ann = await Author.objects.create(name="Ann")
    left_out = ["subtitle", "price", "published", "editor", "publisher"]
    await Book(title="x", author=ann).full_clean(exclude=left_out)
    with pytest.raises(ValidationError) as caught:
        await Book(title="x", author_id=ann.pk + 1, editor_id=ann.pk).full_clean()
    assert caught.value.message_dict["author"] == [f"author instance with id {ann.pk + 1} is not a valid choice."]
    assert "editor" not in caught.value.message_dict
