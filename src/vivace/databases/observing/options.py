"""The options of `Database` that are about running it, whichever backend it has."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from vivace.databases.errors import InterfaceError
from vivace.databases.url import DatabaseURL

_SWITCH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class ObservingOptions:
    """What may be said in the URL's query string or as keyword of `Database`."""

    statement_timeout: float | None = None
    """Seconds that a statement may take before it is cancelled; no limit by default."""
    slow_query: float | None = None
    """Statements that take so many seconds are logged with the line they come from; off by default."""
    statement_statistics: bool = False
    """Count each statement for `Database.statements()`."""
    opentelemetry: bool = False
    """A span and a metric for each statement, and the pool's figures."""

    @classmethod
    def taken_from(cls, url: DatabaseURL, keywords: dict[str, Any]) -> tuple[ObservingOptions, DatabaseURL]:
        """These options, taken out of `keywords` (which win) and the URL; and the URL without them.

        Raises `InterfaceError` for wrong values.
        """
        names = [field.name for field in fields(cls)]
        in_url = url.options
        given: dict[str, Any] = {name: in_url.pop(name) for name in names if name in in_url}
        if given:
            url = url.replace(options=in_url)
        given |= {name: keywords.pop(name) for name in names if name in keywords}
        converted = {name: _converted(name, value) for name, value in given.items()}
        return cls(**converted), url


def _converted(name: str, value: Any) -> Any:
    if name in ("statement_statistics", "opentelemetry"):
        switch = _SWITCH.get(str(value).lower())
        if switch is None:
            raise InterfaceError(f"The option {name} is true or false, got {value!r}")
        return switch
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 < seconds < float("inf"):
        raise InterfaceError(f"The option {name} is a number of seconds above zero, got {value!r}")
    return seconds
