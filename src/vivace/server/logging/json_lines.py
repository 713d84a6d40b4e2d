"""Records as JSON, an object a line."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

# What every record has besides its message: all others of its attributes came as `extra`.
ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


# Members of every line of JSON that this process writes.
IDENTITY: dict[str, int] = {}


class JsonFormatter(logging.Formatter):
    """`{"time": "2026-01-31T12:00:00.123Z", "level": "info", "logger": "vivace.server", "message": "..."}`.

    `extra` attributes are members too, and `exception` and `stack` hold a traceback as one text. What JSON has no form
    for is written as `str()` writes it. It can be used in any logging configuration:
    `{"()": "vivace.server.logging.json_lines.JsonFormatter"}`. `constants` are members of every line.
    """

    def __init__(self, constants: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.constants = constants or {}

    def format(self, record: logging.LogRecord) -> str:
        """logging: the line."""
        members: dict[str, Any] = {
            "time": utc_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in ORDINARY and name not in members and value is not None:
                members[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            members["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            members["exception"] = record.exc_text
        if record.stack_info:
            members["stack"] = self.formatStack(record.stack_info)
        return write_json(members | self.constants)


def utc_time(seconds: float) -> str:
    """ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_json(members: dict[str, Any]) -> str:
    """One line. Infinity, keys that are no texts and rings, which JSON has not, are written as Python writes them."""
    try:
        return json.dumps(members, default=str, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        plain = {name: value if isinstance(value, str | int | None) else repr(value) for name, value in members.items()}
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
