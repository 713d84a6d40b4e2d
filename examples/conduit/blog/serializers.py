"""What is read and written, under the names of Conduit's clients."""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Any

from blog.models import Article, Comment, Tag, User
from blog.passwords import hashed
from blog.tokens import token_for
from vivace.orm import atomic
from vivace.rest import serializers


class UserSerializer(serializers.ModelSerializer[User]):
    """One's own account, with a fresh token."""

    token = serializers.SerializerMethodField()
    password = serializers.CharField(write_only=True, min_length=8, max_length=128, trim_whitespace=False)

    class Meta:
        model = User
        fields = ["email", "token", "username", "bio", "image", "password"]

    def get_token(self, user: User) -> str:
        """For the Authorization header."""
        return token_for(user)

    async def validate_password(self, value: str) -> str:
        """Only its hash goes any further."""
        return await hashed(value)


class ProfileSerializer(serializers.Serializer[User]):
    """Somebody else; `following` is annotated."""

    username = serializers.CharField()
    bio = serializers.CharField()
    image = serializers.CharField(allow_null=True)
    following = serializers.BooleanField()


class AuthorSerializer(serializers.Serializer[Any]):
    """Who wrote an article or a comment, which knows whether the reader follows them."""

    username = serializers.CharField(source="author.username")
    bio = serializers.CharField(source="author.bio")
    image = serializers.CharField(source="author.image", allow_null=True)
    following = serializers.BooleanField(source="follows_author")


class ArticleSummarySerializer(serializers.ModelSerializer[Article]):
    """An article in a list: without its body."""

    tagList = serializers.SlugRelatedField(source="tags", slug_field="name", many=True, read_only=True)  # noqa: N815
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)  # noqa: N815
    updatedAt = serializers.DateTimeField(source="updated_at", read_only=True)  # noqa: N815
    favorited = serializers.BooleanField(read_only=True)
    favoritesCount = serializers.IntegerField(source="favorites_count", read_only=True)  # noqa: N815
    author = AuthorSerializer(source="*", read_only=True)

    class Meta:
        model = Article
        fields = ["slug", "title", "description", "tagList", "createdAt", "updatedAt", "favorited", "favoritesCount"]
        fields += ["author"]
        read_only_fields = ["slug"]


class ArticleSerializer(ArticleSummarySerializer):
    """An article."""

    class Meta(ArticleSummarySerializer.Meta):
        fields = [*ArticleSummarySerializer.Meta.fields, "body"]


class ArticleInput(serializers.ModelSerializer[Article]):
    """An article as its author sends it."""

    tagList = serializers.ListField(  # noqa: N815
        child=serializers.CharField(max_length=100), required=False, max_length=50, write_only=True
    )

    class Meta:
        model = Article
        fields = ["title", "description", "body", "tagList"]

    async def create(self, validated_data: dict[str, Any]) -> Article:
        """The article and the tags that are new."""
        names = validated_data.pop("tagList", [])
        async with atomic():
            slug = await free_slug(validated_data["title"])
            article: Article = await Article.objects.create(slug=slug, **validated_data)
            await article.tags.set(await self.tags(names))
        return article

    async def update(self, instance: Article, validated_data: dict[str, Any]) -> Article:
        """What was sent; with another title, another slug."""
        names = validated_data.pop("tagList", None)
        if validated_data.get("title", instance.title) != instance.title:
            instance.slug = await free_slug(validated_data["title"])
        async with atomic():
            article: Article = await super().update(instance, validated_data)
            if names is not None:
                await article.tags.set(await self.tags(names))
        return article

    async def tags(self, names: list[str]) -> list[Tag]:
        """The tags of these names; two requests may make the same one."""
        await Tag.objects.bulk_create([Tag(name=name) for name in sorted(set(names))], ignore_conflicts=True)
        return await Tag.objects.filter(name__in=names)


class CommentSerializer(serializers.ModelSerializer[Comment]):
    """A comment; `follows_author` is annotated."""

    createdAt = serializers.DateTimeField(source="created_at", read_only=True)  # noqa: N815
    updatedAt = serializers.DateTimeField(source="updated_at", read_only=True)  # noqa: N815
    author = AuthorSerializer(source="*", read_only=True)

    class Meta:
        model = Comment
        fields = ["id", "createdAt", "updatedAt", "body", "author"]


async def free_slug(title: str) -> str:
    """A slug like the title, with some letters of chance behind it where another article has that one."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:200] or "article"
    is_taken = slug == "feed" or await Article.objects.filter(slug=slug).exists()
    return f"{slug}-{secrets.token_hex(4)}" if is_taken else slug
