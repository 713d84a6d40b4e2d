"""The lines of `vivace migrate`: one a migration, which says at its end what became of it."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

import click

from vivace.orm.migrations import Progress

if TYPE_CHECKING:
    from vivace.orm.migrations import PlannedStep

# A statement that runs for longer than this is named, so that nobody wonders what takes so long.
LONG = 2.0
# Into a file or a CI's log, a line that repeats is written only so often.
EVERY = 30.0


class Lines(Progress):
    """Writes the lines. `tick()`, called several times a second, tells about what takes long."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._line = ""
        self._shown = ""
        self._what = ""
        self._rows = ""
        self._since = time.monotonic()
        self._told = 0.0
        self._has_waited = False

    def waiting(self, seconds: float) -> None:
        """Say so, once."""
        if not self._has_waited and seconds > 0:
            self._has_waited = True
            self._clear()
            click.echo("Another process migrates this database; waiting for it.")

    def started(self, step: PlannedStep) -> None:
        """Begin the line of a step."""
        self._line = f"{step} …"
        self._what = self._rows = ""
        if self._is_terminal:
            click.echo(self._line, nl=False)

    def running(self, step: PlannedStep, number: int, count: int, text: str) -> None:
        """Note what runs, for when it takes long."""
        self._clear()
        self._what = f"step {number} of {count}: {text}" if count > 1 else text
        self._rows = ""
        self._since, self._told = time.monotonic(), 0.0

    def advanced(self, done: int, total: int | None) -> None:
        """Note how far a step in batches has come."""
        self._rows = f"{done:,} rows" if total is None else f"{done:,} of {total:,} rows"

    def finished(self, step: PlannedStep) -> None:
        """End the line of a step."""
        self._end(click.style("done", fg="green"))

    def failed(self) -> None:
        """Nothing follows: a line that is open is that of a step that failed."""
        if self._line:
            self._end(click.style("failed", fg="red"))

    def tick(self) -> None:
        """Name what has been running for long, and say for how long."""
        seconds = time.monotonic() - self._since
        if not self._line or not self._what or seconds < LONG:
            return
        if self._is_terminal:
            self._clear()
            room = max(0, shutil.get_terminal_size().columns - len(self._line) - 1)
            self._shown = f" {seconds:.0f} s, {self._detail()}"[:room]
            click.echo(self._shown, nl=False)
        elif seconds - self._told >= EVERY:
            self._told = seconds
            click.echo(f"{self._line} {seconds:.0f} s, {self._detail()}")

    def _detail(self) -> str:
        return f"{self._rows}, {self._what}" if self._rows else self._what

    def _clear(self) -> None:
        """Back to the beginning of the line, as it was written by `started`."""
        if self._shown:
            click.echo(f"\r\x1b[K{self._line}", nl=False)
            self._shown = ""

    def _end(self, word: str) -> None:
        self._clear()
        click.echo(f" {word}" if self._is_terminal else f"{self._line} {word}")
        self._line = ""
