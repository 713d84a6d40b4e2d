"""catalog: create index file_largest on catalog_file."""

import sqlalchemy as sa
from alembic import op

revision = "catalog_0003"
down_revision = "catalog_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "file_largest",
        "catalog_file",
        ["package_id", sa.literal_column("size DESC")],
        postgresql_where=sa.text("size IS NOT NULL"),
        sqlite_where=sa.text("size IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index(
        "file_largest",
        table_name="catalog_file",
        postgresql_where=sa.text("size IS NOT NULL"),
        sqlite_where=sa.text("size IS NOT NULL"),
    )
