"""What a run tells whoever watches: override what you want to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivace.orm.migrations.plan import PlannedStep


class Progress:
    """Told what `migrate` does, as it does it. Each method does nothing; none is awaited, so none may block."""

    def waiting(self, seconds: float) -> None:
        """Another process migrates; told several times a second, with the time that we have waited."""

    def started(self, step: PlannedStep) -> None:
        """A migration is begun, or gone on with."""

    def running(self, step: PlannedStep, number: int, count: int, text: str) -> None:
        """Its statement (or Python step) `number` of `count`, counted from 1, is about to run."""

    def advanced(self, done: int, total: int | None) -> None:
        """The statement that runs works through rows in batches, and is through with `done` of them."""

    def finished(self, step: PlannedStep) -> None:
        """A migration is done, or was found done by another process."""
