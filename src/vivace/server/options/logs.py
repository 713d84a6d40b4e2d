"""What is logged, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vivace.server.options.access_log_format import parse_access_log_format
from vivace.server.options.checks import check_choice

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """The log's form, and the access log's."""

    log_format: str = "text"  # or json: one object a line
    log_file: str | None = None  # None: standard error. SIGUSR1 opens it again
    access_log_format: str | None = None  # with gunicorn's atoms, such as '%(h)s "%(r)s" %(s)s %(D)s'
    access_log_sample: float = 1.0  # the part of the responses that is logged; errors of the server always are
    request_id_header: str | None = None  # such as x-request-id: taken over or made, logged, and sent back

    def __post_init__(self) -> None:
        check_choice("log_format", self.log_format, ("text", "json"))
        if self.log_file == "":
            raise ValueError("log_file must be a path, got an empty one")
        if self.access_log_format is not None:
            if self.log_format == "json":
                raise ValueError("access_log_format is for log_format='text'; a line of JSON has all there is to tell")
            parse_access_log_format(self.access_log_format)
        sample: object = self.access_log_sample
        if isinstance(sample, bool) or not isinstance(sample, int | float) or not 0 <= sample <= 1:
            raise ValueError(f"access_log_sample must be a number from 0 to 1, got {sample!r}")
        if self.request_id_header is not None and not TOKEN.fullmatch(self.request_id_header):
            raise ValueError(f"request_id_header must be the name of a header, got {self.request_id_header!r}")
