"""A WSGI application (PEP 3333: Flask, Django's `get_wsgi_application()`) mounted in an ASGI one.

`Mount("/old", app=WSGIMiddleware(flask_app))`. The signature is Starlette's; unlike Starlette's own, bodies stream both
ways, no more is read than the application takes, and requests have threads of their own.
"""

from __future__ import annotations

import io
import sys
from typing import Any

from vivace.utils import wsgi
from vivace.web.types import Receive, Scope, Send

# What Starlette's environ does not have.
_OURS = ("REQUEST_URI", "REMOTE_PORT", "HTTPS", "wsgi.input_terminated", "wsgi.file_wrapper")


class WSGIMiddleware:
    """`app` as an ASGI application. At most `workers` of its requests run at a time, each in a thread; others wait.

    SCRIPT_NAME is the path that it is mounted under, PATH_INFO the rest. A client that leaves is an OSError where the
    application next reads or writes; a request that is cancelled ends when its thread has noticed. The error that the
    application shows a page for (`exc_info`) is raised after that page, so that the layers outside see it, as in
    Starlette. WebSockets are refused with 403. Raises ValueError for less than one worker.
    """

    def __init__(self, app: wsgi.WsgiApp, workers: int = 10) -> None:
        self.app = app
        self._adapter = wsgi.WsgiAdapter(app, workers, raises_exc_info=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._adapter(scope, receive, send)


def build_environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The environ that `starlette.middleware.wsgi` makes of a scope and a whole body.

    For code written against it: what applications get is `vivace.utils.wsgi.build_environ`'s, which knows more.
    """
    environ = wsgi.build_environ(scope, io.BytesIO(body))
    for key in _OURS:
        environ.pop(key, None)
    if not scope.get("client"):
        del environ["REMOTE_ADDR"]
    environ["SERVER_PORT"] = int(environ["SERVER_PORT"])
    environ |= {"wsgi.errors": sys.stdout, "wsgi.multiprocess": True}
    return environ
