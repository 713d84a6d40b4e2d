"""Records as lines of text, with colours on a terminal."""

from __future__ import annotations

import logging

from vivace.server.logging.loggers import server_logger

LEVEL_COLORS = {logging.DEBUG: 36, logging.INFO: 32, logging.WARNING: 33, logging.ERROR: 31, logging.CRITICAL: 41}
STATUS_COLORS = {2: 32, 3: 36, 4: 33, 5: 31}

TIME_OF_DAY = "%H:%M:%S"
DATE_AND_TIME = "%Y-%m-%d %H:%M:%S %z"


def paint(text: str, color: int | None) -> str:
    """`text` in an ANSI colour, or as it is."""
    return text if color is None else f"\x1b[{color}m{text}\x1b[0m"


def paint_level(name: str, number: int, colors: bool) -> str:
    """The level as all lines have it, as wide as the longest usual one."""
    return paint(f"{name:<7}", LEVEL_COLORS.get(number) if colors else None)


def paint_status(status: int, colors: bool) -> str:
    """The status, in the colour of its kind."""
    return paint(str(status), STATUS_COLORS.get(status // 100) if colors else None)


class LineFormatter(logging.Formatter):
    """`12:00:00 INFO    message`, with the level in colour on a terminal; other loggers than ours by name."""

    def __init__(self, colors: bool = False, dated: bool = False) -> None:
        super().__init__("%(asctime)s %(level)s %(origin)s%(message)s", datefmt=DATE_AND_TIME if dated else TIME_OF_DAY)
        self.colors = colors

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name logging gives it
        """The line, before any traceback."""
        record.level = paint_level(record.levelname, record.levelno, self.colors)
        record.origin = "" if record.name in OURS else f"{record.name}: "
        return super().formatMessage(record)


class AccessFormatter(LineFormatter):
    """`12:00:00 INFO    127.0.0.1:5000 "GET / HTTP/1.1" 200 13 B 0.4 ms`, with the status in colour on a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name logging gives it
        """The line, before any traceback."""
        if self.colors and isinstance(record.args, tuple) and len(record.args) == 8:
            arguments = list(record.args)
            status = arguments[4]
            if isinstance(status, int):
                arguments[4] = paint_status(status, True)
                record.message = record.msg % tuple(arguments)
        return super().formatMessage(record)


OURS = frozenset((server_logger.name, "vivace.access"))
