"""How many queries a serializer costs: one for the list, one for each to-many relation it shows."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from tests.rest.conftest import CountingDatabase, fill
from tests.rest.models import Author, Book, Chapter, Footnote, Publisher, Tag

from vivace.orm.exceptions import NotLoaded
from vivace.rest import _loading, serializers

pytestmark = pytest.mark.anyio

# By model: plain fields, relations to one and to many.
SHAPES: dict[Any, tuple[list[str], dict[str, Any], dict[str, Any]]] = {
    Publisher: (["id", "name"], {}, {"authors": Author}),
    Author: (["id", "name", "initial"], {"publisher": Publisher}, {"books": Book}),
    Book: (["id", "title", "price", "shout"], {"author": Author}, {"tags": Tag, "chapters": Chapter}),
    Tag: (["id", "name"], {}, {"books": Book}),
    Chapter: (["id", "number"], {"book": Book}, {"footnotes": Footnote}),
    Footnote: (["id", "text"], {"chapter": Chapter}, {}),
}


class Drawn:
    """A random serializer class, and how many to-many relations it shows."""

    def __init__(self, cls: Any, to_many: int, below: dict[str, Drawn]) -> None:
        self.cls, self.to_many, self.below = cls, to_many, below


def draw(random: Random, model: Any, depth: int) -> Drawn:
    """A serializer of the model with random fields, nested to `depth`."""
    plain, one, many = SHAPES[model]
    names = random.sample(plain, random.randint(1, len(plain)))
    namespace: dict[str, Any] = {}
    to_many = 0
    below: dict[str, Drawn] = {}
    for name, target in {**one, **many}.items():
        way = random.choice(["no", "key", "text", "nested", "nested", "dotted"])
        if way == "no" or (way == "dotted" and name in many):
            continue
        if way == "dotted":
            namespace[f"{name}_x"] = serializers.ReadOnlyField(source=f"{name}.{SHAPES[target][0][1]}", default=None)
            names.append(f"{name}_x")
            continue
        kwargs: dict[str, Any] = {"many": True} if name in many else {}
        names.append(name)
        to_many += name in many
        if way == "text":
            namespace[name] = serializers.StringRelatedField(**kwargs)
        elif way == "nested" and depth:
            inner = draw(random, target, depth - 1)
            namespace[name] = inner.cls(read_only=True, **kwargs)
            to_many += inner.to_many
            below[name] = inner
        else:
            namespace[name] = serializers.PrimaryKeyRelatedField(read_only=True, **kwargs)
    meta = type("Meta", (), {"model": model, "fields": names})
    base: Any = serializers.ModelSerializer
    return Drawn(type(base)("Random", (base,), {**namespace, "Meta": meta}), to_many, below)


@pytest.fixture
async def shelf(sqlite: CountingDatabase) -> CountingDatabase:
    return await fill(sqlite)


@pytest.mark.parametrize("model", list(SHAPES))
async def test_any_nested_list_costs_one_query_and_one_for_each_to_many_relation(
    shelf: CountingDatabase, model: Any
) -> None:
    random = Random(model.__name__)
    for _ in range(20):
        drawn = draw(random, model, 3)
        with shelf.count() as asked:
            shown = await drawn.cls(model.objects.order_by("id"), many=True).load()
        assert len(shown) == len(await model.objects.all())
        assert len(asked) <= 1 + drawn.to_many, asked
        # Objects that came without a plan are completed, and give the same.
        plain = [row async for row in model.objects.order_by("id")]
        assert await drawn.cls(plain, many=True).load() == shown


async def rendered(drawn: Any, instance: Any) -> dict[str, Any]:
    """What a serializer shows, put together with as many queries as it takes."""
    shown: dict[str, Any] = {}
    for name, field in drawn.cls().bound_fields.items():
        value: Any = instance
        for attr in field.source_attrs:
            value = getattr(value, attr) if value is not None else None
            value = value() if callable(value) and not hasattr(value, "all") else value
            if hasattr(value, "_meta"):
                value = await value
        if hasattr(value, "all"):
            rows = [await row async for row in value.all()]
            below = drawn.below.get(name)
            if below is not None:
                shown[name] = [await rendered(below, row) for row in rows]
            else:
                shown[name] = field.to_representation(rows)
        elif name in drawn.below:
            shown[name] = None if value is None else await rendered(drawn.below[name], value)
        else:
            shown[name] = None if value is None else field.to_representation(value)
    return shown


@pytest.mark.parametrize("model", list(SHAPES))
async def test_the_planned_query_shows_what_a_naive_rendering_shows(shelf: CountingDatabase, model: Any) -> None:
    random = Random(f"naive {model.__name__}")
    for _ in range(12):
        drawn = draw(random, model, 4)
        naive = [await rendered(drawn, row) async for row in model.objects.order_by("id")]
        with shelf.count() as asked:
            planned = _loading.plan(model.objects.order_by("id"), drawn.cls(), is_only_shown=True)
            assert await drawn.cls(planned, many=True).load() == naive
        assert len(asked) <= 1 + drawn.to_many, asked


async def test_a_chain_of_relations_costs_one_query_a_level(shelf: CountingDatabase) -> None:
    class FootnoteSerializer(serializers.ModelSerializer[Footnote]):
        class Meta:
            model = Footnote
            fields = ["text"]

    class ChapterSerializer(serializers.ModelSerializer[Chapter]):
        footnotes = FootnoteSerializer(many=True)

        class Meta:
            model = Chapter
            fields = ["number", "footnotes"]

    class BookSerializer(serializers.ModelSerializer[Book]):
        chapters = ChapterSerializer(many=True)
        publisher = serializers.CharField(source="author.publisher.name", default=None)

        class Meta:
            model = Book
            fields = ["title", "author", "chapters", "publisher"]

    with shelf.count() as asked:
        shown = await BookSerializer(Book.objects.order_by("title"), many=True).load()
    assert len(asked) == 3
    assert shown[1] == {
        "title": "Book 2",
        "author": shown[1]["author"],
        "chapters": [
            {"number": 1, "footnotes": [{"text": "See above."}]},
            {"number": 2, "footnotes": [{"text": "See above."}]},
        ],
        "publisher": None,
    }
    assert shown[0]["publisher"] == "Elm"


async def test_a_projects_own_prefetch_is_kept(shelf: CountingDatabase) -> None:
    class BookSerializer(serializers.ModelSerializer[Book]):
        tags = serializers.StringRelatedField(many=True)

        class Meta:
            model = Book
            fields = ["title", "tags"]

    queryset = Book.objects.order_by("title").select_related("author").prefetch_related("tags", "chapters")
    with shelf.count() as asked:
        await BookSerializer(queryset, many=True).load()
    assert len(asked) == 3


async def test_what_a_projects_own_prefetch_leaves_out_is_loaded_after_it(shelf: CountingDatabase) -> None:
    class ChapterSerializer(serializers.ModelSerializer[Chapter]):
        footnotes = serializers.SlugRelatedField(slug_field="text", many=True, read_only=True)

        class Meta:
            model = Chapter
            fields = ["number", "footnotes"]

    class BookSerializer(serializers.ModelSerializer[Book]):
        chapters = ChapterSerializer(many=True)
        count = serializers.SerializerMethodField()

        class Meta:
            model = Book
            fields = ["title", "chapters", "count"]

        async def get_count(self, book: Book) -> int:
            return await book.tags.count()

    queryset = Book.objects.order_by("title").prefetch_related("chapters")
    shown = await BookSerializer(queryset, many=True).load()
    assert shown[0]["chapters"] == [{"number": 1, "footnotes": ["See above."]}]
    assert [book["count"] for book in shown] == [1, 2, 3, 0, 1, 2]


async def test_data_says_what_is_missing_when_it_may_not_wait(shelf: CountingDatabase) -> None:
    class BookSerializer(serializers.ModelSerializer[Book]):
        class Meta:
            model = Book
            fields = ["title", "tags"]

    book = await Book.objects.get(title="Book 3")
    with pytest.raises(NotLoaded, match=r"await serializer\.load\(\)"):
        _ = BookSerializer(book).data
    assert len((await BookSerializer(book).load())["tags"]) == 3
    assert len(BookSerializer(book).data["tags"]) == 3


async def test_rows_that_are_no_objects_are_left_alone(shelf: CountingDatabase) -> None:
    class Row(serializers.Serializer[Any]):
        title = serializers.CharField()

    rows = Book.objects.order_by("title").values("title")
    assert _loading.plan(rows, Row()) is rows
    assert (await Row(rows, many=True).load())[0] == {"title": "Book 1"}
    assert _loading.plan([1], Row()) == [1]
