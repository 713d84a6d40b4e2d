from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from vivace.web.broadcast import Broadcast, Event, Subscription

pytestmark = pytest.mark.anyio
PATIENCE = 20


async def messages(events: Subscription, count: int) -> list[Any]:
    """The next messages."""
    with anyio.fail_after(PATIENCE):
        return [(await anext(events)).message for _ in range(count)]


async def test_every_subscriber_of_a_channel_gets_every_message_in_order() -> None:
    broadcast = Broadcast()
    async with (
        broadcast.subscribe("a") as first,
        broadcast.subscribe("a", "b") as second,
        broadcast.subscribe("b") as b,
    ):
        await broadcast.publish("a", "1")
        await broadcast.publish("b", {"n": 2})
        broadcast.publish_nowait("a", b"3")
        await broadcast.publish("c", "nobody")
        assert await messages(first, 2) == ["1", b"3"]
        assert await messages(second, 3) == ["1", {"n": 2}, b"3"]
        assert await messages(b, 1) == [{"n": 2}]


async def test_an_event_is_told_with_its_channel() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe("a") as events:
        await broadcast.publish("a", [1], event="e", id="7", key="k")
        event = await anext(events)
    assert event == Event("a", [1], event="e", id="7", key="k")
    assert event != "a"
    assert repr(event) == "Event(channel='a', message=[1])"


async def test_a_message_is_encoded_once() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe("a") as first, broadcast.subscribe("a") as second:
        await broadcast.publish("a", {"n": 1})
        one, other = await anext(first), await anext(second)
    assert one is other
    assert one.event_frame is other.event_frame
    assert one.event_frame == b'data: {"n":1}\n\n'
    assert one.websocket_message() == {"type": "websocket.send", "text": '{"n":1}'}


async def test_what_cannot_be_sent_is_the_publishers_error() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe("a"):
        for message in (object(), float("nan"), "\ud800"):
            with pytest.raises((TypeError, ValueError)):
                await broadcast.publish("a", message)
        with pytest.raises(ValueError, match="one line"):
            await broadcast.publish("a", "x", event="a\nb")
        with pytest.raises(ValueError, match="one line"):
            await broadcast.publish("a", "x", id="a\rb")
        with pytest.raises(TypeError, match="a channel has a name"):
            broadcast.publish_nowait(1, "x")  # type: ignore[arg-type]


async def test_bytes_are_for_websockets_only() -> None:
    event = Event("a", bytearray(b"\0"))
    assert event.websocket_message() == {"type": "websocket.send", "bytes": b"\0"}
    with pytest.raises(TypeError, match="only a WebSocket takes"):
        _ = event.event_frame


async def test_a_subscriber_waits_until_there_is_something() -> None:
    broadcast, seen = Broadcast(), []

    async def listen() -> None:
        async with broadcast.subscribe("a") as events:
            async for event in events:
                seen.append(event.message)  # noqa: PERF401 (others look at it meanwhile)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        tasks.start_soon(listen)
        with anyio.fail_after(PATIENCE):
            while broadcast.subscribers("a") < 2:
                await anyio.sleep(0)
            await anyio.wait_all_tasks_blocked()
            await broadcast.publish("a", 1)
            await broadcast.publish("a", 2)
            while len(seen) < 4:
                await anyio.sleep(0)
            assert sorted(seen) == [1, 1, 2, 2]
            await broadcast.disconnect()


async def test_nothing_is_left_of_a_subscriber_that_is_cancelled() -> None:
    broadcast = Broadcast()

    async def listen() -> None:
        async with broadcast.subscribe("a", "b") as events:
            async for _ in events:
                pass

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(listen)
        with anyio.fail_after(PATIENCE):
            while broadcast.subscribers("b") < 3:
                await anyio.sleep(0)
        await anyio.wait_all_tasks_blocked()
        assert sorted(broadcast.channels) == ["a", "b"]
        tasks.cancel_scope.cancel()
    assert broadcast.channels == []
    await broadcast.publish("a", "nobody")
    assert broadcast.channels == []


async def test_a_subscription_that_was_never_entered_leaves_nothing() -> None:
    broadcast = Broadcast()
    subscription = broadcast.subscribe("a")
    assert broadcast.channels == []
    with pytest.raises(RuntimeError, match="Enter a subscription first"):
        await anext(subscription)
    reference = weakref.ref(broadcast)
    del broadcast, subscription
    gc.collect()
    assert reference() is None


async def test_a_subscription_is_used_once_and_by_one_task() -> None:
    broadcast = Broadcast()
    async with broadcast.subscribe("a") as events:
        with pytest.raises(RuntimeError, match="used once"):
            await events.__aenter__()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(events.__anext__)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(RuntimeError, match="Another task waits"):
                await anext(events)
            await broadcast.publish("a", "x")
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    events.close()


async def test_a_publisher_that_is_cancelled_has_published() -> None:
    broadcast, seen = Broadcast(), []

    async def listen() -> None:
        async with broadcast.subscribe("a") as events:
            seen.append((await anext(events)).message)

    async with anyio.create_task_group() as tasks:
        for _ in range(500):
            tasks.start_soon(listen)
        with anyio.fail_after(PATIENCE):
            while broadcast.subscribers("a") < 500:
                await anyio.sleep(0)
        await anyio.wait_all_tasks_blocked()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await broadcast.publish("a", "x")
        assert scope.cancelled_caught
    assert seen == ["x"] * 500


async def test_others_have_their_turn_while_many_are_told() -> None:
    broadcast, turns, seen = Broadcast(), 0, 0
    during: list[int] = []

    async def listen() -> None:
        nonlocal seen
        async with broadcast.subscribe("a") as events:
            await anext(events)
            seen += 1

    async def other() -> None:
        nonlocal turns
        while seen < 2000:
            turns += 1
            during.append(seen)
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for _ in range(2000):
            tasks.start_soon(listen)
        with anyio.fail_after(PATIENCE):
            while broadcast.subscribers("a") < 2000:
                await anyio.sleep(0)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(other)
        await broadcast.publish("a", "x")
    assert len({each for each in during if 0 < each < 2000}) >= 5


async def test_a_loop_of_publishing_lets_subscribers_keep_up() -> None:
    broadcast = Broadcast(max_queue=2)
    seen: list[int] = []

    async def listen() -> None:
        async with broadcast.subscribe("a") as events:
            async for event in events:
                seen.append(event.message)  # noqa: PERF401 (others look at it meanwhile)
            assert events.dropped == 0

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        with anyio.fail_after(PATIENCE):
            while not broadcast.channels:
                await anyio.sleep(0)
            for number in range(100):
                await broadcast.publish("a", number)
                while len(seen) <= number:
                    await anyio.sleep(0)
        await broadcast.disconnect()
    assert seen == list(range(100))


async def test_disconnect_ends_every_subscription_and_connect_begins_again() -> None:
    ended = 0

    async def listen() -> None:
        nonlocal ended
        async with broadcast.subscribe("a", "b") as events:
            async for _ in events:
                pass
        ended += 1

    async with anyio.create_task_group() as tasks:
        async with Broadcast() as broadcast:
            tasks.start_soon(listen)
            with anyio.fail_after(PATIENCE):
                while not broadcast.channels:
                    await anyio.sleep(0)
    assert ended == 1
    await broadcast.publish("a", "nobody")
    with pytest.raises(RuntimeError, match="disconnected"):
        async with broadcast.subscribe("a"):
            pass
    await broadcast.connect()
    async with broadcast.subscribe("a") as events:
        await broadcast.publish("a", "x")
        assert await messages(events, 1) == ["x"]


async def test_threads_publish_too() -> None:
    broadcast = Broadcast()
    with pytest.raises(RuntimeError, match="await connect"):
        broadcast.publish_from_thread("a", "x")
    await broadcast.connect()
    with pytest.raises(RuntimeError, match="for other threads"):
        broadcast.publish_from_thread("a", "x")
    async with broadcast.subscribe("a") as events:
        await anyio.to_thread.run_sync(broadcast.publish_from_thread, "a", "worker")
        thread = threading.Thread(target=broadcast.publish_from_thread, args=("a", "foreign"))
        thread.start()
        assert await messages(events, 2) == ["worker", "foreign"]
        await anyio.to_thread.run_sync(thread.join)
        with pytest.raises(TypeError):
            await anyio.to_thread.run_sync(broadcast.publish_from_thread, "a", object())


async def test_another_event_loop_is_told_that_it_cannot_join() -> None:
    broadcast = Broadcast()

    async def publish() -> None:
        await broadcast.publish("a", "x")

    async def subscribe() -> None:
        async with broadcast.subscribe("a"):
            pass

    async with broadcast.subscribe("a"):
        for function in (publish, subscribe):
            with pytest.raises(RuntimeError, match="another event loop"):
                await anyio.to_thread.run_sync(anyio.run, function)
    await anyio.to_thread.run_sync(anyio.run, subscribe)


@pytest.mark.parametrize(
    "options", [{"history": -1}, {"max_queue": 0}, {"overflow": "explode"}, {"max_channels": 0}], ids=str
)
async def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Broadcast(**options)
    if "max_channels" not in options:
        with pytest.raises(ValueError, match=next(iter(options))):
            Broadcast().subscribe("a", **options)


async def test_subscribing_takes_names() -> None:
    with pytest.raises(TypeError, match="names of channels"):
        Broadcast().subscribe()
    with pytest.raises(TypeError, match="names of channels"):
        Broadcast().subscribe("a", 1)  # type: ignore[arg-type]
