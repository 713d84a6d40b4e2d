"""`migrate --prune`: forget migrations of an app whose files were deleted on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vivace.orm.migrations import version
from vivace.orm.migrations.exclusive import migration_lock, transaction
from vivace.orm.migrations.files import Apps, History, number_of

if TYPE_CHECKING:
    from vivace.databases import Database


async def prune(database: Database, apps: Apps, label: str) -> list[str]:
    """Take the revisions of `label` that no file has out of the version table; gives them. The tables stay as they are.

    The migrations on disk that came before count as applied: they were, since an app's migrations are one line.
    """
    history = History.load(apps)
    chain = history.chain(label)
    async with migration_lock(database), transaction(database):
        heads = await version.heads(database)
        lost = sorted(head for head in heads - history.by_revision.keys() if head.rpartition("_")[0] == label)
        if not lost:
            return []
        last = int(number_of(lost[-1]))
        known = {head for head in heads if head in history.by_revision}
        before = history.applied_by(known)
        after = before | history.applied_by(item.revision for item in chain if int(number_of(item.revision)) < last)
        for sql in (*version.removal(lost), *version.changes(history, before, after)):
            await database.execute(sql)
    return lost
