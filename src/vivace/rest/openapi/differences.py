"""What is different between two documents, in lines that a person reads; the order of members does not count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

LONGEST = 100


def differences(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """`+ place`, `- place` and `~ place: old → new` for what was added, taken away and changed.

    A place is the names on the way to it: `paths > /api/books/ > get > parameters > 0 > required`.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            inner = f"{place} > {name}" if place else str(name)
            if name not in new:
                yield f"- {inner}{_shown(old[name])}"
            elif name not in old:
                yield f"+ {inner}{_shown(new[name])}"
            else:
                yield from differences(old[name], new[name], inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{place} > {index}")
    elif isinstance(old, list) and isinstance(new, list):
        yield from (f"- {place}: {_json(item)}" for item in old if item not in new)
        yield from (f"+ {place}: {_json(item)}" for item in new if item not in old)
    elif old != new or type(old) is not type(new):
        yield f"~ {place}: {_json(old)} → {_json(new)}"


def _shown(value: Any) -> str:
    """What was added or taken away, where it is short enough to be read."""
    return "" if isinstance(value, dict | list) and len(_json(value)) > LONGEST // 2 else f": {_json(value)}"


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
