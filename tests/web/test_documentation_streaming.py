"""The page docs/web/streaming.md, run as it is printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import anyio
import pytest

from vivace.web.testclient import AsyncTestClient

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).parents[2] / "docs" / "web" / "streaming.md"
PATIENCE = 20


@pytest.fixture
def page() -> dict[str, Any]:
    """The names that the page's code defines."""
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    return names


async def until_heard(page: dict[str, Any], channel: str, count: int) -> None:
    with anyio.fail_after(PATIENCE):
        while page["broadcast"].subscribers(channel) != count:
            await anyio.sleep(0.001)


async def test_events_come_as_the_page_says(page: dict[str, Any]) -> None:
    async with AsyncTestClient(page["app"]) as client:
        countdown = await client.get("/countdown")
        assert countdown.text == (
            'retry: 2000\n\ndata: {"left":3}\n\ndata: {"left":2}\n\ndata: {"left":1}\n\n'
            "event: done\ndata: Lift-off!\ndata: Well done.\nid: 0\n\n"
        )
        assert (await client.get("/log")).text.count("data: ") == 4
        rest = await client.get("/log", headers={"Last-Event-ID": "3"})
        assert rest.text == "data: line 4\nid: 4\n\n"
        assert (await client.get("/log", headers={"Last-Event-ID": "x"})).text.count("data: ") == 4


async def test_json_lines_go_both_ways(page: dict[str, Any]) -> None:
    async with AsyncTestClient(page["app"]) as client:
        lines = (await client.get("/readings")).text
        assert lines.splitlines()[1] == '{"sensor":"roof","value":0.5}'
        assert (await client.post("/readings", content=lines)).json() == {"stored": 3, "mean": 0.5}
        wrong = await client.post("/readings", content=lines.splitlines()[0] + '\n{"sensor":}')
        assert (wrong.status_code, wrong.text) == (400, "Malformed JSON in line 2: Expecting value (column 11)")
        assert wrong.text in PAGE.read_text()
        assert (await client.post("/readings", content="[]")).status_code == 422


async def test_websockets_speak_and_broadcast(page: dict[str, Any]) -> None:
    async with AsyncTestClient(page["app"]) as client:
        async with client.websocket_connect("/echo") as websocket:
            await websocket.send_json([1])
            assert await websocket.receive_json() == {"you said": [1]}
        async with client.websocket_connect("/rooms/a") as first, client.websocket_connect("/rooms/a") as second:
            await until_heard(page, "a", 2)
            await first.send_text("hello")
            with anyio.fail_after(PATIENCE):
                assert [await first.receive_text(), await second.receive_text()] == ["hello", "hello"]
        async with client.websocket_connect("/ticker") as websocket:
            await until_heard(page, "prices", 1)
            assert (await client.post("/prices/tea", json=250)).json() == {"name": "tea", "cents": 250}
            assert await websocket.receive_json() == {"name": "tea", "cents": 250}


async def test_events_of_a_room_are_heard(page: dict[str, Any]) -> None:
    heard: list[str] = []

    async def hear() -> None:
        heard.append((await client.get("/rooms/a/events")).text)

    async with AsyncTestClient(page["app"]) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hear)
            await until_heard(page, "a", 1)
            await page["broadcast"].publish("a", "hello", id="1")
            await page["broadcast"].publish("a", "goodbye", id="2")
            await anyio.wait_all_tasks_blocked()
            await page["broadcast"].disconnect()
        assert heard == ["data: hello\nid: 1\n\ndata: goodbye\nid: 2\n\n"]
        await page["broadcast"].connect()
        found: list[Any] = []

        async def take() -> None:
            found.extend(await page["first_two"]("b"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take)
            await until_heard(page, "b", 1)
            await page["broadcast"].publish("b", 1)
            await page["broadcast"].publish("b", 2)
        assert found == [1, 2]


async def test_mail_is_sent_after_the_response(page: dict[str, Any]) -> None:
    async with AsyncTestClient(page["app"]) as client:
        assert (await client.post("/orders")).status_code == 202
        with anyio.fail_after(PATIENCE):
            while page["sent"] != ["ann@example.com"]:
                await anyio.sleep(0.001)


def test_the_page_names_what_there_is() -> None:
    text = PAGE.read_text()
    for name in ("drop_oldest", "drop_newest", "close", "conflate"):
        assert f'`"{name}"`' in text
