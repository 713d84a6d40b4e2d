"""Signals on loops that know them, and on those that do not."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from vivace.server.signals import handled_signals


class WindowsLoop(asyncio.SelectorEventLoop):
    """Knows as little of signals as Windows' loops."""

    def add_signal_handler(self, sig: int, callback: Any, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError

    def remove_signal_handler(self, sig: int) -> bool:
        raise NotImplementedError


@pytest.mark.parametrize("kind", [asyncio.SelectorEventLoop, WindowsLoop])
def test_a_signal_is_handled_in_the_loop_and_left_as_it_was(kind: type[asyncio.SelectorEventLoop]) -> None:
    async def wait() -> None:
        come = asyncio.Event()
        with handled_signals(asyncio.get_running_loop(), {"SIGUSR1": come.set, "SIGUNHEARD": come.clear}):
            os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.wait_for(come.wait(), 10)

    before = signal.getsignal(signal.SIGUSR1)
    with asyncio.Runner(loop_factory=kind) as runner:
        runner.run(wait())
    assert signal.getsignal(signal.SIGUSR1) == before
