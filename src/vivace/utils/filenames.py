"""A name for a file on our disk, from one that a stranger chose."""

from __future__ import annotations

import re
import unicodedata

# The length of a name that every common file system takes, in bytes of UTF-8.
LONGEST = 255
# Unicode categories: control, format (which reverses the text that follows), surrogates, private, unassigned,
# line and paragraph separators.
_UNFIT_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Shells, URLs and Windows give these a meaning.
_UNFIT = re.compile(r"""[<>:"|?*%&;$`'!{}\[\]#~^]|\s+""")
# Names of devices, on Windows, whatever comes after the dot.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)", re.IGNORECASE)


def safe_filename(filename: str, default: str = "file") -> str:
    """One component of a path, never hidden, empty or special: letters of any script stay, the extension stays.

    `default` is for a name of which nothing is left. Two names may become the same one: whoever writes the file still
    has to ask whether it is there.
    """
    # Windows sends backslashes. What is before the last separator is the client's folder.
    name = re.split(r"[/\\]", filename)[-1]
    name = unicodedata.normalize("NFC", name)
    name = "".join(character for character in name if unicodedata.category(character) not in _UNFIT_CATEGORIES)
    name = _UNFIT.sub("_", name).strip("._- ")
    if _DEVICES.match(name):
        name = "_" + name
    return _shortened(name) or default


def _shortened(name: str) -> str:
    if len(name.encode()) <= LONGEST:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 20:
        stem, dot, extension = name, "", ""
    room = LONGEST - len((dot + extension).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip("._- ") + dot + extension
