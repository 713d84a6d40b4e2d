"""What the names of static files say: which are never sent, which never change, which are compressed already."""

from __future__ import annotations

import os
import re

# Content codings, and how files are called that have them already; the first is taken where a client likes several.
CODINGS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}


def strange_names(*, windows: bool) -> str:
    """A pattern of what divides names elsewhere and, on Windows, of streams, short names and devices."""
    # https://learn.microsoft.com/windows/win32/fileio/naming-a-file: a device whatever comes after the dot
    devices = (
        r"/(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3]|conin\$|conout\$) *(?:[./]|\Z)"
    )
    return r"\\" + (rf"|[:~]|(?i:{devices})" if windows else "")


# Paths are matched with a slash in front.
STRANGE = re.compile(strange_names(windows=os.name == "nt"))
# The same, hidden names (`.git`, `.env`, `..`) but for RFC 8615's folder, and empty ones.
REFUSED = re.compile(r"/\.(?!well-known/)|//|" + STRANGE.pattern)
# An encoded slash is part of a name to whoever wrote it, and a path's division after decoding (RFC 3986 2.2).
ENCODED_SLASH = re.compile(rb"%(?:2f|5c)", re.IGNORECASE)
# `app.3f2a9c1b.js`, `base.27e20196a850.css.map`: hexadecimal digits, with a letter among them, or it may be a date.
# `index-BX2k9fQ1.css`: eight letters and digits of all kinds, with a digit within, or it may be a word (`-Version2`).
HASHED = re.compile(
    r"(?:^|[.-])(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,64}\."
    r"|-(?=\w*[0-9][A-Za-z])(?=\w*[a-z])(?=\w*[A-Z])[A-Za-z0-9_]{8}\.",
    re.ASCII,
)
FOREVER = "public, max-age=31536000, immutable"  # RFC 8246
ASK = "no-cache"
