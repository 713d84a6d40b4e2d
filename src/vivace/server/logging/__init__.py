"""What the server writes: `vivace.server` for its own news, `vivace.access` for a line per response.

`configuration` sets both up; `output` is where lines go, and writes whole ones. The server's news are records of the
`logging` module, which `formatters` and `json_lines` turn into text. Access lines are composed by compiled code:
`opening` makes the `access_log`, which gets the facts of a response (`access_facts`), and a form (`line_forms`,
`atoms`) makes them a line. Under a configuration that is not ours they are records as well (`records`). `request_ids`
takes over and makes requests' ids.
"""

from __future__ import annotations

from vivace.server.logging.configuration import configure_logging, name_worker, site_handler
from vivace.server.logging.loggers import access_logger, server_logger
from vivace.server.logging.output import flush_logs, reopen_logs

__all__ = [
    "access_logger",
    "configure_logging",
    "flush_logs",
    "name_worker",
    "reopen_logs",
    "server_logger",
    "site_handler",
]
