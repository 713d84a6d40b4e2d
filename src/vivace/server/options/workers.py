"""Worker processes, and when they are replaced."""

from __future__ import annotations

from dataclasses import dataclass

from vivace.server.options.checks import FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """With `workers` a supervisor owns the sockets and keeps so many processes serving; else one process does all."""

    workers: int | None = None
    preload: bool = False  # import the application once and fork the workers from there, to share its memory
    worker_timeout: float = 30.0  # without a sign of life of a worker's event loop: it is replaced
    max_requests: int = 0  # of one worker, before it is replaced; 0 for no limit
    max_requests_jitter: int = 0  # up to so many more, so that workers are not replaced together
    max_worker_age: float = FOREVER  # seconds
    max_worker_memory: int = 0  # bytes of resident memory; 0 for no limit
