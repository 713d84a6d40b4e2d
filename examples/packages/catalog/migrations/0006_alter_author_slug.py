"""catalog: drop index ix_catalog_author_slug, and 2 more."""

import sqlalchemy as sa
from alembic import op

revision = "catalog_0006"
down_revision = "catalog_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_catalog_author_slug", table_name="catalog_author")
    op.alter_column("catalog_author", "slug", existing_type=sa.String(length=100), nullable=False)
    op.create_unique_constraint("uq_catalog_author_slug", "catalog_author", ["slug"])


def downgrade() -> None:
    op.drop_constraint("uq_catalog_author_slug", "catalog_author", type_="unique")
    op.alter_column("catalog_author", "slug", existing_type=sa.String(length=100), nullable=True)
    op.create_index("ix_catalog_author_slug", "catalog_author", ["slug"])
