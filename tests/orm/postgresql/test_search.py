"""Full-text search, trigrams and vectors."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql as dialects
from tests.orm.library import Author
from tests.orm.tables import tables_of

from vivace.databases import Database
from vivace.databases.errors import NotSupportedError
from vivace.orm import F, Value, models, using
from vivace.orm.exceptions import ModelDefinitionError
from vivace.orm.postgresql import (
    CosineDistance,
    GinIndex,
    HnswIndex,
    IvfflatIndex,
    L1Distance,
    L2Distance,
    MaxInnerProduct,
    SearchConfig,
    SearchHeadline,
    SearchQuery,
    SearchRank,
    SearchVector,
    SearchVectorField,
    TrigramDistance,
    TrigramSimilarity,
    TrigramStrictWordDistance,
    TrigramStrictWordSimilarity,
    TrigramWordDistance,
    TrigramWordSimilarity,
    VectorField,
)
from vivace.orm.query.compiler import compile_shape
from vivace.orm.schema import creation
from vivace.utils.exceptions import ValidationError

pytestmark = pytest.mark.anyio


class Page(models.Model):
    title = models.CharField(max_length=100)
    text = models.TextField(null=True)
    language = models.CharField(max_length=20, default="english")
    document = SearchVectorField(null=True)

    class Meta:
        app_label = "search"
        indexes = [GinIndex(fields=["document"], name="page_document")]


class Note(models.Model):
    embedding = VectorField(dimensions=3)

    class Meta:
        app_label = "search"
        indexes = [
            HnswIndex(
                fields=["embedding"], name="note_near", opclasses=["vector_cosine_ops"], m=16, ef_construction=64
            ),
            IvfflatIndex(fields=["embedding"], name="note_lists", opclasses=["vector_l2_ops"], lists=100),
        ]


PAGES = {
    "Cats": "The cats sat on the mats. <b>Cats</b> are animals.",
    "Dogs": "A dog runs after the running cat; dogs run.",
    "José": "Café crème",
    "Nothing": None,
}


@pytest.fixture
async def pages() -> AsyncIterator[Database]:
    url = os.environ["VIVACE_TEST_POSTGRES"]
    schema = f"test_{uuid.uuid4().hex[:12]}"
    async with Database(url, server_settings={"search_path": f"{schema},public"}) as database:
        await database.execute(f"CREATE SCHEMA {schema}")
        for extension in ("pg_trgm", "unaccent"):
            await database.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public")
        async with tables_of(database, Page):
            with using(database):
                for title, text in PAGES.items():
                    await Page.objects.create(title=title, text=text)
                yield database
        await database.execute(f"DROP SCHEMA {schema} CASCADE")


async def titles(rows: Any) -> list[str]:
    return sorted(await rows.values_list("title", flat=True))


async def test_the_lookup_search_finds_words(pages: Database) -> None:
    assert await titles(Page.objects.filter(text__search="cat")) == ["Cats", "Dogs"]
    assert await titles(Page.objects.filter(text__search="dog runs")) == ["Dogs"]
    assert await titles(Page.objects.filter(Page.text.search(SearchQuery("cat") & ~SearchQuery("dog")))) == ["Cats"]
    assert await titles(Page.objects.exclude(text__search="cat")) == ["José", "Nothing"]
    assert await titles(Page.objects.filter(title__search=F("title"))) == ["Cats", "Dogs", "José", "Nothing"]


async def test_vectors_queries_and_their_combinations(pages: Database) -> None:
    rows = Page.objects.annotate(search=SearchVector("title", "text", config="english"))
    assert await titles(rows.filter(search="cats")) == ["Cats", "Dogs"]
    assert await titles(rows.filter(search=SearchQuery("'cat' & !'dog'", search_type="raw"))) == ["Cats"]
    assert await titles(rows.filter(search=SearchQuery("sat on the mats", search_type="phrase"))) == ["Cats"]
    web = SearchQuery('"dogs run" or mats', search_type="websearch")
    assert await titles(rows.filter(search=web)) == ["Cats", "Dogs"]
    assert await titles(rows.filter(search=SearchQuery("mats") | SearchQuery("dogs"))) == ["Cats", "Dogs"]
    both = SearchVector("title", weight="A") + SearchVector("text", weight="B")
    assert await titles(Page.objects.annotate(search=both).filter(search="animals")) == ["Cats"]
    by_row = SearchVector("text", config=F("language"))
    mat = SearchQuery("mat", config=F("language"))
    assert await titles(Page.objects.annotate(search=by_row).filter(search=mat)) == ["Cats"]
    exact = Page.objects.annotate(search=SearchVector("text", config="simple"))
    assert await titles(exact.filter(search="cat")) == ["Dogs"]
    assert await titles(exact.filter(search=SearchQuery("cats", config=SearchConfig("simple")))) == ["Cats"]


async def test_a_stored_document(pages: Database) -> None:
    await Page.objects.update(document=SearchVector("title", "text"))
    assert await titles(Page.objects.filter(document="dog")) == ["Dogs"]
    assert await titles(Page.objects.filter(document__search="dog")) == ["Dogs"]
    assert await titles(Page.objects.filter(document=SearchQuery("animal"))) == ["Cats"]
    assert await titles(Page.objects.filter(document__isnull=True)) == []
    assert "'dog'" in (await Page.objects.get(title="Dogs")).document


async def test_ranks_order_what_is_found(pages: Database) -> None:
    rank = SearchRank(SearchVector("text"), SearchQuery("cat"))
    found = Page.objects.annotate(rank=rank).filter(rank__gt=0).order_by("-rank").values_list("title", flat=True)
    assert await found == ["Cats", "Dogs"]
    vector = SearchVector("title", weight="A") + SearchVector("text", weight="D")
    ranked = await Page.objects.annotate(
        plain=SearchRank(vector, "dog"),
        weighted=SearchRank(vector, "dog", weights=[0.0, 0.0, 0.0, 1.0]),
        dense=SearchRank(vector, "dog", normalization=32, cover_density=True),
        divided=SearchRank("text", "cat", normalization=Value(2)),
    ).get(title="Dogs")
    assert ranked.plain > 0.5  # type: ignore[attr-defined]
    for number in (ranked.dense, ranked.divided, ranked.weighted):  # type: ignore[attr-defined]
        assert 0 < number <= 1


async def test_headlines_mark_what_matches(pages: Database) -> None:
    rows = Page.objects.filter(title="Dogs")
    assert await rows.values_list(SearchHeadline("text", "cat"), flat=True) == [
        "A dog runs after the running <b>cat</b>; dogs run."
    ]
    marked = SearchHeadline(
        "text", SearchQuery("cat"), config="english", start_sel="<i a='b'>", stop_sel="\\,", max_words=5, min_words=2
    )
    (headline,) = await rows.values_list(marked, flat=True)
    assert "<i a='b'>cat\\," in headline


async def test_trigrams(pages: Database) -> None:
    assert await titles(Page.objects.filter(title__trigram_similar="Catz")) == ["Cats"]
    assert await titles(Page.objects.filter(text__trigram_word_similar="animal")) == ["Cats"]
    assert await titles(Page.objects.filter(text__trigram_strict_word_similar="animal")) == ["Cats"]
    row = await Page.objects.annotate(
        like=TrigramSimilarity("title", "Cat"),
        far=TrigramDistance("title", "Cat"),
        word=TrigramWordSimilarity("animal", "text"),
        word_far=TrigramWordDistance("animal", "text"),
        strict=TrigramStrictWordSimilarity("animal", "text"),
        strict_far=TrigramStrictWordDistance("animal", "text"),
    ).get(title="Cats")
    for near, far in (("like", "far"), ("word", "word_far"), ("strict", "strict_far")):
        assert getattr(row, near) + getattr(row, far) == pytest.approx(1)
    nearest = Page.objects.order_by(TrigramDistance("title", "Dog"), "pk").values_list("title", flat=True)
    assert await nearest.first() == "Dogs"


async def test_unaccent_is_for_both_sides(pages: Database) -> None:
    assert await titles(Page.objects.filter(title__unaccent="jose")) == []
    assert await titles(Page.objects.filter(title__unaccent__icontains="JOSÉ")) == ["José"]
    assert await titles(Page.objects.filter(text__unaccent__startswith="Cafe")) == ["José"]


HOSTILE = ["x'; DROP TABLE search_page; --", "'", '"', "\\", "a & b | !c", ":*", "$1", "%s", "", "<b>", "a\nb"]


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_is_searched_for_stays_a_value(text: str, pages: Database) -> None:
    assert isinstance(await Page.objects.filter(text__search=text).count(), int)
    assert isinstance(await Page.objects.filter(text__trigram_similar=text).count(), int)
    for kind in ("plain", "phrase", "websearch"):
        query = SearchQuery(text, search_type=kind)
        assert isinstance(await Page.objects.annotate(s=SearchVector("text")).filter(s=query).count(), int)
    headline = SearchHeadline("text", "cat", start_sel=text, stop_sel=text, fragment_delimiter=text)
    assert f"{text}cat{text}" in (await Page.objects.values_list(headline, flat=True).get(title="Dogs"))
    if text:
        with pytest.raises(ValueError, match="plain name"):
            SearchVector("text", config=text)
    with pytest.raises(ValueError, match="weight"):
        SearchVector("text", weight=text)
    with pytest.raises(ValueError, match="search_type"):
        SearchQuery("x", search_type=text)
    assert await Page.objects.count() == 4


async def test_mistakes_are_told(sqlite: Database) -> None:
    with pytest.raises(TypeError, match="one or more texts"):
        SearchVector()
    with pytest.raises(TypeError, match="other SearchVector instances, got F"):
        SearchVector("text") + F("title")
    with pytest.raises(TypeError, match="other SearchQuery instances, got str"):
        SearchQuery("text") & "title"
    with pytest.raises(ValueError, match="four numbers"):
        SearchRank("text", "x", weights=[1])
    rows = Author.objects.all()
    for refused in (
        rows.filter(name__search="x"),
        rows.filter(name__trigram_similar="x"),
        rows.filter(name__trigram_similar=F("name")),
        rows.filter(name__unaccent="x"),
        rows.annotate(x=SearchVector("name")),
        rows.annotate(x=TrigramSimilarity("name", "x")),
    ):
        with pytest.raises(NotSupportedError, match="PostgreSQL's"):
            await refused


def sql(rows: Any) -> tuple[str, list[Any]]:
    shape, values = rows._full_shape()
    compiled = compile_shape(Note, shape, dialects.asyncpg.dialect())  # type: ignore[no-untyped-call]
    return compiled.plan.sql.replace("\n", ""), list(compiled.bind(values))


@pytest.mark.parametrize(
    ("distance", "operator"),
    [(L2Distance, "<->"), (CosineDistance, "<=>"), (MaxInnerProduct, "<#>"), (L1Distance, "<+>")],
)
def test_distances_of_vectors(distance: Any, operator: str) -> None:
    text, arguments = sql(Note.objects.order_by(distance("embedding", [1, 2.5, -3]))[:2])
    assert f"ORDER BY search_note.embedding {operator} CAST($1 AS VECTOR)" in text
    assert arguments[0] == "[1.0,2.5,-3.0]"
    text, _ = sql(Note.objects.annotate(d=distance("embedding", F("embedding"))).filter(d__lt=0.5))
    assert f"search_note.embedding {operator} search_note.embedding" in text


def test_vectors_are_lists_of_so_many_numbers() -> None:
    field = VectorField(3)
    assert field.clean([1, "2", 3.5]) == [1.0, 2.0, 3.5]
    assert field.row_converter("postgresql")("[1,2,3]") == [1.0, 2.0, 3.0]  # type: ignore[misc]
    assert str(field.sql_type()) == "VECTOR(3)"
    for wrong in ([1, 2], ["x", 1, 2], [float("nan"), 1, 2], "[1,", 5):
        with pytest.raises(ValidationError):
            field.clean(wrong)
    with pytest.raises(ValueError, match="3 numbers"):
        field.bind_converter("postgresql")([1])
    with pytest.raises(NotSupportedError):
        field.bind_converter("sqlite")
    with pytest.raises(ModelDefinitionError, match="from 1 to"):
        VectorField(0)


def test_indexes_of_vectors_say_their_distance() -> None:
    statements = "\n".join(creation([Note], dialects.asyncpg.dialect()))  # type: ignore[no-untyped-call]
    assert "embedding VECTOR(3) NOT NULL" in statements
    assert "USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64)" in statements
    assert "USING ivfflat (embedding vector_l2_ops) WITH (lists = 100)" in statements
