"""`app.api.register`: a model or a viewset becomes a REST API with its OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vivace.conf import ConfigurationError, Settings
from vivace.orm.registry import registry
from vivace.project import Vivace
from vivace.testing import AsyncTestClient

Load = Callable[..., Vivace]

BOOKS = """
from vivace import Vivace, models
app = Vivace("shelf", database="sqlite:///shelf.db")

class Book(models.Model):
    '''A book on the shelf.'''
    title = models.CharField(max_length=200)
    note = models.TextField(default="")
    key = models.CharField(max_length=20, secret=True, default="hush")

app.api.register("books", Book)
"""


@pytest.fixture(autouse=True)
def own_models() -> Iterator[None]:
    """The models of one test are not there in the next."""
    with registry.isolated():
        yield


async def book_client(load: Load) -> AsyncTestClient:
    app = load("site_with_books.py", BOOKS)
    return AsyncTestClient(app)


@pytest.mark.anyio
async def test_a_model_is_listed_searched_sorted_and_shown_without_its_secrets(load: Load) -> None:
    async with await book_client(load) as client:
        model: Any = registry.get_model("shelf.Book")
        for title in ("Sea", "Air", "Earth"):
            await model.objects.create(title=title)
        assert (await client.get("/api/")).json() == {"books": "http://testserver/api/books/"}
        page = (await client.get("/api/books/")).json()
        assert page["count"] == 3
        assert [book["title"] for book in page["results"]] == ["Sea", "Air", "Earth"]
        assert "hush" not in (await client.get("/api/books/")).text
        found = (await client.get("/api/books/?search=ea&ordering=-title")).json()["results"]
        assert [book["title"] for book in found] == ["Sea", "Earth"]
        assert (await client.get("/api/books/1/")).json() == {"id": 1, "title": "Sea", "note": ""}
        assert (await client.get("/api/books/?search=hush")).json()["count"] == 0
        assert (await client.get("/api/books/?page_size=2")).json()["next"].endswith("?page=2&page_size=2")
        assert (await client.get("/api/books/77/")).status_code == 404
        assert (await client.get("/api/books/x/")).status_code == 404


@pytest.mark.anyio
async def test_strangers_change_nothing(load: Load) -> None:
    async with await book_client(load) as client:
        model: Any = registry.get_model("shelf.Book")
        await model.objects.create(title="Sea")
        assert (await client.post("/api/books/", json={"title": "New"})).status_code in {401, 403}
        for method in ("PUT", "PATCH", "DELETE"):
            response = await client.request(method, "/api/books/1/", json={"title": "New"})
            assert response.status_code in {401, 403}
        assert [book.title async for book in model.objects.all()] == ["Sea"]


@pytest.mark.anyio
async def test_the_openapi_document_covers_it(load: Load) -> None:
    async with await book_client(load) as client:
        document = (await client.get("/api/schema/")).json()
    assert document["openapi"].startswith("3.1")
    assert document["info"]["title"] == "Shelf"
    assert set(document["paths"]) == {"/api/books/", "/api/books/{pk}/"}
    assert "key" not in document["components"]["schemas"]["Book"]["properties"]


@pytest.mark.anyio
async def test_an_installed_apps_api_is_included_and_may_move(write: Callable[..., Path], tmp_path: Path) -> None:
    write("shop_app/__init__.py")
    write(
        "shop_app/models.py",
        "from vivace import models\nclass Item(models.Model):\n    name = models.CharField(max_length=9)\n",
    )
    write(
        "shop_app/api.py",
        """
        from vivace import API, serializers, viewsets
        from shop_app.models import Item

        class ItemSerializer(serializers.ModelSerializer):
            class Meta:
                model = Item
                fields = ["name"]

        class ItemViewSet(viewsets.ModelViewSet):
            queryset = Item.objects.all()
            serializer_class = ItemSerializer

        api = API()
        api.register("items", ItemViewSet)
        """,
    )
    write("shop_app/migrations/__init__.py")
    settings = Settings(BASE_DIR=tmp_path, INSTALLED_APPS=["shop_app"], API_URL="/v1/", DATABASE="sqlite:///:memory:")
    app = Vivace("shop_site", settings=settings)
    async with AsyncTestClient(app) as client:
        assert app.database is not None
        await app.database.execute("CREATE TABLE shop_app_item (id INTEGER PRIMARY KEY, name TEXT)")
        assert (await client.post("/v1/items/", json={"name": "Pen"})).status_code == 201
        assert (await client.get("/v1/items/")).json() == [{"name": "Pen"}]


def test_two_viewsets_of_one_name_are_a_configuration_error(load: Load) -> None:
    app = load("site_twice.py", BOOKS.replace("shelf", "twice") + "app.api.register('more-books', Book)\n")
    with pytest.raises(ConfigurationError, match=r"api\.register\('more-books'.*basename"):
        app.setup()


FUNCTIONS = """
from typing import Annotated
import msgspec
from vivace import API, Vivace, models
from vivace.orm import schemas
from vivace.rest.functions import APIRouter, Depends, Query
app = Vivace("stall", database="sqlite:///stall.db")

class Fruit(models.Model):
    name = models.CharField(max_length=20)

class FruitIn(schemas.Struct, model=Fruit, form="create"):
    pass

class FruitOut(schemas.Struct, model=Fruit):
    pass

app.api.register("fruits", Fruit)

async def limit(limit: Annotated[int, Query(le=10)] = 10) -> int:
    return limit

@app.api.post("/fruits/add", status_code=201)
async def add(fruit: FruitIn) -> FruitOut:
    return await Fruit.objects.create(**schemas.values(fruit))

@app.api.get("/fruits/first")
async def first(limit: Annotated[int, Depends(limit)]) -> list[FruitOut]:
    return Fruit.objects.order_by("id")[:limit]

router = APIRouter(prefix="/more")

@router.get("/{id}")
async def more(id: int) -> int:
    return id

app.api.include(router, tags=["more"])

other = API()
other.websocket("/live")(lambda websocket: None)
app.api.include(other)

@app.api.webhooks.post("/made")
async def made(fruit: FruitOut) -> None: ...
"""


@pytest.mark.anyio
async def test_typed_functions_stand_beside_what_is_registered(load: Load) -> None:
    app = load("site_with_functions.py", FUNCTIONS)
    async with AsyncTestClient(app) as client:
        made = await client.post("/api/fruits/add", json={"name": "Fig"})
        assert (made.status_code, made.json()) == (201, {"id": 1, "name": "Fig"})
        assert (await client.post("/api/fruits/add", json={"name": "x" * 21})).status_code == 400
        assert (await client.get("/api/fruits/first")).json() == [{"id": 1, "name": "Fig"}]
        assert (await client.get("/api/fruits/first?limit=11")).status_code == 400
        assert (await client.get("/api/fruits/1/")).json() == {"id": 1, "name": "Fig"}
        assert (await client.get("/api/more/3")).json() == 3
        app.api.dependency_overrides[first_dependency(app)] = lambda: 0
        assert (await client.get("/api/fruits/first")).json() == []
        assert app.api.has_webhooks
        assert len(app.api) == 5


def first_dependency(app: Vivace) -> Any:
    """The dependency of `first`, whose module is the site's."""
    route: Any = next(route for route in app.api.functions.routes if getattr(route, "path", "") == "/fruits/first")
    return route.endpoint.plan.asked[0].signature.call
