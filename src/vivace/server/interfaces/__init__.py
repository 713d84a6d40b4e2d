"""Which interface an application speaks, and adapters that make each of them ASGI 3.

`adapt` is all that the server calls. `detection.py` tells what an application is by how it can be called; `asgi2.py`
and `vivace.utils.wsgi` adapt what is not ASGI 3.
"""

from __future__ import annotations

from typing import Any, cast

from vivace.server.config import Interface
from vivace.server.interfaces.asgi2 import Asgi2Adapter
from vivace.server.interfaces.detection import detect, require
from vivace.server.types import ASGIApp
from vivace.utils.wsgi import WsgiAdapter

__all__ = ["adapt", "detect"]


def adapt(app: Any, interface: Interface = "auto", *, wsgi_threads: int) -> ASGIApp:
    """`app` as an ASGI 3 application, whichever of the interfaces it speaks.

    "auto" finds out from how it can be called. At most `wsgi_threads` requests are in a WSGI application at once.
    Raises AppLoadError when it is no application, when nobody can tell which interface it speaks, or when it cannot
    be called as `interface` says.
    """
    if interface == "auto":
        interface = detect(app)
    else:
        require(app, interface)
    if interface == "wsgi":
        return WsgiAdapter(app, wsgi_threads)
    if interface == "asgi2":
        return Asgi2Adapter(app)
    return cast(ASGIApp, app)
