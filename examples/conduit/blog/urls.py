"""Where the endpoints are."""

from __future__ import annotations

from blog import views
from vivace.rest.routers import NestedSimpleRouter, SimpleRouter
from vivace.web.routing import Mount, Route

articles = SimpleRouter(trailing_slash=False)
articles.register("articles", views.ArticleViewSet)
comments = NestedSimpleRouter(articles, "articles", lookup="article")
comments.register("comments", views.CommentViewSet)

routes = [
    Mount(
        "/api",
        routes=[
            Route("/users/login", views.LoginView.as_view(), name="login"),
            Route("/users", views.RegistrationView.as_view(), name="registration"),
            Route("/user", views.CurrentUserView.as_view(), name="user"),
            Route("/profiles/{username}", views.ProfileView.as_view(), name="profile"),
            Route("/profiles/{username}/follow", views.FollowView.as_view(), name="follow"),
            *articles.routes,
            *comments.routes,
            Route("/tags", views.TagsView.as_view(), name="tags"),
        ],
    )
]
