"""catalog: add constraint ck_catalog_file_size_positive to catalog_file, and 2 more."""

from alembic import op

revision = "catalog_0008"
down_revision = "catalog_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_check_constraint("ck_catalog_file_size_positive", "catalog_file", "size >= 0")
    op.create_check_constraint("ck_catalog_package_file_count_positive", "catalog_package", "file_count >= 0")
    op.create_check_constraint("ck_catalog_package_size_positive", "catalog_package", "size >= 0")


def downgrade() -> None:
    op.drop_constraint("ck_catalog_package_size_positive", "catalog_package", type_="check")
    op.drop_constraint("ck_catalog_package_file_count_positive", "catalog_package", type_="check")
    op.drop_constraint("ck_catalog_file_size_positive", "catalog_file", type_="check")
