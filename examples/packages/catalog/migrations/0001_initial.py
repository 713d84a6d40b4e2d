"""catalog: create table catalog_author, and 14 more."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "catalog_0001"
down_revision = None
branch_labels = ("catalog",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "catalog_author",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("email", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_author"),
        sa.UniqueConstraint("name", "email", name="author_once"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_classifier",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_classifier"),
        sa.UniqueConstraint("name", name="uq_catalog_classifier_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_package",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("slug", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=100), nullable=False),
        sa.Column("summary", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.Column("license", sa.String(length=300), nullable=False),
        sa.Column("homepage", sa.String(length=1000), nullable=False),
        sa.Column("requires_python", sa.String(length=100), nullable=False),
        sa.Column("location", sa.String(length=1000), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("loaded", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_package"),
        sa.UniqueConstraint("slug", name="uq_catalog_package_slug"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_file",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("path", sa.String(length=1000), nullable=False),
        sa.Column("suffix", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["package_id"],
            ["catalog_package.id"],
            name="fk_catalog_file_package_id_catalog_package",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_file"),
        sa.UniqueConstraint("package_id", "path", name="file_once_a_package"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_package_authors",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"],
            ["catalog_author.id"],
            name="fk_catalog_package_authors_author_id_catalog_author",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["package_id"],
            ["catalog_package.id"],
            name="fk_catalog_package_authors_package_id_catalog_package",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_package_authors"),
        sa.UniqueConstraint(
            "package_id",
            "author_id",
            name="uq_catalog_package_authors_package_id_author_id",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_package_classifiers",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("classifier_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["classifier_id"],
            ["catalog_classifier.id"],
            name="fk_catalog_package_classifiers_classifier_id_catalog_classifier",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["package_id"],
            ["catalog_package.id"],
            name="fk_catalog_package_classifiers_package_id_catalog_package",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_package_classifiers"),
        sa.UniqueConstraint(
            "package_id",
            "classifier_id",
            name="uq_catalog_package_classifiers_package_id_classifier_id",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_requirement",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("package_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("text", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("specifier", sa.String(length=300), nullable=False),
        sa.Column("marker", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.Column("extra", sa.String(length=200), nullable=False),
        sa.Column("target_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.ForeignKeyConstraint(
            ["package_id"],
            ["catalog_package.id"],
            name="fk_catalog_requirement_package_id_catalog_package",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["catalog_package.id"],
            name="fk_catalog_requirement_target_id_catalog_package",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_requirement"),
        sqlite_autoincrement=True,
    )
    op.create_index("file_suffix", "catalog_file", ["suffix"])
    op.create_index("ix_catalog_file_package_id", "catalog_file", ["package_id"])
    op.create_index("ix_catalog_package_authors_author_id", "catalog_package_authors", ["author_id"])
    op.create_index("ix_catalog_package_authors_package_id", "catalog_package_authors", ["package_id"])
    op.create_index(
        "ix_catalog_package_classifiers_classifier_id",
        "catalog_package_classifiers",
        ["classifier_id"],
    )
    op.create_index(
        "ix_catalog_package_classifiers_package_id",
        "catalog_package_classifiers",
        ["package_id"],
    )
    op.create_index("ix_catalog_requirement_package_id", "catalog_requirement", ["package_id"])
    op.create_index("ix_catalog_requirement_target_id", "catalog_requirement", ["target_id"])


def downgrade() -> None:
    op.drop_index("ix_catalog_requirement_target_id", table_name="catalog_requirement")
    op.drop_index("ix_catalog_requirement_package_id", table_name="catalog_requirement")
    op.drop_index("ix_catalog_package_classifiers_package_id", table_name="catalog_package_classifiers")
    op.drop_index("ix_catalog_package_classifiers_classifier_id", table_name="catalog_package_classifiers")
    op.drop_index("ix_catalog_package_authors_package_id", table_name="catalog_package_authors")
    op.drop_index("ix_catalog_package_authors_author_id", table_name="catalog_package_authors")
    op.drop_index("ix_catalog_file_package_id", table_name="catalog_file")
    op.drop_index("file_suffix", table_name="catalog_file")
    op.drop_table("catalog_requirement")
    op.drop_table("catalog_package_classifiers")
    op.drop_table("catalog_package_authors")
    op.drop_table("catalog_file")
    op.drop_table("catalog_package")
    op.drop_table("catalog_classifier")
    op.drop_table("catalog_author")
