"""What a client is told of its limits (draft-ietf-httpapi-ratelimit-headers, and what came before it)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Literal, get_args

from vivace.utils.ratelimit import Limit, Outcome

HeaderStyle = Literal["ietf", "legacy", "x"]

_SPANS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
_PREFIXES = {"legacy": b"ratelimit-", "x": b"x-ratelimit-"}


def policy_names(name: str, limits: Sequence[Limit]) -> list[str]:
    """A name for each limit, different ones: the only one has `name` itself.

    Raises ValueError for a name that a structured field cannot hold (RFC 9651 3.3.3: visible ASCII and spaces).
    """
    if not name or not name.isascii() or not name.isprintable():
        raise ValueError(f"a rate limit's name is visible ASCII, got {name!r}")
    if len(limits) == 1:
        return [name]
    names = [f"{name}-per-{_SPANS.get(int(limit.seconds), f'{limit.seconds:g}-seconds')}" for limit in limits]
    return [each if names.count(each) == 1 else f"{each}-{number}" for number, each in enumerate(names, 1)]


class Headers:
    """The header fields of responses, in one style or several."""

    def __init__(
        self, names: Sequence[str], limits: Sequence[Limit], styles: HeaderStyle | Collection[HeaderStyle] | None
    ) -> None:
        chosen: Collection[str] = [styles] if isinstance(styles, str) else styles or []
        for style in chosen:
            if style not in get_args(HeaderStyle):
                raise ValueError(f"the headers of a rate limit are of {get_args(HeaderStyle)}, or None; got {style!r}")
        quoted = ['"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names]
        policies = [
            # Section 3.1: q is the quota, w the window in seconds, a whole one.
            f"{name};q={limit.maximum};w={max(math.ceil(limit.maximum * limit.seconds / limit.count), 1)}"
            for name, limit in zip(quoted, limits, strict=True)
        ]
        self._limits = limits
        self._quoted = quoted
        self._policy = (b"ratelimit-policy", ", ".join(policies).encode()) if "ietf" in chosen else None
        self._prefixes = [prefix for style, prefix in _PREFIXES.items() if style in chosen]

    def fields(self, outcomes: Sequence[Outcome]) -> list[tuple[bytes, bytes]]:
        """For these outcomes, of each limit one; none for none (the store did not answer)."""
        found: list[tuple[bytes, bytes]] = []
        if not outcomes:
            return found
        if self._policy is not None:
            states = [
                # Section 4.1: r is what remains, t the seconds until it is restored.
                f"{name};r={outcome.remaining};t={_reset(outcome)}"
                for name, outcome in zip(self._quoted, outcomes, strict=True)
            ]
            found += [self._policy, (b"ratelimit", ", ".join(states).encode())]
        if self._prefixes:
            # These know one limit: the one that is nearest.
            limit, outcome = min(
                zip(self._limits, outcomes, strict=True), key=lambda pair: pair[1].remaining / pair[0].maximum
            )
            for prefix in self._prefixes:
                found += [
                    (prefix + b"limit", b"%d" % limit.maximum),
                    (prefix + b"remaining", b"%d" % outcome.remaining),
                    (prefix + b"reset", b"%d" % _reset(outcome)),
                ]
        return found


def _reset(outcome: Outcome) -> int:
    """Seconds. When refused, the time that Retry-After says, as section 5 asks for."""
    refused = not outcome.allowed and math.isfinite(outcome.retry_after)
    return math.ceil(outcome.retry_after if refused else outcome.reset_after)
