"""What was found to do, sorted by app and by phase."""

from __future__ import annotations

from alembic.operations import ops

# Constraints go before what they hold on to; tables come before what refers to them.
PHASES = ("rename", "unlink", "create", "alter", "link", "remove", "drop")


class Changes:
    """Operations per app, in the order in which they are applied: the phases of `PHASES`, one after the other."""

    def __init__(self, labels: set[str]) -> None:
        self.labels = labels
        self.phases: dict[str, dict[str, list[ops.MigrateOperation]]] = {}

    def add(self, label: str, phase: str, *operations: ops.MigrateOperation) -> None:
        """Note `operations` for the app `label`, if it is one that is worked on."""
        if label in self.labels:
            phases = self.phases.setdefault(label, {name: [] for name in PHASES})
            phases[phase].extend(operations)

    def of(self, label: str) -> list[ops.MigrateOperation]:
        """An app's operations in the order in which they are applied."""
        return [operation for phase in PHASES for operation in self.phases[label][phase]]
