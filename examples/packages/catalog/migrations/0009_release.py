"""catalog: create table catalog_release, and 1 more."""

import sqlalchemy as sa
from alembic import op

from vivace.orm.migrations import per_database

revision = "catalog_0009"
down_revision = "catalog_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalog_release",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column(
            "seen",
            sa.DateTime(timezone=True),
            server_default=per_database(
                "(replace(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000', '.000000', ''))",
                mysql="(UTC_TIMESTAMP(6))",
                postgresql="(statement_timestamp())",
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["package_id"],
            ["catalog_package.id"],
            name="fk_catalog_release_package_id_catalog_package",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_release"),
        sa.UniqueConstraint("package_id", "version", name="release_once"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_catalog_release_package_id", "catalog_release", ["package_id"])


def downgrade() -> None:
    op.drop_index("ix_catalog_release_package_id", table_name="catalog_release")
    op.drop_table("catalog_release")
