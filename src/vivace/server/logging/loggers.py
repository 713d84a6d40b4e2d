"""The server's loggers: its own news, and a line per response."""

from __future__ import annotations

import logging

server_logger = logging.getLogger("vivace.server")
access_logger = logging.getLogger("vivace.access")
