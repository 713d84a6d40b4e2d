"""The gate: fair, and not patient with a deadlock."""

from __future__ import annotations

import asyncio

import pytest

from vivace.databases.gates import Gate, GateTimeout

pytestmark = pytest.mark.anyio


def stuck_for_ever(holder: object) -> float:
    return float("inf")


def busy(holder: object) -> float:
    return 0.0


async def test_the_gate_is_passed_in_the_order_of_arrival() -> None:
    gate = Gate()
    assert gate.try_acquire("first")
    passed: list[str] = []

    async def wait(name: str) -> None:
        await gate.acquire(name, patience=1.0, stuck_for=stuck_for_ever)
        passed.append(name)
        assert gate.holder == name
        gate.release()

    tasks = [asyncio.create_task(wait(name)) for name in "abc"]
    await asyncio.sleep(0)
    assert not gate.try_acquire("pushy")
    tasks[1].cancel()
    gate.release()
    assert not gate.try_acquire("pushy")
    await asyncio.wait(tasks)
    assert passed == ["a", "c"]
    assert gate.holder is None


async def test_nobody_waits_for_ever_for_a_holder_that_does_nothing() -> None:
    gate = Gate()
    gate.try_acquire("sleeper")
    with pytest.raises(GateTimeout) as caught:
        await gate.acquire("me", patience=0.02, stuck_for=stuck_for_ever)
    assert caught.value.holder == "sleeper"
    assert caught.value.waited >= 0.02
    gate.release()
    assert gate.try_acquire("next")


async def test_a_holder_that_works_is_waited_for() -> None:
    gate = Gate()
    gate.try_acquire("worker")
    waiting = asyncio.create_task(gate.acquire("me", patience=0.01, stuck_for=busy))
    await asyncio.sleep(0.05)
    gate.release()
    await waiting
    assert gate.holder == "me"


async def test_a_turn_that_comes_with_a_cancellation_goes_to_the_next() -> None:
    gate = Gate()
    gate.try_acquire("first")
    second = asyncio.create_task(gate.acquire("second", patience=1.0, stuck_for=busy))
    third = asyncio.create_task(gate.acquire("third", patience=1.0, stuck_for=busy))
    await asyncio.sleep(0)
    gate.release()
    second.cancel()
    await third
    assert gate.holder == "third"
    assert second.cancelled()
