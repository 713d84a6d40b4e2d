"""An ASGI scope as the environ of PEP 3333."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, unquote_to_bytes

from vivace.utils.asgi import Scope
from vivace.utils.wsgi.files import FileWrapper

DEFAULT_PORTS = {"http": "80", "https": "443"}
PATH_CHARACTERS = "/:@!$&'()*+,;=-._~"  # RFC 3986 3.3


def build_environ(scope: Scope, body: BinaryIO) -> dict[str, Any]:
    """The environ of a request. Its strings hold bytes as latin-1 ("native strings"), whatever these mean."""
    scheme = scope.get("scheme", "http")
    script_name, path_info = _paths(scope)
    query = scope["query_string"].decode("latin-1")
    server, port = _server(scope)
    client = scope.get("client") or ("", "")
    raw_path = scope.get("raw_path") or quote(scope["path"], safe=PATH_CHARACTERS).encode()
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        # Not of the PEP, but what frameworks look for who has to see the path as the client wrote it.
        "REQUEST_URI": raw_path.decode("latin-1") + (f"?{query}" if query else ""),
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    if scheme == "https":
        environ["HTTPS"] = "on"
    _add_headers(environ, scope.get("headers", []))
    return environ


def _paths(scope: Scope) -> tuple[str, str]:
    """SCRIPT_NAME and PATH_INFO. The scope's `path` is text already, so the raw path says what bytes it was made of."""
    text: str = scope["path"]
    root_text: str = scope.get("root_path", "")
    path = text.encode(errors="surrogateescape")
    if raw_path := scope.get("raw_path"):
        said = unquote(raw_path.decode("latin-1"))
        # Not if a middleware has rewritten the path and nothing else.
        if said in {text, root_text + text}:
            path = unquote_to_bytes(raw_path)
    return _split(root_text.encode().decode("latin-1"), path.decode("latin-1"))


def _split(root: str, path: str) -> tuple[str, str]:
    if root and (path == root or path.startswith(root.rstrip("/") + "/")):
        return root, path[len(root) :]
    return root, path


def _server(scope: Scope) -> tuple[str, str]:
    """SERVER_NAME and SERVER_PORT, which may not be empty: a Unix socket has neither."""
    name, port = scope.get("server") or (None, None)
    if name is None or port is None:
        return "localhost", DEFAULT_PORTS.get(scope.get("scheme", "http"), "80")
    return name, str(port)


def _add_headers(environ: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        key = _environ_key(name)
        if key is None:
            continue
        text = value.decode("latin-1")
        if key in environ:
            # RFC 9110 5.3; and RFC 9113 8.2.3 for the cookies that HTTP/2 splits.
            separator = "; " if key == "HTTP_COOKIE" else ","
            text = f"{environ[key]}{separator}{text}"
        environ[key] = text


@lru_cache(maxsize=512)
def _environ_key(name: bytes) -> str | None:
    """None for a name with an underscore: as an environ key it would pass for the one with a dash, which a proxy may
    have vouched for.
    """
    if b"_" in name:
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
