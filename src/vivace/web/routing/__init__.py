"""Which code answers which URL, and the way back from a name to a URL (Starlette's names).

`paths` turns "/users/{id:int}" into a pattern; `routes` holds the routes, `router` what contains them (`Mount`, `Host`,
`Router`); `_matcher_cy` is the table that all routes of a router are compiled into. Read `routes` first.
"""

from vivace.web.routing.paths import PARAM_REGEX, InvalidRouteError, compile_path, replace_params
from vivace.web.routing.router import Host, Mount, Router
from vivace.web.routing.routes import (
    BaseRoute,
    Match,
    NoMatchFound,
    Route,
    RouteGroup,
    WebSocketRoute,
    flatten,
    get_name,
    request_response,
    websocket_session,
)

__all__ = [
    "PARAM_REGEX",
    "BaseRoute",
    "Host",
    "InvalidRouteError",
    "Match",
    "Mount",
    "NoMatchFound",
    "Route",
    "RouteGroup",
    "Router",
    "WebSocketRoute",
    "compile_path",
    "flatten",
    "get_name",
    "replace_params",
    "request_response",
    "websocket_session",
]
