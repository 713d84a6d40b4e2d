"""catalog: add column catalog_author.slug, and 1 more."""

import sqlalchemy as sa
from alembic import op

revision = "catalog_0004"
down_revision = "catalog_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("catalog_author", sa.Column("slug", sa.String(length=100), nullable=True))
    op.create_index("ix_catalog_author_slug", "catalog_author", ["slug"])


def downgrade() -> None:
    op.drop_index("ix_catalog_author_slug", table_name="catalog_author")
    op.drop_column("catalog_author", "slug")
