"""What requests and responses are made of (names as in `starlette.datastructures`).

Read `_headers` first: it also holds the one check that keeps line breaks out of everything we send.
"""

from vivace.web.datastructures._headers import Headers, MutableHeaders
from vivace.web.datastructures._multidict import ImmutableMultiDict, MultiDict, QueryParams
from vivace.web.datastructures._uploads import FormData, UploadFile
from vivace.web.datastructures._url import URL, Address, URLPath
from vivace.web.datastructures._values import CommaSeparatedStrings, Secret, State

__all__ = [
    "URL",
    "Address",
    "CommaSeparatedStrings",
    "FormData",
    "Headers",
    "ImmutableMultiDict",
    "MultiDict",
    "MutableHeaders",
    "QueryParams",
    "Secret",
    "State",
    "URLPath",
    "UploadFile",
]
