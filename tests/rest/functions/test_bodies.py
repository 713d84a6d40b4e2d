"""Bodies of typed functions: JSON, forms, files, bytes; and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vivace.rest.functions import APIRouter, Body, File, Form, InvalidFunctionError, UploadFile
from vivace.rest.functions._explaining import MAX_ERRORS
from vivace.web.testclient import TestClient

router = APIRouter()


class Part(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    price: Annotated[float, msgspec.Meta(gt=0)]


class Order(msgspec.Struct, rename="camel"):
    order_number: int
    parts: list[Part]
    notes: dict[str, Part] = {}
    parent: Order | None = None


@dataclass
class Range:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


class Point(TypedDict):
    x: int
    y: int


class Author(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)
    age: int | None = None


class Login(msgspec.Struct):
    name: str
    tags: list[str] = []


@router.post("/orders")
async def make_order(order: Order) -> Order:
    return order


@router.post("/ranges")
async def make_range(range: Range) -> Range:
    return range


@router.post("/points")
async def make_point(point: Point) -> Point:
    return point


@router.post("/authors")
async def make_author(author: Author) -> Author:
    return author


@router.post("/many")
async def make_many(authors: list[Author], strict: bool = False) -> list[str]:
    return [author.name for author in authors]


@router.post("/named")
async def make_named(part: Part, author: Author, level: Annotated[int, Body()] = 1) -> Any:
    return [part, author.name, level]


@router.post("/embedded")
async def make_embedded(part: Annotated[Part | None, Body(embed=True)] = None) -> Part | None:
    return part


@router.post("/optional")
async def make_optional(part: Part | None = None) -> Part | None:
    return part


@router.post("/any")
async def make_any(value: Annotated[Any, Body()]) -> Any:
    return value


@router.post("/loose", strict_content_type=False)
async def make_loose(part: Part) -> str:
    return part.name


@router.post("/text")
async def make_text(text: Annotated[str, Body(media_type="text/plain")]) -> int:
    return len(text)


@router.post("/bytes")
async def make_bytes(data: Annotated[bytes, Body(media_type="image/png")]) -> int:
    return len(data)


@router.post("/login")
async def log_in(login: Annotated[Login, Form()]) -> Login:
    return login


@router.post("/form")
async def fill_in(name: Annotated[str, Form(min_length=2)], age: Annotated[int | None, Form()] = None) -> list[Any]:
    return [name, age]


@router.post("/upload", form_limits={"max_files": 2})
async def upload(
    photo: UploadFile,
    thumb: Annotated[bytes | None, File()] = None,
    more: list[UploadFile] = File(default_factory=list),  # noqa: B008 - as FastAPI's users write
    note: Annotated[str, Form()] = "",
) -> list[Any]:
    return [photo.filename, photo.size, thumb and len(thumb), [one.filename for one in more], note]


@router.post("/small", max_body_size=20)
async def make_small(part: Part) -> Part:
    return part


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(router) as found:
        yield found


PART = {"name": "wheel", "price": 2.5}


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        (
            "/orders",
            {"orderNumber": 1, "parts": [PART], "more": 1},
            {"orderNumber": 1, "parts": [PART], "notes": {}, "parent": None},
        ),
        ("/ranges", {"low": 1, "high": 2}, {"low": 1, "high": 2}),
        ("/points", {"x": 1, "y": 2, "z": 3}, {"x": 1, "y": 2}),
        ("/authors", {"name": "Ann"}, {"name": "Ann", "age": None}),
        ("/many?strict=1", [{"name": "Ann"}, {"name": "Bob"}], ["Ann", "Bob"]),
        ("/named", {"part": PART, "author": {"name": "Ann"}}, [PART, "Ann", 1]),
        ("/named", {"part": PART, "author": {"name": "Ann"}, "level": 3}, [PART, "Ann", 3]),
        ("/embedded", {"part": PART}, PART),
        ("/embedded", {}, None),
        ("/optional", PART, PART),
        ("/any", [1, {"a": None}], [1, {"a": None}]),
    ],
)
def test_json_becomes_the_type(client: TestClient, path: str, body: Any, answer: Any) -> None:
    response = client.post(path, json=body)
    assert (response.status_code, response.json()) == (200, answer)


REQUIRED = ["This field is required."]


@pytest.mark.parametrize(
    ("path", "body", "errors"),
    [
        ("/orders", {}, {"orderNumber": REQUIRED, "parts": REQUIRED}),
        (
            "/orders",
            {"orderNumber": "1", "parts": [PART, {"name": "", "price": 0}, 3], "notes": {"a": {"price": 1}}},
            {
                "orderNumber": ["Expected `int`, got `str`"],
                "parts": {
                    "1": {"name": ["Expected `str` of length >= 1"], "price": ["Expected `float` > 0.0"]},
                    "2": ["Expected `object`, got `int`"],
                },
                "notes": {"a": {"name": REQUIRED}},
            },
        ),
        (
            "/orders",
            {"orderNumber": 1, "parts": [], "parent": {"orderNumber": 2, "parts": [{}]}},
            {"parent": {"parts": {"0": {"name": REQUIRED, "price": REQUIRED}}}},
        ),
        ("/orders", [], ["Expected `object`, got `array`"]),
        ("/ranges", {"low": 3, "high": 2}, ["low is above high"]),
        (
            "/ranges",
            {"low": "a", "high": None},
            {"low": ["Expected `int`, got `str`"], "high": ["Expected `int`, got `null`"]},
        ),
        ("/points", {"x": 1.5}, {"x": ["Expected `int`, got `float`"], "y": REQUIRED}),
        ("/authors", {"name": "A", "age": "x"}, None),
        (
            "/named",
            {"part": {"name": "a"}, "level": "x"},
            {"part": {"price": REQUIRED}, "author": REQUIRED, "level": ["Expected `int`, got `str`"]},
        ),
        ("/named", [1], ["Expected `object`, got `array`"]),
    ],
)
def test_every_fault_is_named_at_its_place(client: TestClient, path: str, body: Any, errors: Any) -> None:
    response = client.post(path, json=body)
    assert response.status_code == 400
    if errors is None:  # pydantic's own words
        assert set(response.json()) == {"name", "age"}
    else:
        assert response.json() == errors


def test_models_of_pydantic_inside_of_others_are_read_and_their_faults_named(client: TestClient) -> None:
    response = client.post("/many", json=[{"name": "Ann"}, {"name": "B"}, {}])
    assert response.status_code == 400
    assert response.json()["2"] == {"name": REQUIRED}
    assert "at least 2" in response.json()["1"]["name"][0]


def test_a_body_that_is_missing_is_named_or_replaced_by_its_default(client: TestClient) -> None:
    assert client.post("/orders").json() == {"orderNumber": REQUIRED, "parts": REQUIRED}
    assert client.post("/any").json() == REQUIRED
    assert client.post("/optional").json() is None
    assert client.post("/embedded").json() is None


def test_what_is_no_json_is_a_400_with_line_and_column(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/orders", "/authors", "/named"):
        response = client.post(path, content=b'{"a":\n x', headers=headers)
        assert response.status_code == 400
        assert response.json()["detail"].startswith("JSON parse error - ")
        assert "line 2 column 2" in response.json()["detail"]


def test_deep_json_is_refused(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/any", "/authors", "/named", "/orders"):
        deep = client.post(path, content=b"[" * 200_000, headers=headers)
        assert deep.status_code == 400
        nested = client.post(path, content=b'{"parent":' * 200_000 + b"1" + b"}" * 200_000, headers=headers)
        assert nested.status_code == 400


def test_a_byte_order_mark_and_utf_16_are_read(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    assert client.post("/optional", content=b"\xef\xbb\xbf" + msgspec.json.encode(PART), headers=headers).json() == PART
    text = msgspec.json.encode(PART).decode().encode("utf-16")
    assert client.post("/optional", content=text, headers=headers).json() == PART


def test_other_media_types_are_refused_unless_a_function_says_otherwise(client: TestClient) -> None:
    body = msgspec.json.encode(PART)
    assert client.post("/optional", content=body, headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/optional", content=body).status_code == 415
    assert client.post("/loose", content=body).json() == "wheel"
    assert client.post("/loose", content=body, headers={"content-type": "text/plain"}).status_code == 415
    headers = {"content-type": "Application/Merge-Patch+JSON; charset=utf-8"}
    assert client.post("/optional", content=body, headers=headers).json() == PART


def test_bytes_and_text_are_taken_as_they_are(client: TestClient) -> None:
    assert client.post("/text", content="Grüße".encode(), headers={"content-type": "text/plain"}).json() == 5
    assert client.post("/text", content=b"\xff", headers={"content-type": "text/plain"}).status_code == 400
    assert client.post("/bytes", content=b"\xff\x00", headers={"content-type": "image/png"}).json() == 2
    assert client.post("/bytes", content=b"\xff", headers={"content-type": "image/gif"}).status_code == 415


def test_forms_have_fields_or_are_whole_objects(client: TestClient) -> None:
    assert client.post("/form", data={"name": "Ann", "age": "3"}).json() == ["Ann", 3]
    assert client.post("/form", data={"name": "Ann", "age": ""}).json() == ["Ann", None]
    assert client.post("/form", data={"name": "A"}).json() == {"name": ["Expected `str` of length >= 2"]}
    assert client.post("/login", data={"name": "Ann", "tags": ["a", "b"]}).json() == {"name": "Ann", "tags": ["a", "b"]}
    assert client.post("/login").json() == {"name": REQUIRED}
    assert client.post("/form", json={"name": "Ann"}).status_code == 415


def test_files_are_uploads_or_their_bytes(client: TestClient) -> None:
    files = [("photo", ("a.png", b"abc")), ("thumb", ("b.png", b"de"))]
    assert client.post("/upload", files=files, data={"note": "n"}).json() == ["a.png", 3, 2, [], "n"]
    assert client.post("/upload", files=[files[0], ("more", ("c.png", b"f"))]).json() == [
        "a.png",
        3,
        None,
        ["c.png"],
        "",
    ]
    assert client.post("/upload", files=[files[1]]).json() == {"photo": REQUIRED}
    refused = client.post("/upload", data={"photo": "text"}, files=[files[1]])
    assert refused.json() == {"photo": ["The submitted data was not a file. Check the encoding type on the form."]}
    assert client.post("/upload", files=[*files, ("more", ("c.png", b"f"))]).status_code == 400


def test_a_body_over_the_limit_of_its_route_is_a_413(client: TestClient) -> None:
    assert client.post("/small", json=PART).status_code == 413


def test_an_answer_lists_no_more_errors_than_anybody_reads(client: TestClient) -> None:
    response = client.post("/orders", json={"orderNumber": 1, "parts": [1] * 5000})
    assert len(response.json()["parts"]) == MAX_ERRORS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["orderNumber", "parts", "name", "low", "high", "x"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(body=JSON, path=st.sampled_from(["/orders", "/ranges", "/points", "/authors", "/many", "/named", "/optional"]))
def test_no_body_is_a_fault_of_ours(body: Any, path: str) -> None:
    with TestClient(router) as client:
        assert client.post(
            path, content=msgspec.json.encode(body), headers={"content-type": "application/json"}
        ).status_code in (200, 400)


async def both(part: Part, name: Annotated[str, Form()]) -> None: ...
async def odd_raw(data: Annotated[Part, Body(media_type="text/csv")]) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [(both, "part is of a JSON body, but others are of a form"), (odd_raw, "a body of text/csv is bytes or str")],
)
def test_bodies_that_cannot_be_are_refused_where_they_are_declared(function: Any, message: str) -> None:
    with pytest.raises(InvalidFunctionError, match=message):
        APIRouter().post("/")(function)
