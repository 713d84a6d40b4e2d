"""Whom we believe: addresses, networks, Unix sockets, or everybody."""

from __future__ import annotations

from collections.abc import Iterable

from vivace.server.protocol.addresses import IPNetwork, parse_address, parse_network

# So many answers are remembered before all are forgotten; each is a short text.
REMEMBERED = 4096


class TrustedPeers:
    """The peers of a list such as `127.0.0.1, 10.0.0.0/8, unix`; `*` is everybody, an empty list nobody.

    ValueError names the entry that is none of these, and what to write instead.
    """

    def __init__(self, entries: str | Iterable[str]) -> None:
        if isinstance(entries, str):
            entries = entries.split(",")
        self.everybody = False
        self.unix = False
        self.networks: list[IPNetwork] = []
        for entry in map(str.strip, entries):
            if entry == "*":
                self.everybody = True
            elif entry in ("unix", "unix:"):
                self.unix = True
            elif entry:
                self.networks.append(_network(entry))
        self._known: dict[str, bool] = {}

    def trusts(self, host: str | None) -> bool:
        """Whether a peer is one of them: its address as text, None for one on a Unix socket."""
        if self.everybody:
            return True
        if host is None:
            return self.unix
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[host] = self._look_up(host)
        return known

    def _look_up(self, host: str) -> bool:
        address = parse_address(host)
        return address is not None and any(address in network for network in self.networks)


def _network(entry: str) -> IPNetwork:
    try:
        return parse_network(entry)
    except ValueError as error:
        if "has host bits set" in str(error):
            address, _, length = entry.partition("/")
            from_address = parse_network(address).supernet(new_prefix=int(length)) if length.isdecimal() else None
            hint = f"; the network is {from_address}" if from_address is not None else ""
            raise ValueError(f'"{entry}" is an address within a network{hint}') from None
        raise ValueError(
            f'"{entry}" is neither an address (192.0.2.1), a network (10.0.0.0/8, fd00::/8), unix nor *; '
            "names are not looked up"
        ) from None
