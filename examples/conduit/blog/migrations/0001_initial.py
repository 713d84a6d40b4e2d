"""blog: create table blog_tag, and 16 more."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "blog_0001"
down_revision = None
branch_labels = ("blog",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "blog_tag",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_blog_tag"),
        sa.UniqueConstraint("name", name="uq_blog_tag_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blog_user",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("bio", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.Column("image", sa.String(length=1000), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_blog_user"),
        sa.UniqueConstraint("email", name="uq_blog_user_email"),
        sa.UniqueConstraint("username", name="uq_blog_user_username"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blog_article",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("slug", sa.String(length=220), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=1000), nullable=False),
        sa.Column("body", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"],
            ["blog_user.id"],
            name="fk_blog_article_author_id_blog_user",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_blog_article"),
        sa.UniqueConstraint("slug", name="uq_blog_article_slug"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blog_article_favorited_by",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["blog_article.id"],
            name="fk_blog_article_favorited_by_article_id_blog_article",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["blog_user.id"],
            name="fk_blog_article_favorited_by_user_id_blog_user",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_blog_article_favorited_by"),
        sa.UniqueConstraint("article_id", "user_id", name="uq_blog_article_favorited_by_article_id_user_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blog_article_tags",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("tag_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["blog_article.id"],
            name="fk_blog_article_tags_article_id_blog_article",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tag_id"],
            ["blog_tag.id"],
            name="fk_blog_article_tags_tag_id_blog_tag",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_blog_article_tags"),
        sa.UniqueConstraint("article_id", "tag_id", name="uq_blog_article_tags_article_id_tag_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blog_comment",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("article_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("author_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("body", sa.Text().with_variant(mysql.LONGTEXT(), "mysql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id"],
            ["blog_article.id"],
            name="fk_blog_comment_article_id_blog_article",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["author_id"],
            ["blog_user.id"],
            name="fk_blog_comment_author_id_blog_user",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_blog_comment"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "blog_user_following",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("from_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_user_id"],
            ["blog_user.id"],
            name="fk_blog_user_following_from_user_id_blog_user",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["to_user_id"],
            ["blog_user.id"],
            name="fk_blog_user_following_to_user_id_blog_user",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_blog_user_following"),
        sa.UniqueConstraint(
            "from_user_id",
            "to_user_id",
            name="uq_blog_user_following_from_user_id_to_user_id",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "article_newest",
        "blog_article",
        [sa.literal_column("created_at DESC"), sa.literal_column("id DESC")],
    )
    op.create_index("ix_blog_article_author_id", "blog_article", ["author_id"])
    op.create_index("ix_blog_article_favorited_by_article_id", "blog_article_favorited_by", ["article_id"])
    op.create_index("ix_blog_article_favorited_by_user_id", "blog_article_favorited_by", ["user_id"])
    op.create_index("ix_blog_article_tags_article_id", "blog_article_tags", ["article_id"])
    op.create_index("ix_blog_article_tags_tag_id", "blog_article_tags", ["tag_id"])
    op.create_index("ix_blog_comment_article_id", "blog_comment", ["article_id"])
    op.create_index("ix_blog_comment_author_id", "blog_comment", ["author_id"])
    op.create_index("ix_blog_user_following_from_user_id", "blog_user_following", ["from_user_id"])
    op.create_index("ix_blog_user_following_to_user_id", "blog_user_following", ["to_user_id"])


def downgrade() -> None:
    op.drop_index("ix_blog_user_following_to_user_id", table_name="blog_user_following")
    op.drop_index("ix_blog_user_following_from_user_id", table_name="blog_user_following")
    op.drop_index("ix_blog_comment_author_id", table_name="blog_comment")
    op.drop_index("ix_blog_comment_article_id", table_name="blog_comment")
    op.drop_index("ix_blog_article_tags_tag_id", table_name="blog_article_tags")
    op.drop_index("ix_blog_article_tags_article_id", table_name="blog_article_tags")
    op.drop_index("ix_blog_article_favorited_by_user_id", table_name="blog_article_favorited_by")
    op.drop_index("ix_blog_article_favorited_by_article_id", table_name="blog_article_favorited_by")
    op.drop_index("ix_blog_article_author_id", table_name="blog_article")
    op.drop_index("article_newest", table_name="blog_article")
    op.drop_table("blog_user_following")
    op.drop_table("blog_comment")
    op.drop_table("blog_article_tags")
    op.drop_table("blog_article_favorited_by")
    op.drop_table("blog_article")
    op.drop_table("blog_user")
    op.drop_table("blog_tag")
