"""`Depends` and `Security`: order, caching, generators, scopes, overrides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from vivace.rest.functions import (
    APIRouter,
    BackgroundTasks,
    Body,
    Depends,
    HTTPException,
    InvalidFunctionError,
    Query,
    Request,
    Response,
    Security,
    SecurityScopes,
)
from vivace.web.applications import Application
from vivace.web.testclient import TestClient

log: list[str] = []


@pytest.fixture(autouse=True)
def empty_log() -> Iterator[None]:
    log.clear()
    yield
    log.clear()


def client_of(router: APIRouter) -> TestClient:
    return TestClient(Application(routes=router.routes), raise_server_exceptions=False)


async def base(q: int = 1) -> int:
    log.append("base")
    return q


def double(value: Annotated[int, Depends(base)]) -> int:
    log.append("double")
    return value * 2


@dataclass
class Paging:
    limit: int = 10
    offset: int = 0


class Checker:
    def __init__(self, wanted: str) -> None:
        self.wanted = wanted

    async def __call__(self, key: str = "") -> bool:
        if key != self.wanted:
            raise HTTPException(403, f"{key!r} is not the key")
        return True


async def opened() -> AsyncIterator[str]:
    log.append("open")
    try:
        yield "resource"
    except ValueError as error:
        log.append(f"caught {error}")
        raise
    finally:
        log.append("closed")


def blocking() -> Iterator[str]:
    log.append("begin")
    yield "thread"
    log.append("end")


async def inner(resource: Annotated[str, Depends(opened)]) -> AsyncIterator[str]:
    log.append("inner open")
    yield f"{resource}!"
    log.append("inner closed")


async def scopes_of(scopes: SecurityScopes, q: int = 0) -> str:
    log.append("scopes")
    return scopes.scope_str


async def user(scopes: Annotated[str, Security(scopes_of, scopes=["me"])]) -> str:
    return scopes


router = APIRouter()


@router.get("/tree")
async def tree(a: Annotated[int, Depends(base)], b: int = Depends(double), c: int = Depends(double)) -> list[int]:
    return [a, b, c]


@router.get("/fresh")
async def fresh(a: Annotated[int, Depends(base)], b: Annotated[int, Depends(base, use_cache=False)]) -> list[int]:
    return [a, b]


@router.get("/class")
async def of_class(paging: Annotated[Paging, Depends()]) -> Paging:
    return paging


@router.post("/guarded", dependencies=[Depends(Checker("k"))])
async def guarded(body: Annotated[dict[str, int], Body()]) -> dict[str, int]:
    return body


@router.get("/opened")
async def use_opened(
    value: Annotated[str, Depends(inner)], other: Annotated[str, Depends(blocking)], fail: str = ""
) -> Any:
    log.append("call")
    if fail == "value":
        raise ValueError("broken")
    if fail == "http":
        raise HTTPException(409, "conflict")
    return [value, other]


@router.get("/early")
async def use_early(
    request: Request[Any],
    early: Annotated[str, Depends(opened, scope="function")],
    late: Annotated[str, Depends(blocking)],
    tasks: BackgroundTasks,
) -> str:
    tasks.add_task(log.append, "task")
    return early


@router.get("/scopes")
async def with_scopes(
    one: Annotated[str, Security(user, scopes=["items"])],
    two: Annotated[str, Security(user, scopes=["items"])],
    three: Annotated[str, Security(user, scopes=["users", "me"])],
) -> list[str]:
    return [one, two, three]


@router.get("/given")
async def given(response: Response, tasks: BackgroundTasks) -> dict[str, int]:
    response.headers["X-Kind"] = "given"
    response.set_cookie("seen", "1")
    response.status_code = 202
    tasks.add_task(log.append, "task")
    return {"a": 1}


def test_a_dependency_is_asked_once_per_request() -> None:
    assert client_of(router).get("/tree?q=4").json() == [4, 8, 8]
    assert log == ["base", "double"]


def test_it_is_asked_anew_without_cache() -> None:
    assert client_of(router).get("/fresh").json() == [1, 1]
    assert log == ["base", "base"]


def test_parameters_of_dependencies_are_refused_like_others_and_then_nobody_is_called() -> None:
    response = client_of(router).get("/tree?q=x")
    assert (response.status_code, response.json()) == (400, {"q": ["Expected `int`, got `str`"]})
    assert log == []


def test_a_class_is_made_of_its_arguments() -> None:
    assert client_of(router).get("/class?limit=3").json() == {"limit": 3, "offset": 0}


def test_who_may_is_known_before_the_body_is_read() -> None:
    client = client_of(router)
    response = client.post("/guarded?key=x", content=b"{", headers={"content-type": "application/json"})
    assert (response.status_code, response.json()) == (403, {"detail": "'x' is not the key"})
    assert client.post("/guarded?key=k", json={"a": 1}).json() == {"a": 1}
    assert client.post("/guarded?key=k", json={"a": "b"}).json() == {"a": ["Expected `int`, got `str`"]}


def test_generators_are_left_in_reverse_order_after_the_response() -> None:
    assert client_of(router).get("/opened").json() == ["resource!", "thread"]
    assert log == ["open", "inner open", "begin", "call", "end", "inner closed", "closed"]


def test_generators_see_what_the_function_raises() -> None:
    response = client_of(router).get("/opened?fail=value")
    assert response.status_code == 500
    assert log == ["open", "inner open", "begin", "call", "caught broken", "closed"]
    log.clear()
    response = client_of(router).get("/opened?fail=http")
    assert (response.status_code, response.json()) == (409, {"detail": "conflict"})
    assert log[-1] == "closed"


def test_a_generator_may_be_left_before_the_response_is_sent_and_background_tasks_run() -> None:
    assert client_of(router).get("/early").json() == "resource"
    assert log == ["open", "begin", "closed", "task", "end"]


def test_scopes_are_gathered_on_the_way_down_and_the_same_are_asked_once() -> None:
    assert client_of(router).get("/scopes").json() == ["items me", "items me", "users me"]
    assert log == ["scopes", "scopes"]


def test_the_response_and_background_tasks_are_given() -> None:
    response = client_of(router).get("/given")
    assert (response.status_code, response.json(), response.headers["x-kind"]) == (202, {"a": 1}, "given")
    assert response.cookies["seen"] == "1"
    assert log == ["task"]


def test_overrides_stand_in_for_dependencies_until_they_are_taken_away() -> None:
    client = client_of(router)

    async def other(z: int = 5) -> int:
        return z

    router.dependency_overrides[base] = other
    try:
        assert client.get("/tree?q=1&z=7").json() == [7, 14, 14]
        router.dependency_overrides[base] = lambda: 9
        assert client.get("/tree").json() == [9, 18, 18]
    finally:
        router.dependency_overrides.clear()
    assert client.get("/tree?q=4").json() == [4, 8, 8]


def test_a_dependency_that_swallows_an_error_is_a_fault() -> None:
    own = APIRouter()

    async def swallowing() -> AsyncIterator[None]:
        try:
            yield
        except ValueError:
            log.append("swallowed")

    @own.get("/", dependencies=[Depends(swallowing)])
    async def fail() -> None:
        raise ValueError

    with pytest.raises(RuntimeError, match="caught an exception and raised none"):
        TestClient(own).get("/")


async def early_one() -> AsyncIterator[int]:
    yield 1


async def late_one(value: Annotated[int, Depends(early_one, scope="function")]) -> AsyncIterator[int]:
    yield value


async def takes_late(value: Annotated[int, Depends(late_one)]) -> None: ...
async def nothing(value=Depends()) -> None: ...  # type: ignore[no-untyped-def]  # noqa: B008 - as some write
async def with_default(value: Annotated[int, Depends(base)] = 3) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (takes_late, "late_one.. lives until the response was sent, so value, which it takes, cannot have scope"),
        (nothing, "value is Depends.. without a function"),
        (with_default, "value is a dependency, which has no default"),
    ],
)
def test_dependencies_that_cannot_work_are_refused_where_they_are_declared(function: Any, message: str) -> None:
    with pytest.raises(InvalidFunctionError, match=message):
        APIRouter().get("/")(function)


def test_markers_check_what_they_are_given() -> None:
    with pytest.raises(TypeError, match="takes a function or a class, got 3"):
        Depends(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='it is "request" or "function"'):
        Depends(base, scope="app")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"such as \['a'\]"):
        Security(base, scopes="a")
    with pytest.raises(TypeError, match=r"takes Depends\(…\) and Security\(…\)"):
        APIRouter(dependencies=[base])


def test_a_dependency_that_asks_for_itself_is_refused() -> None:
    class Loop:
        def __init__(self, loop: Any) -> None: ...

    Loop.__init__.__annotations__["loop"] = Annotated[Any, Depends(Loop)]

    async def read(loop: Any) -> None: ...

    read.__annotations__["loop"] = Annotated[Any, Depends(Loop)]
    with pytest.raises(InvalidFunctionError, match=r"Loop.. depends on itself"):
        APIRouter().get("/")(read)


def test_annotations_of_what_is_defined_later_are_read_at_the_first_request() -> None:
    own = APIRouter()

    @own.get("/{id}")
    async def read(id: int, later: Annotated[int, Query()] = 1) -> int:
        return id + later

    read.__annotations__["later"] = "Later"
    own.get("/later/{id}")(read)
    with pytest.raises(NameError):
        TestClient(own).get("/later/1")
    read.__globals__["Later"] = int
    try:
        assert TestClient(own).get("/later/1").json() == 2
    finally:
        del read.__globals__["Later"]
