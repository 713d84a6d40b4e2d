"""Which access log follows from the configuration: None, where nobody would see it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime

from vivace.server.config import Config
from vivace.server.logging.access_log import AccessLog
from vivace.server.logging.atoms import AtomForm
from vivace.server.logging.formatters import DATE_AND_TIME, TIME_OF_DAY, paint_level, paint_status
from vivace.server.logging.json_lines import IDENTITY
from vivace.server.logging.line_forms import JsonForm, LineForm, TextForm
from vivace.server.logging.loggers import access_logger
from vivace.server.logging.output import output_of, uses_colors
from vivace.server.options.access_log_format import parse_access_log_format

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def open_access_log(
    config: Config, loop: asyncio.AbstractEventLoop | None = None, kind: type[AccessLog] = AccessLog
) -> AccessLog | None:
    """What the connections should call for every response, of this class: None when nobody would see it."""
    if not config.access_log or not access_logger.isEnabledFor(logging.INFO):
        return None
    is_formatted = config.logs.access_log_format is not None
    return kind(access_form(config), config.logs.access_log_sample, loop, is_formatted)


def access_form(config: Config) -> LineForm:
    """What its lines look like."""
    logs = config.logs
    if logs.access_log_format is not None:
        return AtomForm(parse_access_log_format(logs.access_log_format), common_log_time, IDENTITY.get("worker"))
    if logs.log_format == "json":
        members = json.dumps(IDENTITY, separators=(",", ":"))[1:].encode()
        return JsonForm(json_time, b"," + members if IDENTITY else members)
    output = output_of(access_logger)
    colors = uses_colors(config.use_colors, output)
    time_format = TIME_OF_DAY if output is not None and output.is_terminal else DATE_AND_TIME
    level = paint_level("INFO", logging.INFO, colors)

    def stamp(second: int) -> bytes:
        return f"{time.strftime(time_format, time.localtime(second))} {level} ".encode()

    return TextForm(stamp, lambda status: paint_status(status, colors).encode())


def common_log_time(second: int) -> bytes:
    """`[31/Jan/2026:12:00:00 +0000]`, in English whatever the locale is."""
    now = time.localtime(second)
    return f"[{now.tm_mday:02}/{MONTHS[now.tm_mon - 1]}/{time.strftime('%Y:%H:%M:%S %z', now)}]".encode()


def json_time(second: int) -> bytes:
    """The beginning of a line, up to the milliseconds."""
    return f'{{"time":"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}'.encode()
