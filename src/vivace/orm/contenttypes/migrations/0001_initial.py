"""contenttypes: create table django_content_type."""

import sqlalchemy as sa
from alembic import op

revision = "contenttypes_0001"
down_revision = None
branch_labels = ("contenttypes",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "django_content_type",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("app_label", sa.String(length=100), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_django_content_type"),
        sa.UniqueConstraint("app_label", "model", name="uq_django_content_type_app_label_model"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("django_content_type")
