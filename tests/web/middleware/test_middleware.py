from __future__ import annotations

from vivace.web.middleware import Middleware, wrap
from vivace.web.middleware.gzip import GZipMiddleware
from vivace.web.responses import PlainTextResponse


def test_a_middleware_says_what_it_will_make() -> None:
    middleware = Middleware(GZipMiddleware, 100, compresslevel=3)
    assert repr(middleware) == "Middleware(GZipMiddleware, 100, compresslevel=3)"
    assert tuple(middleware) == (GZipMiddleware, (100,), {"compresslevel": 3})


def test_the_first_of_several_is_outermost() -> None:
    app = PlainTextResponse("")
    outer = wrap(app, [Middleware(GZipMiddleware, 1), Middleware(GZipMiddleware, 2)])
    assert isinstance(outer, GZipMiddleware)
    assert isinstance(outer.app, GZipMiddleware)
    assert (outer.minimum_size, outer.app.minimum_size, outer.app.app) == (1, 2, app)
    assert wrap(app, None) is app
