"""Static files: serving those of directories, and giving them names with a hash of their content.

`StaticFiles` is the application (`_app`), which keeps what it found out about files (`_found`); `Manifest` says which
file has which hashed name; `build` collects files, renames and compresses them when a site is deployed.
"""

from vivace.web.staticfiles._app import NotModifiedResponse, StaticFiles
from vivace.web.staticfiles._manifest import Manifest, UnknownStaticFileError

__all__ = ["Manifest", "NotModifiedResponse", "StaticFiles", "UnknownStaticFileError"]
