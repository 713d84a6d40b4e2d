"""`lintmigrations`: what in the files would harm a database in use. No database is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vivace.orm.migrations.files import Apps, History, Migration, replay
from vivace.orm.migrations.safety import Finding, findings
from vivace.orm.migrations.state import State

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


def lint(
    apps: Apps,
    dialect: Dialect,
    *,
    label: str | None = None,
    name: str | None = None,
    selected: Callable[[Migration], bool] | None = None,
) -> list[Finding]:
    """What is unsafe in the migrations of all apps, of one, or in one, for databases of this dialect.

    Every table counts as large and in use, but for those that the same migration makes. `selected` says which
    migrations are of one release: a table that one of them makes is not in use while the others run.
    """
    history = History.load(apps)
    wanted = _wanted(history, label, name)
    state = State()
    made_by_release: set[str] = set()
    found: list[Finding] = []
    for migration in history.order:
        if migration.revision not in wanted or (selected is not None and not selected(migration)):
            replay(state, migration, migration.record(dialect))
        else:
            fresh = set() if selected is None else made_by_release
            found += findings(migration, state, dialect, fresh=fresh)
    return found


def _wanted(history: History, label: str | None, name: str | None) -> set[str]:
    if label is None:
        return set(history.by_revision)
    if name is None:
        return {migration.revision for migration in history.chain(label)}
    return {history.find(label, name).revision}
