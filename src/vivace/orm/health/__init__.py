"""What a database's own catalogs say is wrong with it, or will be: `vivace check --database`.

Nothing is guessed and nothing is changed. `findings` says what a finding is, `indexes` which indexes are too many;
`postgresql` and `mysql` read the catalogs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.orm.health import mysql, postgresql
from vivace.orm.health.findings import Finding

if TYPE_CHECKING:
    from vivace.databases import Database

__all__ = ["SMALL", "Finding", "examine"]

# Indexes below this cost too little to speak of: those of new and of small tables.
SMALL = 1024 * 1024


async def examine(database: Database, *, smaller_than: int = SMALL) -> list[Finding]:
    """What there is to say of a PostgreSQL or MySQL, by table; nothing of SQLite, which keeps no such records.

    Indexes of less than `smaller_than` bytes are not called unused or superfluous, unless they are plain duplicates.
    """
    if database.dialect.name == "postgresql":
        found = await postgresql.examine(database, smaller_than)
    elif database.dialect.name == "mysql":
        found = await mysql.examine(database, smaller_than)
    else:
        found = []
    return sorted(found, key=lambda finding: (finding.table, finding.kind, finding.name))
