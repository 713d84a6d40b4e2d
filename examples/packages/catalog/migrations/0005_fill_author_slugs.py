"""catalog: authors have slugs."""

import hashlib
import re
from typing import Any

from alembic import op

revision = "catalog_0005"
down_revision = "catalog_0004"
branch_labels = None
depends_on = None

BATCH = 500


async def fill(apps: Any, database: Any) -> None:
    """Gives every author a slug, a batch at a time."""
    author = apps.get_model("catalog", "Author")
    waiting = []
    async for person in author.objects.filter(slug__isnull=True).iterator():
        person.slug = slug_of(person.name, person.email)
        waiting.append(person)
    await author.objects.bulk_update(waiting, ["slug"], batch_size=BATCH)


def slug_of(name: str, email: str) -> str:
    """As `catalog.distributions.author_slug` was at this point."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]
    digest = hashlib.sha256(f"{name}\0{email}".encode()).hexdigest()[:8]
    return f"{words}-{digest}".strip("-")


def upgrade() -> None:
    op.run_python(fill)  # type: ignore[attr-defined]  # Vivace adds it to Alembic's operations


def downgrade() -> None:
    pass
