"""Signals: whoever wants to know that something has happened connects a receiver, plain or async.

The vocabulary is Django's. `send` calls plain receivers from code that cannot wait; `asend` also awaits async ones. The
receivers run one after the other in the order they were connected, in the sender's task: they see its transaction and
its context, and the first that fails ends the sending, unless it is sent by `send_robust` or `asend_robust`.
"""

from __future__ import annotations

import inspect
import logging
import weakref
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Any, TypeVar

Receiver = Callable[..., Any]
Response = tuple[Receiver, Any]
R = TypeVar("R", bound=Receiver)

logger = logging.getLogger("vivace.signals")


class _Connection:
    """One receiver of one signal: how it is told apart, whom it listens to, and a reference that may die."""

    __slots__ = ("is_async", "key", "reference", "sender")

    def __init__(self, key: Hashable, sender: object, reference: Callable[[], Receiver | None], is_async: bool) -> None:
        self.key, self.sender, self.reference, self.is_async = key, sender, reference, is_async

    def is_for(self, sender: object) -> bool:
        return self.sender is None or self.sender is sender


class Signal:
    """Something that may happen. `receivers` is empty, and so false, as long as nobody listens."""

    def __init__(self, use_caching: bool = False) -> None:
        # `use_caching` is Django's; a look through a list of receivers needs no cache.
        self.receivers: tuple[_Connection, ...] = ()
        self._lock = Lock()

    # Connecting

    def connect(
        self, receiver: Receiver, sender: object = None, weak: bool = True, dispatch_uid: Hashable = None
    ) -> None:
        """Calls `receiver(signal=…, sender=…, **named)` from now on, only of `sender` if one is given.

        The signal holds the receiver weakly, so that it ends with its object, unless `weak=False`. Connecting it again,
        or another one of the same `dispatch_uid`, changes nothing. Raises TypeError for what cannot be called, and
        ValueError for a receiver that takes no `**kwargs`.
        """
        if not callable(receiver):
            raise TypeError(f"A signal's receiver is a function or method, got {receiver!r}")
        if not _accepts_any_name(receiver):
            raise ValueError(f"Signal receivers must accept keyword arguments (**kwargs); {receiver!r} does not.")
        key = _key_of(receiver, dispatch_uid)
        connection = _Connection(key, sender, self._reference(receiver, weak), is_async(receiver))
        with self._lock:
            alive = tuple(known for known in self.receivers if known.reference() is not None)
            if any(known.key == key and known.sender is sender for known in alive):
                self.receivers = alive
            else:
                # Never changed in place: a receiver may connect another one while the signal is being sent.
                self.receivers = (*alive, connection)

    def _reference(self, receiver: Receiver, weak: bool) -> Callable[[], Receiver | None]:
        if not weak:
            return lambda: receiver
        if inspect.ismethod(receiver):
            return weakref.WeakMethod(receiver, self._forget_dead)
        return weakref.ref(receiver, self._forget_dead)

    def _forget_dead(self, reference: object) -> None:
        # Without the lock, which the thread may hold in which this is collected: at worst a dead one stays for a while.
        self.receivers = tuple(known for known in self.receivers if known.reference is not reference)

    def disconnect(
        self, receiver: Receiver | None = None, sender: object = None, dispatch_uid: Hashable = None
    ) -> bool:
        """Ends a connection, named as it was made; returns whether there was one."""
        key = _key_of(receiver, dispatch_uid)
        with self._lock:
            kept = tuple(known for known in self.receivers if known.key != key or known.sender is not sender)
            found = len(kept) < len(self.receivers)
            self.receivers = kept
        return found

    def has_listeners(self, sender: object = None) -> bool:
        """Whether anybody would hear what `sender` sends."""
        return any(known.is_for(sender) and known.reference() is not None for known in self.receivers)

    def _listening(self, sender: object) -> list[tuple[Receiver, bool]]:
        return [
            (receiver, known.is_async)
            for known in self.receivers
            if known.is_for(sender) and (receiver := known.reference()) is not None
        ]

    # Sending

    def send(self, sender: object, **named: Any) -> list[Response]:
        """Calls the receivers; returns each with what it returned. Raises RuntimeError when one of them is async."""
        listening = self._plain(sender)
        return [(receiver, receiver(signal=self, sender=sender, **named)) for receiver in listening]

    def send_robust(self, sender: object, **named: Any) -> list[Response]:
        """As `send`, but a receiver that fails stops no other: its exception is logged and returned."""
        responses = []
        for receiver in self._plain(sender):
            try:
                responses.append((receiver, receiver(signal=self, sender=sender, **named)))
            except Exception as error:  # noqa: BLE001 - what robust means
                responses.append(_failed(receiver, error))
        return responses

    async def asend(self, sender: object, **named: Any) -> list[Response]:
        """Calls the receivers and awaits the async ones; returns each with what it returned."""
        named |= {"signal": self, "sender": sender}
        return [(receiver, await _called(receiver, waits, named)) for receiver, waits in self._listening(sender)]

    async def asend_robust(self, sender: object, **named: Any) -> list[Response]:
        """As `asend`, but a receiver that fails stops no other: its exception is logged and returned."""
        responses = []
        named |= {"signal": self, "sender": sender}
        for receiver, waits in self._listening(sender):
            try:
                responses.append((receiver, await _called(receiver, waits, named)))
            except Exception as error:  # noqa: BLE001 - what robust means
                responses.append(_failed(receiver, error))
        return responses

    def _plain(self, sender: object) -> list[Receiver]:
        listening = self._listening(sender)
        for receiver, waits in listening:
            if waits:
                raise RuntimeError(
                    f"{receiver!r} is async, so this signal cannot be sent by send(): use `await signal.asend(…)`"
                )
        return [receiver for receiver, _ in listening]


def receiver(signal: Signal | Iterable[Signal], **options: Any) -> Callable[[R], R]:
    """Connects the decorated function to a signal, or to several: `@receiver(post_save, sender=Book)`."""
    signals = [signal] if isinstance(signal, Signal) else list(signal)

    def connect(function: R) -> R:
        for each in signals:
            each.connect(function, **options)
        return function

    return connect


def is_async(receiver: Receiver) -> bool:
    """Whether calling it gives something to be awaited."""
    return inspect.iscoroutinefunction(receiver) or inspect.iscoroutinefunction(
        getattr(receiver, "func", None) or type(receiver).__call__
    )


async def _called(receiver: Receiver, waits: bool, named: dict[str, Any]) -> Any:
    response = receiver(**named)
    # A decorator may hide that a function is async. Other awaitables, such as models, are answers like any other.
    return await response if waits or inspect.iscoroutine(response) else response


def _failed(receiver: Receiver, error: Exception) -> Response:
    logger.error("A signal's receiver %r failed", receiver, exc_info=error)
    return receiver, error


def _key_of(receiver: Receiver | None, dispatch_uid: Hashable) -> Hashable:
    if dispatch_uid is not None:
        return ("uid", dispatch_uid)
    if inspect.ismethod(receiver):
        return (id(receiver.__self__), id(receiver.__func__))
    return id(receiver)


def _accepts_any_name(receiver: Receiver) -> bool:
    try:
        parameters = inspect.signature(receiver).parameters.values()
    except ValueError:
        # Some functions written in C do not tell.
        return True
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
