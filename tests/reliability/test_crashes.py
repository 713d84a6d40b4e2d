"""A worker that dies or hangs under load takes nothing with it but what it was working on."""

from __future__ import annotations

import os
import random
import re
import signal
import time

from tests.reliability.clients import EVERYBODY
from tests.reliability.conftest import LONG, Serve
from tests.reliability.load import load
from tests.reliability.tally import Tally
from tests.server.supervisor.supervised import Supervised
from tests.server.waiting import eventually

# With each one a slot waits longer before the next try.
KILLS = 12 if LONG else 3


def lost_with_others(tally: Tally, dead: set[int]) -> list[object]:
    """Failures that the death of these workers does not explain."""
    return [
        failure
        for failure in tally.failures
        # On a new connection nobody has said yet which worker it is.
        if not failure.lost or failure.worker not in dead | {None}
    ]


def serving(server: Supervised) -> list[int]:
    """Workers that have been told of as ready and are still there."""
    ready = {int(pid) for pid in re.findall(r"pid (\d+)\) is ready", server.log)}
    return [pid for pid in server.children() if pid in ready]


def go_on(tally: Tally) -> None:
    """Wait until the clients that are served have had a good many answers more."""
    before = tally.answered.total()
    eventually(lambda: tally.answered.total() > before + 300, "the load goes on")


def test_killed_workers_take_only_their_own_requests_with_them(serve: Serve) -> None:
    dead: set[int] = set()
    with serve() as (server, targets):
        with load(targets) as tally:
            for number in range(1, KILLS + 1):
                time.sleep(0.5)
                victim = random.choice(eventually(lambda: serving(server), "a worker serves"))
                dead.add(victim)
                os.kill(victim, signal.SIGKILL)
                server.logged(rf"\(pid {victim}\) was killed by SIGKILL")
                server.logged(r"is ready", 2 + number)
            go_on(tally)
        print(f"{KILLS} workers killed: {tally}")
        assert lost_with_others(tally, dead) == []
        # Each client has one connection at a time, and a killed worker at most all of those.
        assert len(tally.failures) <= KILLS * len(EVERYBODY) * len(targets)
        assert server.stop() == 0


def test_a_worker_that_blocks_its_loop_is_told_of_and_replaced_while_others_serve(serve: Serve) -> None:
    with serve(worker_timeout=4.0) as (server, targets), load(targets) as tally:
        go_on(tally)
        server.send("/block")
        go_on(tally)
        found = server.logged(r"Worker \d \(pid (\d+)\) has not answered for [\d.]+ s, and is killed\. It was here:")
        server.logged(r"in block_the_loop\n")
        server.logged(r"is ready", 3)
        go_on(tally)
        hung = int(found[1])
    print(f"A worker hung: {tally}")
    assert lost_with_others(tally, {hung}) == []
