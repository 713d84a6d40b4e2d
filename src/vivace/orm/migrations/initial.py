"""`--fake-initial`: is what an app's first migration makes there already?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import ops

from vivace.orm.migrations.errors import MigrationError
from vivace.orm.migrations.plan import PlannedStep
from vivace.orm.migrations.tables import tables_in

if TYPE_CHECKING:
    from vivace.databases import Database
    from vivace.orm.migrations.elements import Table
    from vivace.orm.migrations.state import State


async def is_there(database: Database, step: PlannedStep, state: State) -> bool:
    """Whether the database has the tables and columns that `step`, an app's first migration, would make.

    False when it has none of the tables, so that they are to be made. Raises MigrationError when it has some of it:
    neither running the migration nor marking it as applied would be right. `state` is that before the step.
    """
    migration = step.migration
    if step.backwards or migration.down_revision is not None:
        return False
    after = state.copy()
    operations = migration.record(database.dialect)
    for operation in operations:
        after.apply(operation, migration.label)
    made = [name for name in after.tables if name not in state.tables]
    changed = {str(item.table_name) for item in operations if isinstance(item, ops.AddColumnOp)}
    found = await tables_in(database)
    missing = [f"table {name}" for name in made if name not in found]
    if not made or len(missing) == len(made):
        return False
    for name in [*made, *sorted(changed.difference(made).intersection(after.tables))]:
        if name in found:
            missing += [f"column {name}.{column}" for column in after.tables[name].columns if column not in found[name]]
    if missing:
        raise MigrationError(
            f"{migration} cannot count as applied: the database has some of its tables, but no "
            f"{', no '.join(missing)}. Make the database as the migration says (`vivace sqlmigrate` prints its SQL), "
            "or make the migration say what the database has (`vivace inspectdb`), and run again."
        )
    return True


def tables_made(database: Database, step: PlannedStep, state: State) -> list[Table]:
    """The tables of `step`, as its migration leaves them; `state` is that before the step."""
    after = state.copy()
    for operation in step.migration.record(database.dialect):
        after.apply(operation, step.migration.label)
    return [table for name, table in after.tables.items() if name not in state.tables]
