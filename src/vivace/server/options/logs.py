"""What is logged, and how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """The log's form, and the access log's."""

    log_format: str = "text"  # or json: one object a line
    log_file: str | None = None  # None: standard error. SIGUSR1 opens it again
    access_log_format: str | None = None  # with gunicorn's atoms, such as '%(h)s "%(r)s" %(s)s %(D)s'
    access_log_sample: float = 1.0  # the part of the responses that is logged; errors of the server always are
    request_id_header: str | None = None  # such as x-request-id: taken over or made, logged, and sent back
