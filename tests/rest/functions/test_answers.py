"""What typed functions return: checked against its type, encoded, streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest

from vivace.rest.functions import (
    APIRouter,
    EventSourceResponse,
    InvalidFunctionError,
    JSONLinesResponse,
    JSONResponse,
    Query,
    Response,
    ResponseValidationError,
    ServerSentEvent,
)
from vivace.web.responses import HTMLResponse, PlainTextResponse
from vivace.web.testclient import TestClient

router = APIRouter()


class Public(msgspec.Struct):
    name: str
    age: int | None = None


class Private(Public):
    password: str = "hush"


@dataclass
class Loose:
    name: str
    password: str = "hush"


class Shown(TypedDict):
    name: str


class Model(pydantic.BaseModel):
    name: str
    age: int | None = None
    kind: str = pydantic.Field(default="plain", alias="Kind")


class PrivateModel(Model):
    password: str = "hush"


@router.get("/same")
async def same() -> Public:
    return Public("ann")


@router.get("/subclass")
async def subclass() -> Public:
    return Private("ann")


@router.get("/list")
async def many() -> list[Public]:
    return [Public("ann"), Private("bob")]


@router.get("/attributes")
def attributes() -> Public | None:
    return Loose("ann")  # type: ignore[return-value]  # converted by its attributes


@router.get("/none")
async def none() -> Public | None:
    return None


@router.get("/dict")
async def of_dict() -> Shown:
    return {"name": "ann", "password": "hush"}  # type: ignore[typeddict-unknown-key]


@router.get("/pydantic")
async def of_pydantic() -> Model:
    return PrivateModel(name="ann", Kind="x")


@router.get("/pydantic-list", response_model_exclude_none=True, response_model_by_alias=False)
async def of_pydantic_list() -> list[Model]:
    return [PrivateModel(name="ann")]


class Mixed(msgspec.Struct):
    model: Model
    many: list[Model]


@router.get("/mixed")
async def mixed() -> Mixed:
    return Mixed(Model(name="ann"), [])


@router.get("/untyped")
async def untyped():  # type: ignore[no-untyped-def]
    return {"model": Model(name="ann"), "many": [Public("bob")]}


@router.get("/model", response_model=Public)
async def model() -> Any:
    return {"name": "ann", "password": "hush"}


@router.get("/no-model", response_model=None)
async def no_model() -> Public:
    return Private("ann")


@router.get("/include", response_model_include={"name"})
async def include() -> list[Public]:
    return [Public("ann", 3)]


@router.get("/exclude", response_model_exclude={"age"})
async def exclude() -> Public:
    return Public("ann", 3)


@router.get("/defaults", response_model_exclude_defaults=True)
async def defaults() -> Public:
    return Public("ann")


@router.get("/no-none", response_model_exclude_none=True)
async def no_none() -> Any:
    return {"a": None, "b": [{"c": None}]}


@router.get("/wrong")
async def wrong() -> Public:
    return {"age": 3}  # type: ignore[return-value]


@router.get("/nan")
async def nan() -> float:
    return float("nan")


@router.delete("/gone", status_code=204)
async def gone() -> None: ...


@router.get("/own")
async def own() -> Response:
    return PlainTextResponse("own", 203)


@router.get("/html", response_class=HTMLResponse)
async def html() -> str:
    return "<p>hi</p>"


class Padded(JSONResponse):
    def render(self, content: Any) -> bytes:
        return b"  " + super().render(content)


@router.get("/padded", response_class=Padded)
async def padded() -> Public:
    return Private("ann")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(router) as found:
        yield found


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/same", {"name": "ann", "age": None}),
        ("/subclass", {"name": "ann", "age": None}),
        ("/list", [{"name": "ann", "age": None}, {"name": "bob", "age": None}]),
        ("/attributes", {"name": "ann", "age": None}),
        ("/none", None),
        ("/dict", {"name": "ann"}),
        ("/pydantic", {"name": "ann", "age": None, "Kind": "x"}),
        ("/pydantic-list", [{"name": "ann", "kind": "plain"}]),
        ("/mixed", {"model": {"name": "ann", "age": None, "Kind": "plain"}, "many": []}),
        (
            "/untyped",
            {"model": {"name": "ann", "age": None, "Kind": "plain"}, "many": [{"name": "bob", "age": None}]},
        ),
        ("/model", {"name": "ann", "age": None}),
        ("/no-model", {"name": "ann", "age": None, "password": "hush"}),
        ("/include", [{"name": "ann"}]),
        ("/exclude", {"name": "ann"}),
        ("/defaults", {"name": "ann"}),
        ("/no-none", {"b": [{}]}),
        ("/padded", {"name": "ann", "age": None}),
    ],
)
def test_an_answer_shows_what_its_type_shows_and_no_more(client: TestClient, path: str, answer: Any) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (200, answer)
    assert response.headers["content-type"] == "application/json"


def test_what_is_not_of_the_type_is_a_fault_of_ours(client: TestClient) -> None:
    with pytest.raises(ResponseValidationError, match=r"wrong\(\) returned dict, which is not Public"):
        client.get("/wrong")
    with pytest.raises(ValueError, match="Out of range"):
        client.get("/nan")


def test_statuses_without_a_body_have_none(client: TestClient) -> None:
    response = client.delete("/gone")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers


def test_a_response_is_sent_as_it_is_and_a_class_makes_one(client: TestClient) -> None:
    response = client.get("/own")
    assert (response.status_code, response.text) == (203, "own")
    response = client.get("/html")
    assert (response.headers["content-type"], response.text) == ("text/html; charset=utf-8", "<p>hi</p>")
    assert client.get("/padded").content.startswith(b"  {")


def test_head_is_answered_like_get(client: TestClient) -> None:
    assert client.head("/same").status_code == 200


async def of_no_json() -> TestClient: ...  # type: ignore[empty-body]


def test_a_type_without_json_is_refused_where_it_is_declared() -> None:
    with pytest.raises(InvalidFunctionError, match=r"of_no_json\(\) returns what has no JSON"):
        APIRouter().get("/")(of_no_json)


# Streams


@router.get("/lines")
async def lines(count: Annotated[int, Query()] = 2) -> AsyncIterator[Public]:
    for number in range(count):
        yield Private(f"n{number}")


@router.get("/plain-lines", response_class=JSONLinesResponse)
def plain_lines() -> Iterator[dict[str, int]]:
    yield {"a": 1}
    yield {"a": 2}


@router.get("/events", response_class=EventSourceResponse)
async def events() -> AsyncIterator[Model]:
    yield PrivateModel(name="ann")


@router.get("/own-events", response_class=EventSourceResponse)
async def own_events() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent({"a": 1}, event="tick", id="1")


def test_generators_are_json_lines(client: TestClient) -> None:
    response = client.get("/lines?count=2")
    assert response.headers["content-type"] == "application/jsonl"
    assert response.text == '{"name":"n0","age":null}\n{"name":"n1","age":null}\n'
    assert client.get("/plain-lines").text == '{"a":1}\n{"a":2}\n'
    assert client.get("/lines?count=x").status_code == 400


def test_generators_are_server_sent_events_where_the_class_says_so(client: TestClient) -> None:
    response = client.get("/events")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert 'data: {"name":"ann","age":null,"Kind":"plain"}\n\n' in response.text
    assert "hush" not in response.text
    assert 'event: tick\ndata: {"a":1}\nid: 1\n\n' in client.get("/own-events").text
