"""One limit for several processes; and a Redis that does not answer."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from vivace.utils.ratelimit import Limit, RedisStore, SlidingWindow, StoreUnavailable, TokenBucket

pytestmark = pytest.mark.anyio

LIMITS: list[Limit] = [SlidingWindow(1_000, 3600), TokenBucket(2_000, 3600)]
# Waits until the other is there too, then takes until it is refused.
PROCESS = """
import asyncio, sys
from redis.asyncio import Redis
from vivace.utils.ratelimit import Limit, RedisStore, SlidingWindow, TokenBucket

async def main(url, prefix):
    redis = Redis.from_url(url)
    await redis.incr(prefix + "ready")
    while int(await redis.get(prefix + "ready")) < 2:
        await asyncio.sleep(0.001)
    store = RedisStore(url, prefix=prefix, timeout=10, on_failure="refuse")
    limits = [SlidingWindow(1_000, 3600), TokenBucket(2_000, 3600)]
    taken = 0
    async def take():
        nonlocal taken
        while (await store.take("key", limits)).allowed:
            taken += 1
    await asyncio.gather(*(take() for _ in range(4)))
    print(taken)
    await store.aclose()
    await redis.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def prefix() -> str:
    return f"vivace-test:{uuid.uuid4().hex}:"


async def test_two_processes_share_a_limit_to_the_last_one(redis_url: str, prefix: str) -> None:
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", PROCESS, redis_url, prefix, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    taken = [int((await process.communicate())[0]) for process in processes]
    assert sum(taken) == 1_000
    # Neither keeps it from the other.
    assert min(taken) > 100


async def test_one_call_is_one_round_trip_and_its_keys_expire(redis_url: str, prefix: str) -> None:
    store = RedisStore(redis_url, prefix=prefix)
    await store.take("key", LIMITS)
    redis = Redis.from_url(redis_url)
    async with redis.monitor() as monitor:
        await store.take("key", LIMITS)
        await redis.execute_command("PING")  # type: ignore[no-untyped-call]
        commands: list[str] = []
        async for command in monitor.listen():
            if command["command"] == "PING":
                break
            if command["client_type"] != "lua" and prefix in command["command"]:
                commands.append(command["command"].split()[0])
    assert commands == ["EVALSHA"]
    keys = [key.decode() async for key in redis.scan_iter(f"{prefix}*")]
    assert len(keys) == 2
    assert all("{key}" in key for key in keys)
    for key in keys:
        assert 0 < await redis.ttl(key) <= 3600 * 62 / 60
    await store.aclose()
    await redis.aclose()


async def test_a_redis_that_has_forgotten_its_scripts_is_given_them_again(redis_url: str, prefix: str) -> None:
    store = RedisStore(redis_url, prefix=prefix, on_failure="refuse")
    await store.take("key}x", LIMITS)
    redis = Redis.from_url(redis_url)
    await redis.execute_command("SCRIPT FLUSH")  # type: ignore[no-untyped-call]
    assert (await store.take("key}x", LIMITS)).outcomes[0].remaining == 998
    await store.aclose()
    await redis.aclose()


class OwnRedis:
    """A server of this test's own, to stop and start."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program is not None, "run: scripts/with-services .venv/bin/pytest ..."
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.01)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path)
    redis.start()
    yield redis
    redis.stop()


async def test_a_dead_redis_is_logged_once_and_asked_again_in_time(
    own_redis: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(own_redis.url, timeout=5)
    limits = [SlidingWindow(1, 3600)]
    assert (await store.take("key", limits)).allowed
    assert not (await store.take("key", limits)).allowed
    own_redis.stop()
    with caplog.at_level(logging.INFO, "vivace.ratelimit"):
        decisions = await asyncio.gather(*(store.take("key", limits) for _ in range(50)))
        assert all(decision.allowed and decision.outcomes == () for decision in decisions)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        own_redis.start()
        async with asyncio.timeout(20):
            while not (await store.take("key", limits)).outcomes:
                await asyncio.sleep(0.02)
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    await store.aclose()


async def test_one_that_hangs_costs_one_request_the_timeout_and_not_all(own_redis: OwnRedis) -> None:
    store = RedisStore(own_redis.url, timeout=0.1, on_failure="refuse")
    await store.take("key", LIMITS)
    assert own_redis.process is not None
    own_redis.process.send_signal(19)  # SIGSTOP: connections stay, answers do not come
    asked = 0
    ask = store._ask

    async def counting(*arguments: object) -> list[object]:
        nonlocal asked
        asked += 1
        return await ask(*arguments)  # type: ignore[arg-type]

    store._ask = counting  # type: ignore[method-assign, assignment]
    for _ in range(200):
        with pytest.raises(StoreUnavailable) as caught:
            await store.take("key", LIMITS)
        assert 0 <= caught.value.retry_after <= 1
    assert asked <= 3
    own_redis.process.send_signal(18)
    async with asyncio.timeout(20):
        while True:
            try:
                await store.take("key", LIMITS)
                break
            except StoreUnavailable:
                await asyncio.sleep(0.02)
    await store.aclose()


async def test_a_failed_command_is_a_failure_and_not_an_error_of_the_request(redis_url: str, prefix: str) -> None:
    redis = Redis.from_url(redis_url)
    await redis.set(f"{prefix}{{key}}:window:1000:1000:3600", "of somebody else's")
    store = RedisStore(redis, prefix=prefix)
    assert (await store.take("key", LIMITS)).outcomes == ()
    await store.aclose()


def test_arguments_are_checked(redis_url: str) -> None:
    with pytest.raises(ValueError, match="on_failure"):
        RedisStore(redis_url, on_failure="ignore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout"):
        RedisStore(redis_url, timeout=0)
