"""Files of directories as an ASGI application (names as in `starlette.staticfiles`)."""

from __future__ import annotations

import errno
import importlib.util
import os
import stat
import time
from collections.abc import Sequence
from typing import TypeGuard

import anyio
import anyio.to_thread

from vivace.utils import conditional
from vivace.utils.file_parts import NOT_MODIFIED_HEADERS
from vivace.utils.route_path import get_route_path
from vivace.utils.static_names import ASK, CODINGS, FOREVER, HASHED, REFUSED, STRANGE
from vivace.web.datastructures import URL, Headers
from vivace.web.exceptions import HTTPException
from vivace.web.responses import FileResponse, RedirectResponse, Response
from vivace.web.staticfiles._found import Choice, FoundFile, FoundFiles, describe, may_be_compressed
from vivace.web.staticfiles._manifest import MANIFEST_NAME, Manifest
from vivace.web.staticfiles._response import StaticFileResponse
from vivace.web.types import Receive, Scope, Send
from vivace.web.websockets import WebSocketClose

PathLike = str | os.PathLike[str]

# No file can have such a name: it is too long, or goes round in circles of symbolic links.
_NO_SUCH_NAME = (errno.ENAMETOOLONG, errno.ELOOP)
# What was found for a request, from `get_response` to `file_response`, which subclasses may override each.
_FOUND_KEY = "vivace.static_file"


class NotModifiedResponse(Response):
    """304, with the headers that stand for the response it replaces (RFC 9110 15.4.5)."""

    def __init__(self, headers: Headers) -> None:
        super().__init__(status_code=304)
        self.raw_headers = [one for one in headers.raw if one[0].decode("latin-1") in NOT_MODIFIED_HEADERS]


class StaticFiles:
    """Serves the files below `directory`, or several of them, and those in `statics` folders of `packages`.

    The first place that has a file wins. `packages` names importable packages, or `(package, folder)` pairs. With
    `html=True` a directory is answered with its `index.html`, and what is missing with `404.html`; `fallback` is the
    page that a browser gets for what is missing, with 200, for applications of one page.

    A path never leaves the directory: neither by `..`, nor by a symbolic link unless `follow_symlink=True`. Names that
    begin with a dot are not served unless `dot_files=True`; `.well-known` is.

    `app.css.br`, `.zst` and `.gz` beside `app.css`, if they are no older, are sent in its place to clients that take
    them; `precompressed=False` leaves that out. Names with a hash of their content are cached for ever, others for
    `max_age` seconds, and with 0 asked for again each time, as pages are. `manifest` says how files are published
    (`public_path`); by default it is the `staticfiles.json` of a directory, if there is one when the application is
    made; False is for none.

    RuntimeError when a directory does not exist, at once or, with `check_dir=False`, at the first request.
    """

    def __init__(
        self,
        *,
        directory: PathLike | Sequence[PathLike] | None = None,
        packages: Sequence[str | tuple[str, str]] | None = None,
        html: bool = False,
        check_dir: bool = True,
        follow_symlink: bool = False,
        fallback: str | None = None,
        dot_files: bool = False,
        precompressed: bool = True,
        max_age: int = 0,
        manifest: PathLike | bool | None = None,
    ) -> None:
        if max_age < 0:
            raise ValueError(f"max_age is a number of seconds from zero, got {max_age}.")
        self.directory = directory
        self.packages = packages
        self.all_directories = self.get_directories(directory, packages)
        self.html = html
        self.config_checked = False
        self.follow_symlink = follow_symlink
        self._fallback = fallback
        self.precompressed = precompressed
        self.max_age = max_age
        self._refused = STRANGE if dot_files else REFUSED
        if check_dir:
            for one in _as_directories(directory):
                if not os.path.isdir(one):
                    raise RuntimeError(f"Directory '{one}' does not exist")
        self.manifest = self._load_manifest(manifest)
        self._published = frozenset(self.manifest.paths.values()) if self.manifest else frozenset()
        self._known = FoundFiles()

    def get_directories(
        self,
        directory: PathLike | Sequence[PathLike] | None = None,
        packages: Sequence[str | tuple[str, str]] | None = None,
    ) -> list[PathLike]:
        """Every directory to look in, in order."""
        directories = _as_directories(directory)
        for entry in packages or ():
            package, folder = (entry, "statics") if isinstance(entry, str) else entry
            directories.append(_package_directory(package, folder))
        return directories

    def public_path(self, path: str) -> str:
        """The path under which a file is published: with a hash in its name, if there is a manifest.

        `url_for("static", path="app.css")` asks it. Raises UnknownStaticFileError for a file that the manifest lacks.
        """
        return path if self.manifest is None else self.manifest.published(path)

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
        if self._is_refused(path):
            raise HTTPException(status_code=404)
        if self.html and scope.get("path", "").endswith("/"):
            index = self._known.get(os.path.join(path, "index.html"), _accept_encoding(scope))
            if index is not None:
                return self._known_response(index, scope)
        full_path, stat_result = await self._look_up(path, scope)
        if _is_file(stat_result):
            return self.file_response(full_path, stat_result, scope)
        if self.html:
            is_directory = stat_result is not None and stat.S_ISDIR(stat_result.st_mode)
            page = await self._page(path, scope, is_directory=is_directory)
            if page is not None:
                return page
        if self._fallback is not None and "text/html" in Headers(raw=scope.get("headers", [])).get("accept", ""):
            # Scripts and pictures that are missing must not be pages.
            full_path, stat_result = await self._look_up(self._fallback, scope)
            if _is_file(stat_result):
                return self.file_response(full_path, stat_result, scope)
        raise HTTPException(status_code=404)

    async def _page(self, path: str, scope: Scope, *, is_directory: bool) -> Response | None:
        if is_directory:
            full_path, stat_result = await self._look_up(os.path.join(path, "index.html"), scope)
            if _is_file(stat_result):
                # Relative links in the page need the slash.
                if not scope["path"].endswith("/"):
                    url = URL(scope=scope)
                    return RedirectResponse(url.replace(path=url.path + "/"))
                return self.file_response(full_path, stat_result, scope)
        full_path, stat_result = await self._look_up("404.html", scope)
        return self.file_response(full_path, stat_result, scope, 404) if _is_file(stat_result) else None

    def _is_refused(self, path: str) -> bool:
        if path == ".":
            return False
        plain = path.replace(os.sep, "/")
        return self._refused.search("/" + plain) is not None or (self.manifest is not None and plain == MANIFEST_NAME)

    async def _look_up(self, path: str, scope: Scope) -> tuple[str, os.stat_result | None]:
        accepted = _accept_encoding(scope)
        known = self._known.get(path, accepted)
        if known is None:
            full_path, stat_result, choice = await self._look(path)
            if choice is None:
                return full_path, stat_result
            known = choice, choice.for_client(accepted)
        scope[_FOUND_KEY] = known
        return known[0].plain.path, known[0].plain.status

    async def _look(self, path: str) -> tuple[str, os.stat_result | None, Choice | None]:
        try:
            return await anyio.to_thread.run_sync(self._look_in_thread, path)
        except PermissionError:
            raise HTTPException(status_code=403) from None
        except ValueError:
            # NUL, or text that the file system's encoding cannot say.
            raise HTTPException(status_code=404) from None
        except OSError as error:
            if error.errno in _NO_SUCH_NAME:
                raise HTTPException(status_code=404) from None
            raise

    def _look_in_thread(self, path: str) -> tuple[str, os.stat_result | None, Choice | None]:
        full_path, status = self.lookup_path(path)
        if not _is_file(status):
            return full_path, status, None
        variants = dict(self._variants(path, full_path, status)) if self.precompressed else {}
        plain = self._describe(path, full_path, status, has_variants=bool(variants))
        described = {
            coding: self._describe(path, variant, variant_status, coding=coding, has_variants=True)
            for coding, (variant, variant_status) in variants.items()
        }
        choice = Choice(plain, described, time.monotonic())
        if type(self).lookup_path is StaticFiles.lookup_path and "lookup_path" not in vars(self):
            self._known.keep(path, choice)
        return full_path, status, choice

    def _variants(
        self, path: str, full_path: str, status: os.stat_result
    ) -> list[tuple[str, tuple[str, os.stat_result]]]:
        """The compressed files beside a file, by coding. One that is older was made of what the file was before."""
        found = []
        if may_be_compressed(path):
            for coding, extension in CODINGS.items():
                variant, variant_status = self.lookup_path(path + extension)
                if (
                    _is_file(variant_status)
                    and os.path.dirname(variant) == os.path.dirname(full_path)
                    and int(variant_status.st_mtime) >= int(status.st_mtime)
                ):
                    found.append((coding, (variant, variant_status)))
        return found

    def _describe(
        self, path: str, full_path: str, status: os.stat_result, *, coding: str = "", has_variants: bool
    ) -> FoundFile:
        return describe(
            full_path,
            status,
            self._root_of(full_path),
            name=path.replace(os.sep, "/"),
            coding=coding,
            has_variants=has_variants,
            cache_control=self.cache_control,
        )

    def _root_of(self, full_path: str) -> str | None:
        if self.follow_symlink:
            return None
        roots = (os.path.realpath(directory) for directory in self.all_directories)
        return next((root for root in roots if full_path.startswith(os.path.join(root, ""))), None)

    def cache_control(self, name: str, media_type: str) -> str:
        """The Cache-Control of a file, by its name with slashes. Override it for rules of your own."""
        if name in self._published or HASHED.search(name.rpartition("/")[2]):
            return FOREVER
        # A page names the files that belong to it: an old page asks for files that are no longer there.
        return f"public, max-age={self.max_age}" if self.max_age and media_type != "text/html" else ASK

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
        known: tuple[Choice, FoundFile] | None = scope.get(_FOUND_KEY)
        if known is not None and known[0].plain.status is stat_result and known[0].plain.path == full_path:
            return self._known_response(known, scope, status_code)
        response = FileResponse(full_path, status_code=status_code, stat_result=stat_result)
        if status_code == 200 and self.is_not_modified(response.headers, Headers(raw=scope.get("headers", []))):
            return NotModifiedResponse(response.headers)
        return response

    def _known_response(self, known: tuple[Choice, FoundFile], scope: Scope, status_code: int = 200) -> Response:
        response = StaticFileResponse(known[1], status_code)
        if status_code == 200 and _asks_for_news(scope):
            headers = Headers(raw=response.raw_headers)
            if self.is_not_modified(headers, Headers(raw=scope.get("headers", []))):
                return NotModifiedResponse(headers)
        return response

    async def check_config(self) -> None:
        """Raises RuntimeError when a directory is none: better loud than 404 for everything."""
        for directory in _as_directories(self.directory):
            try:
                stat_result = await anyio.to_thread.run_sync(os.stat, directory)
            except FileNotFoundError:
                raise RuntimeError(f"StaticFiles directory '{directory}' does not exist.") from None
            if not stat.S_ISDIR(stat_result.st_mode):
                raise RuntimeError(f"StaticFiles path '{directory}' is not a directory.")

    def is_not_modified(self, response_headers: Headers, request_headers: Headers) -> bool:
        """Whether the conditions of the request allow a 304."""
        last_modified = conditional.parse_http_date(response_headers.get("last-modified", ""))
        etag = response_headers.get("etag")
        return conditional.evaluate("GET", request_headers, etag=etag, last_modified=last_modified) == 304

    def _load_manifest(self, manifest: PathLike | bool | None) -> Manifest | None:
        if manifest is False:
            return None
        places = [os.path.join(directory, MANIFEST_NAME) for directory in self.all_directories]
        if manifest is None or manifest is True:
            found = next((place for place in places if os.path.isfile(place)), None)
            if found is None and manifest:
                raise RuntimeError(f"There is no manifest at {' or '.join(places)}. `vivace collectstatic` makes it.")
        else:
            found = os.fspath(manifest)
        try:
            return None if found is None else Manifest.load(found)
        except (OSError, ValueError) as error:
            raise RuntimeError(f"The manifest of the static files cannot be read: {error}") from None


_NEWS = frozenset({b"if-none-match", b"if-modified-since"})


def _asks_for_news(scope: Scope) -> bool:
    return any(name in _NEWS for name, _ in scope.get("headers", ()))


def _accept_encoding(scope: Scope) -> str | None:
    values = [value for name, value in scope.get("headers", ()) if name == b"accept-encoding"]
    return b",".join(values).decode("latin-1") if values else None


def _as_directories(directory: PathLike | Sequence[PathLike] | None) -> list[PathLike]:
    if directory is None:
        return []
    return [directory] if isinstance(directory, str | os.PathLike) else list(directory)


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
