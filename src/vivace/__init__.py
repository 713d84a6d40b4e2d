"""Vivace: a web project from its first file to production.

The house, top to bottom; a layer imports only layers below it (import-linter checks):

    cli         the `vivace` command
    testing     pytest plugin, database isolation, query-count assertions
    project     assembles a site: the `Vivace` application object
    rest        serializers, viewsets, routers, OpenAPI
    orm         models, querysets, migrations
    web         the ASGI toolkit, module names as in Starlette
    databases   async access to SQLite and PostgreSQL; pool; transactions
    server      the ASGI server; `server.protocol` holds the sans-IO protocols
    conf        settings types and their sources, the app registry
    utils       leaves that import nothing of ours

`server`, `web` and `databases` are independent towers. Each layer's `__init__` says which file to read first.

The names below are a site's everyday ones. Each is imported when it is first asked for: `import vivace` costs nothing,
and a script that needs one layer pays for that layer.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivace.conf import Settings as Settings
    from vivace.databases import Database as Database
    from vivace.orm import models as models
    from vivace.orm.transactions import atomic as atomic
    from vivace.orm.transactions import on_commit as on_commit
    from vivace.project import API as API
    from vivace.project import Vivace as Vivace
    from vivace.rest import routers as routers
    from vivace.rest import serializers as serializers
    from vivace.rest import viewsets as viewsets
    from vivace.server import run as run
    from vivace.server import serve as serve
    from vivace.web.background import BackgroundTask as BackgroundTask
    from vivace.web.exceptions import HTTPException as HTTPException
    from vivace.web.middleware import Middleware as Middleware
    from vivace.web.requests import Request as Request
    from vivace.web.responses import FileResponse as FileResponse
    from vivace.web.responses import HTMLResponse as HTMLResponse
    from vivace.web.responses import JSONResponse as JSONResponse
    from vivace.web.responses import PlainTextResponse as PlainTextResponse
    from vivace.web.responses import RedirectResponse as RedirectResponse
    from vivace.web.responses import Response as Response
    from vivace.web.responses import StreamingResponse as StreamingResponse
    from vivace.web.routing import Mount as Mount
    from vivace.web.routing import Route as Route
    from vivace.web.routing import WebSocketRoute as WebSocketRoute
    from vivace.web.websockets import WebSocket as WebSocket
    from vivace.web.websockets import WebSocketDisconnect as WebSocketDisconnect

__version__ = "0.1.0"

# Each name and the module that has it.
_EXPORTS = {
    "API": "vivace.project",
    "BackgroundTask": "vivace.web.background",
    "Database": "vivace.databases",
    "FileResponse": "vivace.web.responses",
    "HTMLResponse": "vivace.web.responses",
    "HTTPException": "vivace.web.exceptions",
    "JSONResponse": "vivace.web.responses",
    "Middleware": "vivace.web.middleware",
    "Mount": "vivace.web.routing",
    "PlainTextResponse": "vivace.web.responses",
    "RedirectResponse": "vivace.web.responses",
    "Request": "vivace.web.requests",
    "Response": "vivace.web.responses",
    "Route": "vivace.web.routing",
    "Settings": "vivace.conf",
    "StreamingResponse": "vivace.web.responses",
    "Vivace": "vivace.project",
    "WebSocket": "vivace.web.websockets",
    "WebSocketDisconnect": "vivace.web.websockets",
    "WebSocketRoute": "vivace.web.routing",
    "atomic": "vivace.orm.transactions",
    "on_commit": "vivace.orm.transactions",
    "run": "vivace.server",
    "serve": "vivace.server",
}
# Names that are modules themselves.
_MODULES = {
    "models": "vivace.orm.models",
    "routers": "vivace.rest.routers",
    "serializers": "vivace.rest.serializers",
    "viewsets": "vivace.rest.viewsets",
}

__all__ = [*sorted([*_EXPORTS, *_MODULES])]  # noqa: PLE0604 - strings, from the tables above


def __getattr__(name: str) -> object:
    if name in _EXPORTS:
        value = getattr(importlib.import_module(_EXPORTS[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'vivace' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
