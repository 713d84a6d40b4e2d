"""Routes as Django writes them: `path()`, `re_path()`, `include()`, `reverse()` (names as in `django.urls`).

    urlpatterns = [
        path("books/<int:pk>/", views.book, name="book"),
        path("blog/", include("blog.urls")),
    ]
    app = Application(routes=urlpatterns)

They are routes like any others: they may stand beside `Route` and `Mount`, go into the same table and have the same
names, "blog:detail". Views are called as `view(request, **parameters)`.

Read `patterns` for what is between the quotes, `entries` for `path` and `include`, `routes` for what they become and
`reversing` for the way back.
"""

from vivace.web.urls.converters import register_converter
from vivace.web.urls.entries import include, path, re_path
from vivace.web.urls.resolving import Resolver404, ResolverMatch, resolve
from vivace.web.urls.reversing import NoReverseMatch, get_urlconf, reverse, reverse_lazy, set_urlconf

__all__ = [
    "NoReverseMatch",
    "Resolver404",
    "ResolverMatch",
    "get_urlconf",
    "include",
    "path",
    "re_path",
    "register_converter",
    "resolve",
    "reverse",
    "reverse_lazy",
    "set_urlconf",
]
