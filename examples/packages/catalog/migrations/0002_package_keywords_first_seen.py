"""catalog: add column catalog_package.keywords, and 2 more."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from vivace.orm.migrations import per_database

revision = "catalog_0002"
down_revision = "catalog_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "catalog_package",
        sa.Column(
            "keywords",
            sa.Text().with_variant(mysql.LONGTEXT(), "mysql"),
            server_default="",
            nullable=False,
        ),
    )
    op.alter_column(
        "catalog_package",
        "keywords",
        existing_type=sa.Text().with_variant(mysql.LONGTEXT(), "mysql"),
        server_default=None,
        existing_nullable=False,
    )
    op.add_column(
        "catalog_package",
        sa.Column(
            "first_seen",
            sa.DateTime(timezone=True),
            server_default=per_database(
                "(replace(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000', '.000000', ''))",
                mysql="(UTC_TIMESTAMP(6))",
                postgresql="(statement_timestamp())",
            ),
            nullable=False,
        ),
    )


def downgrade() -> None:
    op.drop_column("catalog_package", "first_seen")
    op.alter_column(
        "catalog_package",
        "keywords",
        existing_type=sa.Text().with_variant(mysql.LONGTEXT(), "mysql"),
        server_default="",
        existing_nullable=False,
    )
    op.drop_column("catalog_package", "keywords")
