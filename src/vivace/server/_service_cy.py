# cython: annotation_typing=False
"""What all connections of a server share: the application, the limits, and one coarse clock for every timeout."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextvars import Context
from typing import Any, Protocol
from weakref import WeakSet

from vivace.server import resources
from vivace.server._admission_cy import Admission
from vivace.server.config import Config
from vivace.server.counters import Counters, Histogram
from vivace.server.forwarding import open_forwarding
from vivace.server.logging.access_log import AccessLog
from vivace.server.logging.request_ids import RequestIds
from vivace.server.options.capacity import Capacity
from vivace.server.protocol.default_headers import read_default_headers
from vivace.server.room import Room
from vivace.server.statistics import Distribution, Statistics
from vivace.server.types import ASGIApp

# Timeouts are looked at this often, and at least four times within the shortest of them.
LONGEST_TICK = 1.0
SHORTEST_TICK = 0.01


class Connection(Protocol):
    """What the service asks of a connection. `wire` is its protocol, as `counters` numbers them."""

    @property
    def wire(self) -> int: ...
    @property
    def encrypted(self) -> bool: ...

    def tick(self, now: float) -> None: ...
    def drain(self) -> None: ...
    def close_if_idle(self, time: float) -> None: ...
    def give_notice(self) -> None: ...
    def idle_since(self) -> float: ...
    def make_way(self) -> bool: ...
    def abort(self) -> None: ...


# Called for every response when somebody wants more than counts: its request's scope, its status, and seconds.
Recorder = Callable[[dict[str, Any], int, float], None]


class Service:
    """The application and everything that connections share.

    `now` counts seconds, moved on by a tick rather than read from the system for every request. A loop that was
    blocked moves it by two ticks at most: clients do not time out for what the application did.
    """

    app: ASGIApp
    loop: asyncio.AbstractEventLoop
    context: Context
    state: dict[str, Any]
    connections: set[Connection]
    handshaking: WeakSet[Connection]
    tasks: set[asyncio.Task[None]]
    draining: bool
    last_request: float
    stopped: bool
    access_log: AccessLog | None
    request_ids: RequestIds | None
    now: float
    tick_interval: float
    ticker: asyncio.TimerHandle | None
    last_tick: float

    def __init__(
        self,
        app: ASGIApp,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        access_log: AccessLog | None = None,
    ) -> None:
        self.app = app
        self.loop = loop
        self.context = context
        self.state = {}
        self.connections = set()
        # Accepted, and without a word of the loop's when their TLS handshakes fail.
        self.handshaking = WeakSet()
        self.tasks = set()
        self.draining = False
        self.last_request = 0.0
        self.stopped = False
        self.access_log = access_log
        self.counters = Counters()
        self.timed = access_log is not None or config.metrics.enabled
        self.recorder: Recorder | None = None
        self.loop_lag = 0.0
        header = config.logs.request_id_header
        self.request_ids = None if header is None else RequestIds(header)
        self.limits = config.limits
        self.root_path = config.root_path
        self.strips_root_path = config.proxies.proxy_strips_root_path
        self.forwarding = open_forwarding(config.proxies)
        self.default_headers = read_default_headers(config.headers)
        has_server = any(name == b"server" for name, _ in self.default_headers)
        self.server_header = None if has_server else config.server_header
        self.date_header = config.date_header
        self.body_buffer = config.limits.body_buffer
        self.write_buffer = config.limits.write_buffer
        timeouts = config.timeouts
        self.header_timeout = timeouts.header_timeout
        self.body_timeout = timeouts.body_timeout
        self.write_timeout = timeouts.write_timeout
        self.keep_alive_timeout = timeouts.keep_alive_timeout
        self.request_timeout = timeouts.request_timeout
        self.min_body_rate = config.limits.min_body_rate
        self.min_write_rate = config.limits.min_write_rate
        self.http2 = config.http2
        self.websocket = config.websocket
        self.http2_ping_interval = timeouts.http2_ping_interval
        self.http2_ping_timeout = timeouts.http2_ping_timeout
        self.websocket_open_timeout = timeouts.websocket_open_timeout
        self.websocket_ping_interval = timeouts.websocket_ping_interval
        self.websocket_ping_timeout = timeouts.websocket_ping_timeout
        self.websocket_close_timeout = timeouts.websocket_close_timeout
        self.compression = config.compression.offered()
        shortest = min(
            self.header_timeout,
            self.body_timeout,
            self.request_timeout,
            self.write_timeout,
            self.keep_alive_timeout,
            self.http2_ping_interval,
            self.http2_ping_timeout,
            self.websocket_open_timeout,
            self.websocket_ping_interval,
            self.websocket_ping_timeout,
            self.websocket_close_timeout,
        )
        self.tick_interval = max(SHORTEST_TICK, min(LONGEST_TICK, shortest / 4))
        self._limit(config.capacity)
        self.now = 0.0
        self.ticker = None
        self.last_tick = 0.0

    def _limit(self, capacity: Capacity) -> None:
        self.admission: Admission | None = None
        self.room: Room | None = None
        if capacity.max_concurrency:
            self.admission = Admission(capacity, self.loop, self.counters)
            self.tick_interval = max(SHORTEST_TICK, min(self.tick_interval, capacity.queue_timeout / 4))
        if capacity.max_connections or capacity.max_connections_per_address:
            self.room = Room(capacity, self.counters, self.tick_interval)
        self.health_path = None if capacity.health_path is None else capacity.health_path.encode()
        self.retry_after = b"%d" % capacity.retry_after

    def opened(self, connection: Connection, client: tuple[str, int] | None) -> bool:
        """A connection begins; the clock runs while there is one.

        False when there is no room for it: it is aborted, or has `room.LOBBY_SECONDS` for a request to be answered 503.
        """
        welcome = True
        if self.room is not None:
            welcome = self.room.enter(connection, self.connections, client, self.now)
            if not welcome and connection not in self.room.lobby:
                return False
        self.connections.add(connection)
        self.counters.connection_opened(connection.wire, connection.encrypted)
        if self.ticker is None:
            self.last_tick = self.loop.time()
            self.ticker = self.loop.call_later(self.tick_interval, self.tick)
        return welcome

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        if connection in self.connections:
            self.connections.remove(connection)
            self.counters.connection_closed(connection.wire, connection.encrypted)
            if self.room is not None:
                self.room.leave(connection)

    def tick(self) -> None:
        """Move the clock and tell every connection."""
        time = self.loop.time()
        self.loop_lag = max(self.loop_lag, time - self.last_tick - self.tick_interval)
        self.now += min(time - self.last_tick, 2 * self.tick_interval)
        self.last_tick = time
        self.ticker = self.loop.call_later(self.tick_interval, self.tick) if self.connections else None
        if self.admission is not None:
            self.admission.tick(self.now)
        for connection in list(self.connections):
            connection.tick(self.now)

    def stop_clock(self) -> None:
        """The server has ended: no more ticks, and a connection whose handshake ends now is not served."""
        self.stopped = True
        if self.ticker is not None:
            self.ticker.cancel()
            self.ticker = None

    def statistics(self) -> Statistics:
        """What has been counted, and what is going on; `loop_lag` begins anew."""
        counters = self.counters
        worst, self.loop_lag = self.loop_lag, 0.0
        durations = {"http/1.1": counters.http1_durations, "http/2": counters.http2_durations}
        return Statistics(
            requests=counters.requests,
            responses=counters.responses(),
            durations={protocol: distribution(histogram) for protocol, histogram in durations.items()},
            abandoned=counters.abandoned,
            refused=dict(counters.refused),
            queue_waits=distribution(counters.waits),
            opened=counters.all_connections(),
            bytes_received=counters.bytes_received,
            bytes_sent=counters.bytes_sent,
            messages_received=counters.messages_received,
            messages_sent=counters.messages_sent,
            loop_lags=distribution(counters.loop_lags),
            cpu_seconds=resources.cpu_seconds(),
            collections={generation: found["collections"] for generation, found in enumerate(gc.get_stats())},
            in_flight=len(self.tasks),
            queued=0 if self.admission is None else self.admission.queued,
            connections=len(self.connections),
            open_connections=counters.connections(),
            open_websockets=counters.open_websockets,
            memory=resources.resident_memory(),
            open_files=resources.open_files(),
            started=resources.started(),
            loop_lag=worst,
        )


def distribution(histogram: Histogram) -> Distribution:
    """What a histogram has counted, to be sent."""
    return Distribution(histogram.counted(), histogram.summed())
