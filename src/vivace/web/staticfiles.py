"""Files of a directory as an ASGI application (names as in `starlette.staticfiles`)."""

from __future__ import annotations

import errno
import importlib.util
import os
import stat
from collections.abc import Sequence
from typing import TypeGuard

import anyio
import anyio.to_thread

from vivace.utils import conditional
from vivace.utils.file_parts import NOT_MODIFIED_HEADERS
from vivace.utils.route_path import get_route_path
from vivace.web.datastructures import URL, Headers
from vivace.web.exceptions import HTTPException
from vivace.web.responses import FileResponse, RedirectResponse, Response
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocketClose

PathLike = str | os.PathLike[str]

# No file can have such a name: it is too long, or goes round in circles of symbolic links.
_NO_SUCH_NAME = (errno.ENAMETOOLONG, errno.ELOOP)


class NotModifiedResponse(Response):
    """304, with the headers that stand for the response it replaces (RFC 9110 15.4.5)."""

    def __init__(self, headers: Headers) -> None:
        kept = {name: value for name, value in headers.items() if name in NOT_MODIFIED_HEADERS}
        super().__init__(status_code=304, headers=kept)


class StaticFiles:
    """Serves the files below `directory`, and those in `statics` folders of `packages`; first found wins.

    `packages` names importable packages, or `(package, folder)` pairs. With `html=True` a directory is answered with
    its `index.html`, and what is missing with `404.html`. A path never leaves the directory: neither by `..`, nor by a
    symbolic link unless `follow_symlink=True`. RuntimeError when the directory does not exist, at once or, with
    `check_dir=False`, at the first request.
    """

    def __init__(
        self,
        *,
        directory: PathLike | None = None,
        packages: Sequence[str | tuple[str, str]] | None = None,
        html: bool = False,
        check_dir: bool = True,
        follow_symlink: bool = False,
    ) -> None:
        self.directory = directory
        self.packages = packages
        self.all_directories = self.get_directories(directory, packages)
        self.html = html
        self.config_checked = False
        self.follow_symlink = follow_symlink
        if check_dir and directory is not None and not os.path.isdir(directory):
            raise RuntimeError(f"Directory '{directory}' does not exist")

    def get_directories(
        self, directory: PathLike | None = None, packages: Sequence[str | tuple[str, str]] | None = None
    ) -> list[PathLike]:
        """Every directory to look in, in order."""
        directories: list[PathLike] = [] if directory is None else [directory]
        for entry in packages or ():
            package, folder = (entry, "statics") if isinstance(entry, str) else entry
            directories.append(_package_directory(package, folder))
        return directories

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        if not self.config_checked:
            await self.check_config()
            self.config_checked = True
        response = await self.get_response(self.get_path(scope), scope)
        await response(scope, receive, send)

    def get_path(self, scope: Scope) -> str:
        """The path below the directory, in the system's notation, with `.` and `..` worked out."""
        return os.path.normpath(os.path.join(*get_route_path(scope).split("/")))

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The response for a path. Raises `HTTPException`: 405, 404, or 403 for a file that may not be read."""
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(status_code=405, headers={"Allow": "GET, HEAD"})
        full_path, stat_result = await self._look_up(path)
        if _is_file(stat_result):
            return self.file_response(full_path, stat_result, scope)
        if self.html:
            if stat_result is not None and stat.S_ISDIR(stat_result.st_mode):
                full_path, stat_result = await self._look_up(os.path.join(path, "index.html"))
                if _is_file(stat_result):
                    # Relative links in the page need the slash.
                    if not scope["path"].endswith("/"):
                        url = URL(scope=scope)
                        return RedirectResponse(url.replace(path=url.path + "/"))
                    return self.file_response(full_path, stat_result, scope)
            full_path, stat_result = await self._look_up("404.html")
            if _is_file(stat_result):
                return FileResponse(full_path, stat_result=stat_result, status_code=404)
        raise HTTPException(status_code=404)

    async def _look_up(self, path: str) -> tuple[str, os.stat_result | None]:
        try:
            return await anyio.to_thread.run_sync(self.lookup_path, path)
        except PermissionError:
            raise HTTPException(status_code=403) from None
        except ValueError:
            # NUL, or text that the file system's encoding cannot say.
            raise HTTPException(status_code=404) from None
        except OSError as error:
            if error.errno in _NO_SUCH_NAME:
                raise HTTPException(status_code=404) from None
            raise

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The real path and status of a file or directory, `("", None)` when there is none. Blocks."""
        if path.startswith(("/", "\\")):
            return "", None
        resolve = os.path.abspath if self.follow_symlink else os.path.realpath
        for directory in self.all_directories:
            root = resolve(directory)
            full_path = resolve(os.path.join(root, path))
            if os.path.commonpath([full_path, root]) != root:
                continue
            try:
                return full_path, os.stat(full_path)
            except (FileNotFoundError, NotADirectoryError):
                continue
        return "", None

    def file_response(
        self, full_path: PathLike, stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304 when the client has it."""
        response = FileResponse(full_path, status_code=status_code, stat_result=stat_result)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response

    async def check_config(self) -> None:
        """Raises RuntimeError when the directory is none: better loud than 404 for everything."""
        if self.directory is None:
            return
        try:
            stat_result = await anyio.to_thread.run_sync(os.stat, self.directory)
        except FileNotFoundError:
            raise RuntimeError(f"StaticFiles directory '{self.directory}' does not exist.") from None
        if not stat.S_ISDIR(stat_result.st_mode):
            raise RuntimeError(f"StaticFiles path '{self.directory}' is not a directory.")

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Whether the conditions of the request allow a 304."""
        last_modified = conditional.parse_http_date(response_headers.get("last-modified", ""))
        etag = response_headers.get("etag")
        return conditional.evaluate("GET", request_headers, etag=etag, last_modified=last_modified) == 304


def _is_file(stat_result: os.stat_result | None) -> TypeGuard[os.stat_result]:
    return stat_result is not None and stat.S_ISREG(stat_result.st_mode)


def _package_directory(package: str, folder: str) -> str:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"Package {package!r} could not be found.")
    directory = os.path.normpath(os.path.join(spec.origin, "..", folder))
    if not os.path.isdir(directory):
        raise RuntimeError(f"Directory {folder!r} in package {package!r} could not be found.")
    return directory
