"""What can be wrong with a site's configuration: one error that lists every fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ConfigurationError(Exception):
    """The site is described wrongly; the message says what was found, where, and what to try."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one setting: its name, where the value came from, and what is wrong with it."""

    setting: str
    origin: str
    problem: str

    def __str__(self) -> str:
        return f"{self.setting} ({self.origin}): {self.problem}"


class SettingsError(ConfigurationError):
    """Settings that cannot be used. `faults` holds all of them, so that one start shows them all."""

    def __init__(self, settings_name: str, faults: Sequence[Fault]) -> None:
        self.settings_name = settings_name
        self.faults = tuple(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"{count} in the settings {settings_name}:{lines}")
