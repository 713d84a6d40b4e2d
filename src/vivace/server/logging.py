"""What the server writes: `vivace.server` for its own news, `vivace.access` for a line per response."""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import Any

from vivace.server.config import Config

server_logger = logging.getLogger("vivace.server")
access_logger = logging.getLogger("vivace.access")

LEVEL_COLORS = {logging.DEBUG: 36, logging.INFO: 32, logging.WARNING: 33, logging.ERROR: 31, logging.CRITICAL: 41}
STATUS_COLORS = {2: 32, 3: 36, 4: 33, 5: 31}
ACCESS_FORMAT = '%s "%s %s HTTP/%s" %s %s B %s ms'


def configure_logging(config: Config) -> None:
    """Set up both loggers on standard error, or do what `config.log_config` says instead."""
    if config.log_config is not None:
        logging.config.dictConfig(dict(config.log_config))
        return
    colors = sys.stderr.isatty() if config.use_colors is None else config.use_colors
    handlers = {
        name: {"class": "logging.StreamHandler", "formatter": name, "stream": "ext://sys.stderr"}
        for name in ("server", "access")
    }
    loggers = {
        f"vivace.{name}": {"handlers": [name], "level": config.log_level.upper(), "propagate": False}
        for name in ("server", "access")
    }
    formatters = {
        "server": {"()": LineFormatter, "colors": colors},
        "access": {"()": AccessFormatter, "colors": colors},
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": formatters,
            "handlers": handlers,
            "loggers": loggers,
        }
    )


def paint(text: str, color: int | None) -> str:
    """`text` in an ANSI colour, or as it is."""
    return text if color is None else f"\x1b[{color}m{text}\x1b[0m"


class LineFormatter(logging.Formatter):
    """`12:00:00 INFO  message`, with the level in colour on a terminal."""

    def __init__(self, colors: bool = False) -> None:
        super().__init__("%(asctime)s %(level)s %(message)s", datefmt="%H:%M:%S")
        self.colors = colors

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name logging gives it
        """The line, before any traceback."""
        record.level = paint(f"{record.levelname:<7}", LEVEL_COLORS.get(record.levelno) if self.colors else None)
        return super().formatMessage(record)


class AccessFormatter(LineFormatter):
    """`12:00:00 INFO  127.0.0.1:5000 "GET / HTTP/1.1" 200 13 B 0.4 ms`, with the status in colour on a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name logging gives it
        """The line, before any traceback."""
        if self.colors and isinstance(record.args, tuple) and len(record.args) == 7:
            arguments = list(record.args)
            status = arguments[4]
            if isinstance(status, int):
                arguments[4] = paint(str(status), STATUS_COLORS.get(status // 100))
                record.message = record.msg % tuple(arguments)
        return super().formatMessage(record)


def log_access(
    client: tuple[str, int] | None, method: str, target: bytes, version: str, status: int, size: int, seconds: float
) -> None:
    """Write the line of one response. Targets hold visible ASCII only, so a line is always one line."""
    who = "-" if client is None else f"{client[0]}:{client[1]}"
    access_logger.info(
        ACCESS_FORMAT, who, method, target.decode("latin-1"), version, status, size, f"{seconds * 1000:.1f}"
    )


def access_log(config: Config) -> Any:
    """What the connections should call for every response: None when nobody would see it."""
    return log_access if config.access_log and access_logger.isEnabledFor(logging.INFO) else None
