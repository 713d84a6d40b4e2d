"""catalog: what is installed is a release."""

from typing import Any

from alembic import op

revision = "catalog_0010"
down_revision = "catalog_0009"
branch_labels = None
depends_on = None

BATCH = 500


async def fill(apps: Any, database: Any) -> None:
    """What is installed now is the first release that is known."""
    package, release = apps.get_model("catalog", "Package"), apps.get_model("catalog", "Release")
    known = [
        release(package_id=key, version=version, seen=updated)
        async for key, version, updated in package.objects.values_list("id", "version", "updated")
    ]
    await release.objects.bulk_create(known, ignore_conflicts=True, batch_size=BATCH)


def upgrade() -> None:
    op.run_python(fill)  # type: ignore[attr-defined]  # Vivace adds it to Alembic's operations


def downgrade() -> None:
    pass
