"""All clients at once, in a thread of their own, beside what is done to the server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.reliability.clients import EVERYBODY, Behaviour
from tests.reliability.connection import Target
from tests.reliability.tally import Tally

# How long clients may take to come to an end.
PATIENCE = 60.0


@contextmanager
def load(targets: Sequence[Target], clients: Sequence[Behaviour] = EVERYBODY) -> Iterator[Tally]:
    """While the block runs, `clients` ask each of `targets`. Afterwards the tally is complete."""
    tally = Tally()
    errors: list[BaseException] = []

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for target in targets:
                for client in clients:
                    group.create_task(client(target, tally))  # type: ignore[arg-type]  # they are coroutines

    def in_thread() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - the test raises it
            errors.append(error)

    thread = threading.Thread(target=in_thread, name="load", daemon=True)
    thread.start()
    try:
        yield tally
    finally:
        tally.stopping.set()
        thread.join(PATIENCE)
    assert not thread.is_alive(), "a client does not come to an end"
    for error in errors:
        raise error
