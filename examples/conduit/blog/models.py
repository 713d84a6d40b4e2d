"""Who writes, what they write, and who likes it."""

from __future__ import annotations

from typing import Self

from vivace.orm import models
from vivace.orm.models import Exists, OuterRef, Value


class User(models.Model):
    """Somebody with an account; `following` are those whose articles are in their feed."""

    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(max_length=254, unique=True)
    password = models.CharField(max_length=200, help_text="As `passwords.hashed()` makes it.")
    bio = models.TextField(blank=True, default="")
    image = models.URLField(max_length=1000, null=True, blank=True)
    following: models.ManyToManyField[User] = models.ManyToManyField(
        "self", symmetrical=False, related_name="followers"
    )

    is_authenticated = True


class Tag(models.Model):
    """A word that articles are found by."""

    name = models.CharField(max_length=100, unique=True)

    class Meta:
        ordering = ["name"]


class ArticleQuerySet(models.QuerySet["Article"]):
    """Articles as somebody sees them."""

    def seen_by(self, user: User | None) -> Self:
        """With `favorites_count`, and what `user` (None: a stranger) thinks of them: `favorited`, `follows_author`."""
        # As in Django, the model's ordering is not that of groups.
        counted = self.annotate(favorites_count=models.Count("favorited_by")).order_by(*Article._meta.ordering)
        return counted.annotate(
            favorited=likes(user, OuterRef("pk")),
            follows_author=follows(user, OuterRef("author")),
        )


class Article(models.Model):
    """An article; `slug` is made of its title."""

    slug = models.SlugField(max_length=220, unique=True)
    title = models.CharField(max_length=200)
    description = models.CharField(max_length=1000)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    author = models.ForeignKey(User, on_delete=models.CASCADE, related_name="articles")
    tags = models.ManyToManyField(Tag, related_name="articles")
    favorited_by = models.ManyToManyField(User, related_name="favorites")

    objects = ArticleQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["-created_at", "-id"], name="article_newest")]


class Comment(models.Model):
    """What somebody says below an article."""

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(User, on_delete=models.CASCADE, related_name="comments")
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]


def follows(user: User | None, other: OuterRef) -> models.Expression:
    """Whether `user` follows the user whose key `other` is, in a query."""
    if user is None:
        return Value(False)
    return Exists(User.following.through.objects.filter(from_user=user, to_user=other))


def likes(user: User | None, article: OuterRef) -> models.Expression:
    """Whether `user` has favorited the article whose key this is, in a query."""
    if user is None:
        return Value(False)
    return Exists(Article.favorited_by.through.objects.filter(user=user, article=article))
