"""How many connections there may be, in all and from one address."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sized
from heapq import nsmallest
from typing import Protocol

from vivace.server.counters import Counters
from vivace.server.options.capacity import Capacity

# Connections for which there is no room are told so on their first request: so many at once, for so long. More than
# that are closed without a word, for a limit that is answered politely without limit is none.
LOBBY = 64
LOBBY_SECONDS = 5.0

# To make room, so many idle connections are closed together: looking for them costs a walk along all.
CLOSED_TOGETHER = 32
# A client is given this long to send its next request before its connection may be closed for a new one.
SHORTEST_IDLENESS = 1.0

MAPPED = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2: IPv4 in IPv6


class Guest(Protocol):
    """What is asked of a connection."""

    def idle_since(self) -> float: ...
    def make_way(self) -> bool: ...
    def abort(self) -> None: ...


class Guests(Sized, Iterable[Guest], Protocol):
    """All connections."""


class Room:
    """`max_connections` and `max_connections_per_address`: a connection enters, or is in the lobby, and leaves."""

    def __init__(self, capacity: Capacity, counters: Counters, tick_interval: float) -> None:
        self.limit = capacity.max_connections
        self.limit_per_address = capacity.max_connections_per_address
        self.counters = counters
        self.shortest_idleness = max(SHORTEST_IDLENESS, 2 * tick_interval)  # the clock is a tick behind, or two
        self.lobby: set[Guest] = set()
        self.networks: dict[Guest, str | bytes] = {}
        self.counts: dict[str | bytes, int] = {}
        self.vacated = 0
        self.searched_in_vain = -1.0

    def enter(self, guest: Guest, guests: Guests, client: tuple[str, int] | None, now: float) -> bool:
        """Whether there is room for a connection beside `guests`. If not, it is in the lobby, or was aborted."""
        network = network_of(client) if self.limit_per_address else None
        if network is not None and self.counts.get(network, 0) >= self.limit_per_address:
            self.counters.refuse("max_connections_per_address")
        elif self.limit and not self._has_room(guests, now):
            self.counters.refuse("max_connections")
        else:
            if network is not None:
                self.networks[guest] = network
                self.counts[network] = self.counts.get(network, 0) + 1
            return True
        if len(self.lobby) < LOBBY:
            self.lobby.add(guest)
        else:
            guest.abort()
        return False

    def leave(self, guest: Guest) -> None:
        """A connection has ended."""
        self.lobby.discard(guest)
        network = self.networks.pop(guest, None)
        if network is not None:
            self.counts[network] -= 1
            if not self.counts[network]:
                del self.counts[network]

    def _has_room(self, guests: Guests, now: float) -> bool:
        if len(guests) - len(self.lobby) < self.limit:
            self.vacated = 0
            return True
        if self.vacated == 0 and now != self.searched_in_vain:
            self.vacated = self._close_idle(guests, now)
            if self.vacated == 0:
                self.searched_in_vain = now
        if self.vacated == 0:
            return False
        # What was closed is gone soon, if the client is: until then there are more than the limit, at most by these.
        self.vacated -= 1
        return True

    def _close_idle(self, guests: Guests, now: float) -> int:
        """Close those that have been idle for longest; how many."""
        latest = now - self.shortest_idleness
        idle = [
            (since, number, guest) for number, guest in enumerate(guests) if (since := guest.idle_since()) <= latest
        ]
        chosen = nsmallest(min(CLOSED_TOGETHER, max(1, self.limit // 8)), idle)
        return sum(guest.make_way() for _, _, guest in chosen)


def network_of(client: tuple[str, int] | None) -> str | bytes | None:
    """Who is counted together: an IPv4 address, 64 bits of an IPv6 one, as a subscriber has; None: a Unix socket."""
    if client is None:
        return None
    host = client[0]
    if ":" not in host:
        return host
    packed = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return socket.inet_ntop(socket.AF_INET, packed[12:]) if packed.startswith(MAPPED) else packed[:8]
