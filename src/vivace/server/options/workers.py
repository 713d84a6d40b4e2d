"""Worker processes, and when they are replaced."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vivace.server.cpus import usable_cpus
from vivace.server.options.checks import FOREVER, check_seconds

AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """With `workers` a supervisor owns the sockets and keeps so many processes serving; else one process does all."""

    workers: int | str | None = None  # how many, or "auto": one for each CPU that may be used
    preload: bool = False  # import the application once and fork the workers from there, to share its memory
    worker_timeout: float = 30.0  # without a sign of life of a worker's event loop: it is killed and replaced
    max_requests: int = 0  # of one worker, before it is replaced; 0 for no limit
    max_requests_jitter: int = 0  # up to so many more, so that workers are not replaced together
    max_worker_age: float = FOREVER  # seconds before it is replaced
    max_worker_memory: int = 0  # bytes of resident memory before it is replaced; 0 for no limit

    def __post_init__(self) -> None:
        if self.workers not in (None, AUTO) and not is_count(self.workers, least=1):
            raise ValueError(f'workers must be a whole number above zero, or "auto", got {self.workers!r}')
        check_seconds("worker_timeout", self.worker_timeout)
        check_seconds("max_worker_age", self.max_worker_age)
        for name in ("max_requests", "max_requests_jitter", "max_worker_memory"):
            if not is_count(getattr(self, name), least=0):
                raise ValueError(f"{name} must be a whole number, zero or more, got {getattr(self, name)!r}")
        if self.max_requests_jitter and not self.max_requests:
            raise ValueError("max_requests_jitter is added to max_requests, which is not given")
        if self.workers is None:
            for item in fields(self):
                # Development with `reload` has a worker, which may hang.
                if item.name != "worker_timeout" and getattr(self, item.name) != item.default:
                    raise ValueError(f"{item.name} is for workers; give workers as well, workers=1 for a single one")

    @property
    def count(self) -> int:
        """How many workers there are at first."""
        if self.workers == AUTO:
            return usable_cpus()
        return 1 if self.workers is None else int(self.workers)


def is_count(value: object, *, least: int) -> bool:
    """Whether `value` is a whole number, and no smaller than `least`."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
