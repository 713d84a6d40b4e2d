"""catalog: rename column catalog_package.loaded to updated."""

import sqlalchemy as sa
from alembic import op

revision = "catalog_0007"
down_revision = "catalog_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column(
        "catalog_package",
        "loaded",
        existing_type=sa.DateTime(timezone=True),
        new_column_name="updated",
        existing_nullable=False,
    )


def downgrade() -> None:
    op.alter_column(
        "catalog_package",
        "updated",
        existing_type=sa.DateTime(timezone=True),
        new_column_name="loaded",
        existing_nullable=False,
    )
