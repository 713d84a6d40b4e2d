"""Signals: who is called, in which order, and what of a receiver that fails, waits or is gone."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
from typing import Any

import pytest

from vivace.utils.signals import Signal, receiver

pytestmark = pytest.mark.anyio


def plain(**named: Any) -> str:
    return f"plain {named['word']}"


async def waiting(**named: Any) -> str:
    await asyncio.sleep(0)
    return f"waiting {named['word']}"


class Shop:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def note(self, sender: object, **named: Any) -> None:
        self.seen.append(sender)


async def test_receivers_answer_in_the_order_they_were_connected() -> None:
    signal = Signal()
    assert not signal.receivers
    signal.connect(waiting)
    signal.connect(plain)
    assert await signal.asend(None, word="x") == [(waiting, "waiting x"), (plain, "plain x")]
    assert signal.disconnect(waiting)
    assert not signal.disconnect(waiting)
    assert signal.send(None, word="y") == [(plain, "plain y")]


def test_a_receiver_hears_the_sender_it_was_connected_for() -> None:
    signal, shop, other = Signal(), Shop(), Shop()
    signal.connect(shop.note, sender=other)
    signal.send(shop)
    signal.send(other)
    assert shop.seen == [other]
    assert signal.has_listeners(other)
    assert not signal.has_listeners(shop)
    assert not signal.disconnect(shop.note)
    assert signal.disconnect(shop.note, sender=other)
    assert not signal.receivers


def test_connecting_again_changes_nothing() -> None:
    signal, shop = Signal(), Shop()
    signal.connect(shop.note)
    signal.connect(shop.note)
    signal.connect(Shop().note, dispatch_uid="once", weak=False)
    signal.connect(shop.note, dispatch_uid="once")
    assert len(signal.send(None)) == 2
    assert signal.disconnect(dispatch_uid="once")
    assert len(signal.send(None)) == 1


def test_a_receiver_ends_with_its_object_unless_held() -> None:
    signal, shop = Signal(), Shop()
    seen = shop.seen
    signal.connect(shop.note)

    def local(**named: Any) -> None:
        seen.append("local")

    signal.connect(local)
    signal.connect(lambda **named: seen.append("held"), weak=False)
    del shop, local
    gc.collect()
    signal.send(None)
    assert seen == ["held"]
    assert len(signal.receivers) == 1


def test_an_async_receiver_cannot_be_called_by_send() -> None:
    signal = Signal()
    signal.connect(plain)
    signal.connect(waiting)
    with pytest.raises(RuntimeError, match=r"await signal\.asend"):
        signal.send(None, word="x")
    with pytest.raises(RuntimeError, match=r"await signal\.asend"):
        signal.send_robust(None, word="x")


async def test_async_receivers_are_known_in_every_form() -> None:
    class Callable:
        async def __call__(self, **named: Any) -> str:
            return "called"

        async def method(self, **named: Any) -> str:
            return "method"

    @functools.wraps(plain)
    def hidden(**named: Any) -> Any:
        return waiting(**named)

    signal, instance = Signal(), Callable()
    signal.connect(instance)
    signal.connect(instance.method)
    signal.connect(functools.partial(waiting, word="partial"), weak=False)
    assert [answer for _, answer in await signal.asend(None)] == ["called", "method", "waiting partial"]
    single = Signal()
    single.connect(hidden)
    assert await single.asend(None, word="x") == [(hidden, "waiting x")]


async def test_the_first_failure_ends_the_sending_unless_it_is_robust(caplog: pytest.LogCaptureFixture) -> None:
    signal = Signal()
    wrong = ValueError("no")

    def failing(**named: Any) -> None:
        raise wrong

    signal.connect(failing)
    signal.connect(plain)
    with pytest.raises(ValueError, match="no"):
        signal.send(None, word="x")
    with pytest.raises(ValueError, match="no"):
        await signal.asend(None, word="x")
    with caplog.at_level(logging.ERROR, logger="vivace.signals"):
        expected = [(failing, wrong), (plain, "plain x")]
        assert signal.send_robust(None, word="x") == expected
        assert await signal.asend_robust(None, word="x") == expected
    assert len(caplog.records) == 2


def test_a_receiver_connected_while_sending_hears_the_next_one() -> None:
    signal = Signal()
    seen: list[str] = []

    def late(**named: Any) -> None:
        seen.append("late")

    def first(**named: Any) -> None:
        seen.append("first")
        signal.connect(late)

    signal.connect(first)
    signal.send(None)
    assert seen == ["first"]
    signal.send(None)
    assert seen == ["first", "first", "late"]


def test_the_decorator_connects_to_several_signals() -> None:
    first, second = Signal(), Signal(use_caching=True)

    @receiver([first, second], sender=Shop)
    def both(**named: Any) -> str:
        return "heard"

    assert first.send(Shop) == second.send(Shop) == [(both, "heard")]
    assert first.send(object) == []


def test_what_cannot_be_a_receiver_is_told() -> None:
    signal = Signal()
    with pytest.raises(TypeError, match="function or method"):
        signal.connect("x")  # type: ignore[arg-type]  # the mistake

    def strict(sender: object) -> None: ...

    with pytest.raises(ValueError, match=r"\*\*kwargs"):
        signal.connect(strict)
