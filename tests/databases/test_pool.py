"""The pool, with a connector that does what each test needs: sockets would only make the timing vague."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest

from vivace.databases.errors import ConnectionFailed, InterfaceError, PoolTimeout
from vivace.databases.pool import Lease, Pool

pytestmark = pytest.mark.anyio


@dataclass(eq=False)
class Line:
    """A connection."""

    number: int
    closed: bool = False
    broken: bool = False
    mute: bool = False
    cleanings: list[bool] = field(default_factory=list)


class Connector:
    """Opens lines; `fail` and `delay` make it difficult."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.fail = False
        self.delay = 0.0
        self.attempts = 0

    async def open(self) -> Line:
        self.attempts += 1
        await asyncio.sleep(self.delay)
        if self.fail:
            raise ConnectionFailed("no")
        self.lines.append(Line(len(self.lines)))
        return self.lines[-1]

    async def close(self, connection: Line) -> None:
        await asyncio.sleep(0)
        connection.closed = True

    def terminate(self, connection: Line) -> None:
        connection.closed = True

    def is_closed(self, connection: Line) -> bool:
        return connection.closed

    async def check(self, connection: Line) -> None:
        await asyncio.sleep(60 if connection.mute else 0)
        if connection.broken:
            raise ConnectionFailed("broken")

    def needs_cleaning(self, connection: Line) -> bool:
        return False

    async def clean(self, connection: Line, *, thoroughly: bool) -> None:
        await asyncio.sleep(0.01)
        if connection.broken:
            raise ConnectionFailed("broken")
        connection.cleanings.append(thoroughly)


def pool_of(connector: Connector, **options: Any) -> Pool[Line]:
    return Pool(connector, **{"min_size": 1, "max_size": 3, "acquire_timeout": 0.2, **options})


@pytest.fixture
def connector() -> Connector:
    return Connector()


async def test_the_connection_used_last_is_taken_first(connector: Connector) -> None:
    pool = pool_of(connector)
    one, two, three = [await pool.acquire() for _ in range(3)]
    for lease in (two, one, three):
        pool.release(lease)
    assert [await pool.acquire() for _ in range(3)] == [three, one, two]


async def test_waiters_are_served_in_the_order_they_came(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    lease = await pool.acquire()
    served: list[int] = []

    async def wait(number: int) -> None:
        mine = await pool.acquire()
        served.append(number)
        pool.release(mine)

    tasks = [asyncio.create_task(wait(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[2].cancel()
    pool.release(lease)
    await asyncio.wait(tasks)
    assert served == [0, 1, 3, 4]
    assert pool.statistics()["in_use"] == 0


async def test_a_timeout_names_the_holders(connector: Connector) -> None:
    pool = pool_of(connector, max_size=2, acquire_timeout=0.05)

    async def hold() -> None:
        await pool.acquire("a transaction")
        await asyncio.sleep(1)

    holder = asyncio.create_task(hold(), name="GET /slow")
    await pool.acquire()
    await asyncio.sleep(0)
    with pytest.raises(PoolTimeout, match=r"'GET /slow' \(at .*:\d+ in hold\) for 0\.\d s \(a transaction\).*max_size"):
        await pool.acquire()
    assert pool.statistics()["timeouts"] == 1
    holder.cancel()


async def test_a_timeout_shows_the_beginning_of_a_statement(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1, acquire_timeout=0.02)
    lease = await pool.acquire()
    lease.purpose = "SELECT pg_sleep(60)" + " " * 1000
    with pytest.raises(PoolTimeout, match=r"Held by a statement for 0\.\d s \(SELECT pg_sleep\(60\) {61}…\)\. Shorten"):
        await pool.acquire()
    pool.release(lease)
    assert lease.purpose == ""


async def test_each_waiter_waits_for_the_whole_timeout_whoever_else_waits(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1, acquire_timeout=0.2)
    lease = await pool.acquire()
    began = monotonic()
    gave_up: list[tuple[int, float]] = []

    async def wait(number: int) -> None:
        try:
            pool.release(await pool.acquire())
        except PoolTimeout:
            gave_up.append((number, monotonic() - began))

    tasks = []
    for number in range(3):
        tasks.append(asyncio.create_task(wait(number)))
        await asyncio.sleep(0.05)
    tasks[0].cancel()
    await asyncio.wait(tasks)
    assert [number for number, _ in gave_up] == [1, 2]
    for number, passed in gave_up:
        assert passed > 0.19 + 0.05 * number
    pool.release(lease)
    # Nobody waited in vain: the next one gets it, and may wait as long again.
    lease = await pool.acquire()
    late = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.1)
    pool.release(lease)
    assert await late is lease


async def test_a_connection_handed_over_to_a_waiter_counts_as_in_use(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    lease = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    pool.release(lease)
    assert pool.statistics() | {"in_use": 1, "idle": 0, "waiting": 0} == pool.statistics()
    assert await waiting is lease


async def test_min_size_connections_are_opened_at_the_start(connector: Connector) -> None:
    pool = pool_of(connector, min_size=3)
    await pool.open()
    assert pool.statistics() | {"size": 3, "idle": 3, "in_use": 0} == pool.statistics()
    await pool.close()
    assert all(line.closed for line in connector.lines)


async def test_a_wrong_address_is_found_at_the_start(connector: Connector) -> None:
    connector.fail = True
    pool = pool_of(connector)
    with pytest.raises(ConnectionFailed):
        await pool.open()
    assert pool.statistics()["size"] == 0


async def test_a_server_that_was_never_reached_is_an_error_for_all_who_wait_at_once(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    connector.fail, connector.delay = True, 0.01
    outcomes = await asyncio.gather(*[pool.acquire() for _ in range(50)], return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ConnectionFailed}
    assert len({id(outcome) for outcome in outcomes}) == 50
    assert connector.attempts == 1
    connector.fail = False
    await asyncio.sleep(0.06)
    pool.release(await pool.acquire())
    assert pool.statistics()["idle"] == 1


async def test_a_short_outage_is_waited_for(connector: Connector) -> None:
    pool = pool_of(connector, max_size=2, acquire_timeout=5.0)
    lease = await pool.acquire()
    connector.fail = lease.connection.closed = True
    pool.release(lease)
    waiting = [asyncio.create_task(pool.acquire()) for _ in range(20)]
    await asyncio.sleep(0.2)
    assert not any(task.done() for task in waiting)
    connector.fail = False
    for task in waiting:
        pool.release(await task)


async def test_a_dead_server_is_not_hammered_and_nobody_waits_long(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.databases.backoff.GRACE", 0.3)
    pool = pool_of(connector, max_size=5, acquire_timeout=30.0)
    pool.release(await pool.acquire())
    connector.fail = connector.lines[0].closed = True
    connector.attempts = 0
    failures = 0

    async def client() -> None:
        nonlocal failures
        while connector.fail:
            try:
                pool.release(await pool.acquire())
            except ConnectionFailed:
                failures += 1
                await asyncio.sleep(0.005)

    clients = [asyncio.create_task(client()) for _ in range(64)]
    await asyncio.sleep(1.5)
    assert 3 <= connector.attempts <= 14  # 0, 50, 150, 350 ms, …, less up to half of each pause
    assert failures > 64
    connector.fail = False
    await asyncio.wait(clients)
    async with asyncio.timeout(3):
        while True:
            try:
                pool.release(await pool.acquire())
                break
            except ConnectionFailed:
                await asyncio.sleep(0.01)
    counted = pool.statistics()
    assert counted["failures"] + counted["opened"] == connector.attempts + 1


async def test_a_full_server_is_no_reason_to_fail_while_connections_come_back(connector: Connector) -> None:
    pool = pool_of(connector, max_size=5, acquire_timeout=5.0)
    lease = await pool.acquire()
    connector.fail = True
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.05)
    pool.release(lease)
    assert await waiting is lease
    pool = pool_of(Connector(), max_size=1, acquire_timeout=0.05)
    await pool.acquire()
    with pytest.raises(PoolTimeout, match="a statement for"):
        await pool.acquire()


async def test_min_size_is_kept_in_the_background(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivace.databases.pool.MAINTAIN_EVERY", 0.02)
    pool = pool_of(connector, min_size=3)
    await pool.open()
    for line in connector.lines:
        line.closed = True
    async with asyncio.timeout(5):
        while len(connector.lines) < 6:
            await asyncio.sleep(0.01)
    assert pool.statistics() | {"size": 3, "in_use": 0} == pool.statistics()
    await pool.close()
    assert all(line.closed for line in connector.lines)


async def test_idle_connections_above_min_size_are_closed(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.databases.pool.MAINTAIN_EVERY", 0.02)
    pool = pool_of(connector, min_size=1, max_idle=0.05)
    for lease in [await pool.acquire() for _ in range(3)]:
        pool.release(lease)
    async with asyncio.timeout(5):
        while [line.closed for line in connector.lines] != [True, True, False]:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert pool.statistics() | {"size": 1, "idle": 1} == pool.statistics()
    await pool.close()


async def test_closing_does_not_wait_for_a_server_that_does_not_answer(connector: Connector) -> None:
    pool = pool_of(connector)
    connector.delay = 60.0
    asking = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await pool.close()
    with pytest.raises(InterfaceError, match="disconnecting"):
        await asking


async def test_connections_that_give_no_answer_are_given_up_together(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vivace.databases.pool.CLEAN_TIMEOUT", 0.05)
    pool = pool_of(connector, check_after=0.0)
    leases = [await pool.acquire() for _ in range(3)]
    for lease in leases:
        pool.release(lease)
        lease.connection.mute = True
    await asyncio.sleep(0.001)
    assert (await pool.acquire()).connection.number == 3
    assert all(lease.connection.closed for lease in leases)


async def test_waiters_that_gave_up_leave_nothing_behind(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1, acquire_timeout=0.01)
    await pool.acquire()
    outcomes = await asyncio.gather(*[pool.acquire() for _ in range(100)], return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {PoolTimeout}
    assert not pool._waiters
    counted = pool.statistics()
    assert (counted["waits"], counted["timeouts"]) == (100, 100)
    assert counted["waited"] > 0.5


async def test_a_connection_whose_asker_was_cancelled_serves_the_next(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    connector.delay = 0.02
    first = asyncio.create_task(pool.acquire())
    second = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0.005)
    first.cancel()
    pool.release(await second)
    assert len(connector.lines) == 1
    assert pool.statistics()["idle"] == 1


async def test_a_waiter_cancelled_at_its_turn_passes_it_on(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    lease = await pool.acquire()
    first = asyncio.create_task(pool.acquire())
    second = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    pool.release(lease)
    first.cancel()
    assert await second is lease
    pool.discard(lease)
    third = asyncio.create_task(pool.acquire())
    assert (await third).connection.number == 1


async def test_a_discarded_connection_makes_room_for_a_waiter(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    lease = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    lease.connection.closed = True
    pool.release(lease)
    assert (await waiting).connection.number == 1
    assert pool.statistics()["discarded"] == 1


async def test_dirty_connections_are_cleaned_before_the_next_borrower(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    lease = await pool.acquire()
    lease.is_dirty = True
    pool.release(lease)
    assert pool.take() is None
    again = await pool.acquire()
    assert again is lease
    assert (again.is_dirty, again.connection.cleanings) == (False, [True])


async def test_a_connection_that_cannot_be_cleaned_is_replaced(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    lease = await pool.acquire()
    lease.is_dirty = lease.connection.broken = True
    pool.release(lease)
    assert (await pool.acquire()).connection.number == 1


async def test_idle_connections_must_show_a_sign_of_life(connector: Connector) -> None:
    pool = pool_of(connector, check_after=0.0)
    leases: list[Lease[Line]] = [await pool.acquire() for _ in range(3)]
    for lease in leases:
        pool.release(lease)
    leases[2].connection.broken = True
    await asyncio.sleep(0.001)
    assert pool.take() is None
    assert await pool.acquire() is leases[1]
    assert leases[2].connection.closed


async def test_connections_that_the_server_closed_are_passed_over(connector: Connector) -> None:
    pool = pool_of(connector)
    leases = [await pool.acquire() for _ in range(3)]
    for lease in leases:
        pool.release(lease)
        lease.connection.closed = True
    assert (await pool.acquire()).connection.number == 3
    assert pool.statistics()["size"] == 1


async def test_old_connections_are_replaced(connector: Connector) -> None:
    pool = pool_of(connector, max_lifetime=0.0)
    lease = await pool.acquire()
    await asyncio.sleep(0.001)
    pool.release(lease)
    assert (await pool.acquire()).connection.number == 1
    await asyncio.sleep(0.01)
    assert lease.connection.closed


async def test_close_waits_for_connections_in_use_and_turns_waiters_away(connector: Connector) -> None:
    pool = pool_of(connector, max_size=1)
    lease = await pool.acquire()
    waiting = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    with pytest.raises(InterfaceError, match="disconnecting"):
        await waiting
    with pytest.raises(InterfaceError, match="disconnecting"):
        await pool.acquire()
    assert not closing.done()
    pool.release(lease)
    await closing
    assert lease.connection.closed
    assert pool.statistics()["size"] == 0


async def test_close_cuts_off_what_does_not_come_back(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivace.databases.pool.CLOSE_TIMEOUT", 0.02)
    pool = pool_of(connector)
    lease = await pool.acquire()
    await pool.close()
    assert lease.connection.closed
    pool.release(lease)  # too late, and harmless
    assert pool.statistics()["size"] == 0


async def test_random_use_never_leaks_a_place(connector: Connector) -> None:
    pool = pool_of(connector, acquire_timeout=5.0)

    async def use(number: int) -> None:
        lease = await pool.acquire()
        try:
            await asyncio.sleep(0.0001 * (number % 7))
            lease.is_dirty = number % 5 == 0
            lease.connection.closed = number % 11 == 0
        finally:
            pool.release(lease)

    tasks = [asyncio.create_task(use(number)) for number in range(300)]
    for number in range(0, 300, 7):
        await asyncio.sleep(0)
        tasks[number].cancel()
    await asyncio.wait(tasks)
    await asyncio.sleep(0.05)
    counted = pool.statistics()
    assert (counted["in_use"], counted["waiting"]) == (0, 0)
    assert counted["size"] == counted["idle"] <= 3


@pytest.mark.parametrize(("smallest", "largest"), [(-1, 1), (3, 2), (0, 0)])
async def test_impossible_sizes_are_refused(connector: Connector, smallest: int, largest: int) -> None:
    with pytest.raises(InterfaceError, match="min_size"):
        pool_of(connector, min_size=smallest, max_size=largest)
