"""The `priority` header field and PRIORITY_UPDATE (RFC 9218 4)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

DEFAULT_URGENCY: Final = 3
_PARAMETER: Final = re.compile(rb"\s*([a-z*][a-z0-9_.*-]*)(?:=([^,;]*))?(?:;[^,]*)?\s*")


@lru_cache(maxsize=256)
def parse_priority(value: bytes) -> tuple[int, bool]:
    """Urgency (0, first, to 7) and whether the response is of use in pieces.

    What is not understood counts as absent: a wrong priority is no error.
    """
    urgency, incremental = DEFAULT_URGENCY, False
    for member in value.split(b",") if len(value) <= 256 else ():
        match = _PARAMETER.fullmatch(member)
        if match is None:
            return DEFAULT_URGENCY, False
        name, text = match.groups()
        if name == b"u" and text is not None and text.strip() in {b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7"}:
            urgency = int(text)
        elif name == b"i":
            incremental = text is None or text.strip() == b"?1"
    return urgency, incremental
