from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarlettesRequest
from starlette.responses import PlainTextResponse as StarlettesResponse
from starlette.routing import NoMatchFound as StarlettesNoMatchFound
from starlette.routing import Route as StarlettesRoute

from vivace.web.applications import Application
from vivace.web.requests import Request
from vivace.web.responses import PlainTextResponse
from vivace.web.routing import BaseRoute, Host, Mount, NoMatchFound, Route
from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio


async def link(request: Request) -> PlainTextResponse:
    """The URL of the route that is asked for."""
    return PlainTextResponse(str(request.url_for(request.path_params["name"])))


def links(*names: str) -> list[BaseRoute]:
    return [Route("/link/{name:path}", link), *(Route(f"/{name}", link, name=name) for name in names)]


async def test_a_mounted_application_finds_its_own_names() -> None:
    shop = Application(routes=links("cart"))
    client = AsyncTestClient(Application(routes=[Mount("/shop", shop, name="shop"), *links("index")]))
    assert (await client.get("/shop/link/cart")).text == "http://testserver/shop/cart"
    assert (await client.get("/shop/link/shop:cart")).text == "http://testserver/shop/cart"
    assert (await client.get("/shop/link/index")).text == "http://testserver/index"
    with pytest.raises(NoMatchFound, match="nothing"):
        await client.get("/shop/link/nothing")
    with pytest.raises(NoMatchFound, match="cart"):
        await client.get("/link/cart")


async def test_the_outer_name_counts_where_both_have_it() -> None:
    client = AsyncTestClient(
        Application(routes=[Mount("/shop", Application(routes=links("index")), name="shop"), *links("index")])
    )
    assert (await client.get("/shop/link/index")).text == "http://testserver/index"


async def test_prefixes_add_up_and_parameters_are_quoted() -> None:
    inner = Application(routes=links("page"))
    middle = Application(routes=[Mount("/b c", inner), *links("list")])
    client = AsyncTestClient(Application(routes=[Mount("/{tenant}", middle)]), root_path="/site")
    assert (await client.get("/site/a%3F/b%20c/link/page")).text == "http://testserver/site/a%3F/b c/page"
    assert (await client.get("/site/a/b%20c/link/list")).text == "http://testserver/site/a/list"
    assert (await client.get("/site/a/link/list")).text == "http://testserver/site/a/list"


async def test_an_application_behind_a_host_finds_its_own_names() -> None:
    app = Application(routes=[Host("api.example.org", Application(routes=links("page")), name="api")])
    client = AsyncTestClient(app, base_url="http://api.example.org")
    assert (await client.get("/link/page")).text == "http://api.example.org/page"


async def test_an_application_of_starlette_s_finds_its_own_names() -> None:
    async def starlettes_link(request: StarlettesRequest) -> StarlettesResponse:
        return StarlettesResponse(str(request.url_for(request.path_params["name"])))

    routes = [StarlettesRoute("/link/{name}", starlettes_link), StarlettesRoute("/cart", starlettes_link, name="cart")]
    client = AsyncTestClient(Application(routes=[Mount("/shop", Starlette(routes=routes)), *links("index")]))
    assert (await client.get("/shop/link/cart")).text == "http://testserver/shop/cart"
    assert (await client.get("/shop/link/index")).text == "http://testserver/index"
    with pytest.raises(StarlettesNoMatchFound, match="nothing"):
        await client.get("/shop/link/nothing")


async def test_a_router_that_is_mounted_has_the_names_of_the_whole() -> None:
    client = AsyncTestClient(Application(routes=[Mount("/shop", routes=links("cart"), name="shop")]))
    assert (await client.get("/shop/link/shop:cart")).text == "http://testserver/shop/cart"
    with pytest.raises(NoMatchFound, match="cart"):
        await client.get("/shop/link/cart")
