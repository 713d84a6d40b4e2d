"""The endpoints, in the order of Conduit's list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blog.models import Article, Comment, Tag, User, follows
from blog.passwords import is_right
from blog.serializers import (
    ArticleInput,
    ArticleSerializer,
    ArticleSummarySerializer,
    CommentSerializer,
    ProfileSerializer,
    UserSerializer,
)
from vivace.orm.models import OuterRef
from vivace.rest import filtersets, mixins, pagination, serializers, status, viewsets
from vivace.rest.decorators import action
from vivace.rest.exceptions import APIException, ValidationError
from vivace.rest.generics import get_object_or_404
from vivace.rest.permissions import SAFE_METHODS, BasePermission, IsAuthenticated, IsAuthenticatedOrReadOnly
from vivace.rest.request import Request
from vivace.rest.response import Response
from vivace.rest.views import APIView


def sent(request: Request, name: str) -> Mapping[str, Any]:
    """What the body has in its envelope: `{"article": {…}}`. Raises ValidationError."""
    body = request.data.get(name) if isinstance(request.data, Mapping) else None
    if not isinstance(body, Mapping):
        raise ValidationError({name: ["is missing, or is not an object"]})
    return body


def reader(request: Request) -> User | None:
    """Who asks; None for a stranger."""
    return request.user if request.user.is_authenticated else None


# Users


class LoginSerializer(serializers.Serializer[Any]):
    """Who wants to log in."""

    email = serializers.EmailField()
    password = serializers.CharField(max_length=128, trim_whitespace=False)


class WrongCredentials(APIException):
    """401 without a challenge: it is not the request's credentials that are wrong, but those in its body."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "email or password is invalid"


class LoginView(APIView):
    """An account for an address and its password."""

    authentication_classes = []

    async def post(self, request: Request) -> Response:
        """200 with the account, or 401."""
        serializer = LoginSerializer(data=sent(request, "user"))
        await serializer.is_valid(raise_exception=True)
        user = await User.objects.filter(email=serializer.validated_data["email"]).first()
        if not await is_right(serializer.validated_data["password"], None if user is None else user.password):
            raise WrongCredentials
        return Response({"user": UserSerializer(user).data})


class RegistrationView(APIView):
    """New accounts."""

    authentication_classes = []

    async def post(self, request: Request) -> Response:
        """201 with the account, or 422."""
        serializer = UserSerializer(data=sent(request, "user"))
        await serializer.is_valid(raise_exception=True)
        await serializer.save()
        return Response({"user": serializer.data}, status.HTTP_201_CREATED)


class CurrentUserView(APIView):
    """One's own account."""

    permission_classes = [IsAuthenticated]

    async def get(self, request: Request) -> Response:
        """The account."""
        return Response({"user": UserSerializer(request.user).data})

    async def put(self, request: Request) -> Response:
        """Changes what is sent."""
        serializer = UserSerializer(request.user, data=sent(request, "user"), partial=True)
        await serializer.is_valid(raise_exception=True)
        await serializer.save()
        return Response({"user": serializer.data})


# Profiles


class ProfileView(APIView):
    """Somebody's profile."""

    permission_classes = [IsAuthenticatedOrReadOnly]

    async def get(self, request: Request, username: str) -> Response:
        """The profile, and whether the reader follows it."""
        users = User.objects.annotate(following_them=follows(reader(request), OuterRef("pk")))
        user = await get_object_or_404(users, username=username)
        shown = {"username": user.username, "bio": user.bio, "image": user.image, "following": user.following_them}
        return Response({"profile": ProfileSerializer(shown).data})


class FollowView(ProfileView):
    """Whose articles are in one's feed."""

    permission_classes = [IsAuthenticated]
    http_method_names = ["post", "delete", "options"]

    async def post(self, request: Request, username: str) -> Response:
        """Follows."""
        await request.user.following.add(await get_object_or_404(User, username=username))
        return await self.get(request, username)

    async def delete(self, request: Request, username: str) -> Response:
        """Unfollows."""
        await request.user.following.remove(await get_object_or_404(User, username=username))
        return await self.get(request, username)


# Articles


class IsAuthorOrReadOnly(BasePermission):
    """Only authors change what they wrote; anybody may favorite it."""

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:
        """Whether it is theirs."""
        is_for_all = request.method in SAFE_METHODS or view.action in ("favorite", "unfavorite")
        return is_for_all or obj.author == request.user


class ArticlePages(pagination.LimitOffsetPagination):
    """Twenty articles, or `?limit=` from `?offset=`."""

    default_limit = 20
    max_limit = 100

    def get_paginated_response(self, data: Any) -> Response:
        """With the number of all."""
        return Response({"articles": data, "articlesCount": self.count})

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        """The same, for the OpenAPI document."""
        properties = {"articles": schema, "articlesCount": {"type": "integer"}}
        return {"type": "object", "required": [*properties], "properties": properties}


class ArticleFilter(filtersets.FilterSet):
    """By tag, by author, by who likes it."""

    tag = filtersets.CharFilter("tags__name")
    author = filtersets.CharFilter("author__username")
    favorited = filtersets.CharFilter("favorited_by__username")


class ArticleViewSet(mixins.ListModelMixin, mixins.DestroyModelMixin, viewsets.GenericViewSet[Article]):
    """Articles by slug."""

    queryset = Article.objects.all()
    serializer_class = ArticleSerializer
    permission_classes = [IsAuthenticatedOrReadOnly, IsAuthorOrReadOnly]
    pagination_class = ArticlePages
    filter_backends = [filtersets.DjangoFilterBackend]
    filterset_class = ArticleFilter
    lookup_field = "slug"

    def get_queryset(self) -> Any:
        """As the reader sees them."""
        return Article.objects.seen_by(reader(self.request)).select_related("author")

    def get_serializer_class(self) -> Any:
        """Without the body in lists."""
        return ArticleSummarySerializer if self.action in ("list", "feed") else ArticleSerializer

    async def shown(self, slug: str, code: int = status.HTTP_200_OK) -> Response:
        """The answer with one article, as it is now."""
        article = await get_object_or_404(self.plan_queryset(self.get_queryset()), slug=slug)
        return Response({"article": await self.get_serializer(article).load()}, code)

    async def retrieve(self, request: Request, slug: str) -> Response:
        """An article."""
        return await self.shown(slug)

    async def create(self, request: Request) -> Response:
        """A new article."""
        serializer = ArticleInput(data=sent(request, "article"))
        await serializer.is_valid(raise_exception=True)
        article = await serializer.save(author=request.user)
        return await self.shown(article.slug, status.HTTP_201_CREATED)

    async def update(self, request: Request, slug: str) -> Response:
        """Changes what is sent."""
        serializer = ArticleInput(await self.get_object(), data=sent(request, "article"), partial=True)
        await serializer.is_valid(raise_exception=True)
        return await self.shown((await serializer.save()).slug)

    @action(detail=False, permission_classes=[IsAuthenticated])
    async def feed(self, request: Request) -> Response:
        """Articles of those whom the reader follows."""
        articles = self.get_queryset().filter(author__in=request.user.following.all())
        page = await self.paginate_queryset(self.plan_queryset(articles))
        return self.get_paginated_response(await self.get_serializer(page, many=True).load())

    @action(detail=True, methods=["post"])
    async def favorite(self, request: Request, slug: str) -> Response:
        """Favorites it."""
        await request.user.favorites.add(await self.get_object())
        return await self.shown(slug)

    @favorite.mapping.delete
    async def unfavorite(self, request: Request, slug: str) -> Response:
        """Favorites it no longer."""
        await request.user.favorites.remove(await self.get_object())
        return await self.shown(slug)


# Comments and tags


class CommentViewSet(mixins.DestroyModelMixin, viewsets.GenericViewSet[Comment]):
    """The comments of an article."""

    queryset = Comment.objects.all()
    serializer_class = CommentSerializer
    permission_classes = [IsAuthenticatedOrReadOnly, IsAuthorOrReadOnly]

    async def article(self) -> Article:
        """The article in the path. Raises NotFound."""
        found: Article = await get_object_or_404(Article, slug=self.kwargs["article_slug"])
        return found

    def get_queryset(self) -> Any:
        """The article's, as the reader sees them."""
        comments = Comment.objects.filter(article__slug=self.kwargs["article_slug"]).select_related("author")
        return comments.annotate(follows_author=follows(reader(self.request), OuterRef("author")))

    async def list(self, request: Request, article_slug: str) -> Response:
        """All of them, the newest first."""
        await self.article()
        return Response({"comments": await self.get_serializer(self.get_queryset(), many=True).load()})

    async def create(self, request: Request, article_slug: str) -> Response:
        """A new comment."""
        article = await self.article()
        serializer = self.get_serializer(data=sent(request, "comment"))
        await serializer.is_valid(raise_exception=True)
        made = await serializer.save(article=article, author=request.user)
        comment = await self.get_queryset().get(pk=made.pk)
        return Response({"comment": await self.get_serializer(comment).load()}, status.HTTP_201_CREATED)


class TagsView(APIView):
    """All tags."""

    async def get(self, request: Request) -> Response:
        """Their names."""
        return Response(
            {"tags": await Tag.objects.filter(articles__isnull=False).distinct().values_list("name", flat=True)}
        )
