"""What a typed route says of itself for the OpenAPI document."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec

from vivace.rest.functions import APIRouter, Body, Depends, EventSourceResponse, Form, Header, Query, UploadFile
from vivace.rest.operations import NO_DEFAULT, BodyField, Operation


class Item(msgspec.Struct):
    name: str


class Page(msgspec.Struct):
    number: int = 1
    x_size: int | None = None


class Kind(enum.Enum):
    ITEMS = "items"


async def key(x_key: Annotated[str, Header(deprecated=True, description="A key.")]) -> str:
    return x_key


def described(router: APIRouter) -> Operation:
    (route,) = router.routes
    operation = route.operation  # type: ignore[attr-defined]
    assert isinstance(operation, Operation)
    return operation


def test_parameters_are_those_of_the_function_and_of_its_dependencies() -> None:
    router = APIRouter(tags=[Kind.ITEMS])

    @router.get("/items/{id:int}", dependencies=[Depends(key)], summary="Read", responses={404: {"model": Item}})
    async def read_item(
        id: int,
        page: Annotated[Page, Query()],
        q: Annotated[str, Query(max_length=3, examples=["a"])] = "x",
        hidden: Annotated[str, Query(include_in_schema=False)] = "",
    ) -> list[Item]:
        """One item.

        In two paragraphs.\f
        For readers of the code.
        """
        return []

    operation = described(router)
    assert (operation.path, operation.methods, operation.operation_id) == ("/items/{id}", ("GET",), "read_item")
    assert (operation.summary, operation.description) == ("Read", "One item.\n\nIn two paragraphs.")
    assert operation.tags == ("items",)
    found = {(one.in_, one.name): one for one in operation.parameters}
    assert list(found) == [
        ("header", "x-key"),
        ("path", "id"),
        ("query", "number"),
        ("query", "x_size"),
        ("query", "q"),
    ]
    assert (found["header", "x-key"].deprecated, found["header", "x-key"].description) == (True, "A key.")
    assert (found["path", "id"].required, found["query", "number"].default) == (True, 1)
    assert found["query", "q"].type == Annotated[str, msgspec.Meta(max_length=3)]
    assert (found["query", "q"].default, found["query", "q"].metadata) == ("x", {"examples": ["a"]})
    assert [(one.status, one.type, one.description) for one in operation.responses] == [
        ("200", list[Item], "Successful Response"),
        ("404", Item, "Not Found"),
    ]


def test_a_body_is_of_one_type_or_has_fields() -> None:
    one, several, embedded, form, upload = (APIRouter() for _ in range(5))

    @one.post("/")
    async def take(item: Item | None = None) -> None: ...

    @several.post("/")
    async def take_two(item: Item, level: Annotated[int, Body(ge=1)] = 1) -> None: ...

    @embedded.post("/")
    async def take_embedded(item: Annotated[Item, Body(embed=True)]) -> None: ...

    @form.post("/")
    async def fill_in(item: Annotated[Item, Form()]) -> None: ...

    @upload.post("/")
    async def send(photo: UploadFile, note: Annotated[str, Form()] = "") -> None: ...

    body: Any = described(one).body
    assert (body.media_types, body.required, body.type) == (("application/json",), False, Item | None)
    body = described(several).body
    assert body.fields == (
        BodyField("item", Item, True, NO_DEFAULT),
        BodyField("level", Annotated[int, msgspec.Meta(ge=1)], False, 1),
    )
    assert described(embedded).body.fields[0].name == "item"  # type: ignore[union-attr]
    body = described(form).body
    assert (body.type, "application/x-www-form-urlencoded" in body.media_types) == (Item, True)
    body = described(upload).body
    assert (body.media_types, [one.type for one in body.fields]) == (("multipart/form-data",), [UploadFile, str])


def test_streams_and_empty_answers_say_so() -> None:
    lines, events, empty = (APIRouter() for _ in range(3))

    @lines.get("/")
    async def read_lines() -> AsyncIterator[Item]:
        yield Item("a")

    @events.get("/", response_class=EventSourceResponse)
    async def read_events() -> AsyncIterator[Item]:
        yield Item("a")

    @empty.delete("/", status_code=204, include_in_schema=True)
    async def remove() -> None: ...

    (answer,) = described(lines).responses
    assert (answer.media_type, answer.item_type, answer.type) == ("application/jsonl", Item, None)
    (answer,) = described(events).responses
    assert (answer.media_type, answer.item_type) == ("text/event-stream", Item)
    (answer,) = described(empty).responses
    assert (answer.status, answer.media_type, answer.type) == ("204", None, None)


def test_what_is_hidden_has_no_operation_and_names_may_be_made() -> None:
    router = APIRouter(generate_unique_id_function=lambda route: f"own-{route.name}")

    @router.get("/a", include_in_schema=False)
    async def a() -> None: ...

    @router.get("/b")
    async def b() -> None: ...

    first, second = router.routes
    assert first.operation is None  # type: ignore[attr-defined]
    assert second.operation.operation_id == "own-b"  # type: ignore[attr-defined]
