"""Parameters of typed functions: where they come from, and what is said when they are wrong."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from vivace.orm import models
from vivace.rest.functions import APIRouter, Cookie, Header, InvalidFunctionError, Path, Query, Request
from vivace.web.testclient import TestClient

router = APIRouter()


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Page(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1)] = 1
    tags: list[str] = msgspec.field(default_factory=list)


@dataclass
class Device:
    user_agent: str
    x_parts: list[int]


class Sizes(TypedDict, total=False):
    size: Size


class Filters(pydantic.BaseModel):
    model_config = {"extra": "forbid"}
    limit: int = pydantic.Field(10, gt=0, le=100)
    order: Literal["up", "down"] = "up"


@router.get("/items/{id}")
async def read_item(id: int, q: str | None = None, short: bool = False) -> dict[str, Any]:
    return {"id": id, "q": q, "short": short}


@router.get("/files/{name:path}")
async def read_file(name: Annotated[str, Path(max_length=9)]) -> str:
    return name


@router.get("/types/{key}/{day}")
async def read_types(key: uuid.UUID, day: dt.date, size: Size = Size.SMALL, level: Literal[1, 2] = 1) -> list[Any]:
    return [key, day, size, level]


@router.get("/lists")
def read_lists(n: Annotated[list[int], Query()], tag: Annotated[set[str], Query()] = frozenset()) -> Any:  # type: ignore[assignment]
    return {"n": n, "tag": sorted(tag)}


@router.get("/rules")
async def read_rules(
    n: Annotated[int | None, Query(gt=3, lt=9)] = None, name: str = Query("ann", min_length=2, pattern="^[a-z]+$")
) -> list[Any]:
    return [n, name]


@router.get("/alias")
async def read_alias(kind: Annotated[str, Query(alias="type")], made: list[str] = Query(default_factory=list)) -> Any:  # noqa: B008 - as FastAPI's users write
    made.append(kind)
    return made


@router.get("/headers")
async def read_headers(
    user_agent: Annotated[str, Header()],
    x_many: Annotated[list[str] | None, Header()] = None,
    under_score: Annotated[str | None, Header(convert_underscores=False)] = None,
) -> list[Any]:
    return [user_agent, x_many, under_score]


@router.get("/cookies")
async def read_cookies(seen: Annotated[int, Cookie()] = 0) -> int:
    return seen


@router.get("/page")
async def read_page(page: Annotated[Page, Query()]) -> Page:
    return page


@router.get("/device")
async def read_device(device: Annotated[Device, Header()], sizes: Annotated[Sizes, Query()]) -> Any:
    return [device, sizes]


@router.get("/filters")
async def read_filters(filters: Annotated[Filters, Query()]) -> Filters:
    return filters


@router.get("/request")
async def read_request(request: Request[Any], untyped=1) -> list[Any]:  # type: ignore[no-untyped-def]
    return [request.url.path, untyped]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(router) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/items/5", {"id": 5, "q": None, "short": False}),
        ("/items/-5?q=a&short=yes", {"id": -5, "q": "a", "short": True}),
        ("/items/5?q=a&q=b&short=off", {"id": 5, "q": "b", "short": False}),
        ("/items/5?q=&short=1", {"id": 5, "q": "", "short": True}),
        ("/files/a/b.txt", "a/b.txt"),
        (
            "/types/12345678-1234-5678-1234-567812345678/2024-02-29?size=l&level=2",
            ["12345678-1234-5678-1234-567812345678", "2024-02-29", "l", 2],
        ),
        ("/lists?n=1&n=2&tag=b&tag=a&tag=a", {"n": [1, 2], "tag": ["a", "b"]}),
        ("/rules?n=4", [4, "ann"]),
        ("/rules?name=bob", [None, "bob"]),
        ("/alias?type=x", ["x"]),
        ("/page?number=3&tags=a&tags=b", {"number": 3, "tags": ["a", "b"]}),
        ("/page", {"number": 1, "tags": []}),
        ("/filters?limit=5&order=down", {"limit": 5, "order": "down"}),
        ("/request?untyped=7", ["/request", 7]),
    ],
)
def test_values_of_the_path_and_query_have_their_types(client: TestClient, path: str, answer: Any) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, answer)


@pytest.mark.parametrize(
    ("path", "errors"),
    [
        ("/items/x?short=maybe", {"id": ["Expected `int`, got `str`"], "short": ["Expected `bool`, got `str`"]}),
        ("/items/1_0", {"id": ["Expected `int`, got `str`"]}),
        ("/items/" + "9" * 5000, {"id": ["Integer value out of range"]}),
        ("/files/0123456789", {"name": ["Expected `str` of length <= 9"]}),
        ("/lists", {"n": ["This field is required."]}),
        ("/lists?n=1&n=x&n=y", {"n": {"1": ["Expected `int`, got `str`"], "2": ["Expected `int`, got `str`"]}}),
        ("/rules?n=3&name=A", {"n": ["Expected `int` >= 4"], "name": ["Expected `str` of length >= 2"]}),
        ("/rules?name=AA", {"name": ["Expected `str` matching regex '^[a-z]+$'"]}),
        ("/alias?kind=x", {"type": ["This field is required."]}),
        ("/page?number=0", {"number": ["Expected `int` >= 1"]}),
        ("/page?numbr=1", ["Object contains unknown field `numbr`"]),
        ("/filters?limit=0", {"limit": ["Input should be greater than 0"]}),
        ("/filters?lmit=1", {"lmit": ["Extra inputs are not permitted"]}),
    ],
)
def test_what_is_wrong_is_a_400_that_names_each_place(client: TestClient, path: str, errors: Any) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (400, errors)


def test_headers_and_cookies_have_their_types(client: TestClient) -> None:
    headers = [("User-Agent", "me"), ("X-Many", "1"), ("X-Many", "2"), ("under_score", "u")]
    assert client.get("/headers", headers=headers).json() == ["me", ["1", "2"], "u"]
    assert client.get("/headers", headers={"User-Agent": "me"}).json() == ["me", None, None]
    assert client.get("/cookies", headers={"Cookie": "seen=3"}).json() == 3
    assert client.get("/cookies", headers={"Cookie": "seen=x"}).json() == {"seen": ["Expected `int`, got `str`"]}


def test_whole_objects_are_read_from_headers_and_from_the_query(client: TestClient) -> None:
    headers = [("User-Agent", "me"), ("X-Parts", "1"), ("X-Parts", "2")]
    answer = client.get("/device?size=l", headers=headers).json()
    assert answer == [{"user_agent": "me", "x_parts": [1, 2]}, {"size": "l"}]


def test_a_list_that_one_request_changes_is_not_the_next_ones(client: TestClient) -> None:
    lists = APIRouter()

    @lists.get("/")
    async def collect(found: Annotated[list[int], Query()] = []) -> list[int]:  # noqa: B006 - that is the test
        found.append(1)
        return found

    with TestClient(lists) as own:
        assert [own.get("/").json() for _ in range(3)] == [[1], [1], [1]]


class Row(models.Model):
    class Meta:
        app_label = "typed_parameters"
        abstract = True


async def two_markers(a: Annotated[int, Query()] = Query(1)) -> None: ...
async def path_default(id: int = 3) -> None: ...
async def not_in_path(other: Annotated[int, Path()]) -> None: ...
async def of_a_model(row: Row) -> None: ...
async def of_an_object(other: TestClient) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (two_markers, "two_markers(): a has two markers: one in Annotated, one as its default."),
        (path_default, "id is a parameter of the path, so its default would never be used"),
        (not_in_path, "other is a parameter of the path, which has none of that name (names: id)"),
        (of_a_model, "row is a model of the database: take a type made from it"),
        (of_an_object, "other: TestClient cannot be read from a request: use a msgspec Struct"),
    ],
)
def test_a_function_that_cannot_work_is_refused_where_it_is_declared(function: Any, message: str) -> None:
    with pytest.raises(InvalidFunctionError) as caught:
        APIRouter().get("/{id}")(function)
    assert message in str(caught.value)


def test_an_option_that_there_is_not_names_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"Query\(max_lenght=…\): there is no such option.*max_length"):
        Query(max_lenght=3)
    with pytest.raises(TypeError, match=r"respones: there is no such option.*responses"):
        APIRouter().get("/", respones={})(read_cookies)
    with pytest.raises(TypeError, match="default or default_factory"):
        Query(1, default_factory=int)
    with pytest.raises(TypeError, match="takes no default"):
        Path(1)
