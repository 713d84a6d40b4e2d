"""What a style sheet or a script refers to: found and rewritten, with everything else left as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# What is matched first hides what is in it: a comment or a text that looks like a reference is none.
_CSS = re.compile(
    r"""
      /\*[#@]\s*sourceMappingURL=(?P<map>[^\s*]+)\s*\*/
    | /\*.*?\*/
    | @import\s+(?P<import_quote>["'])(?P<import>[^"'\n]*)(?P=import_quote)
    | url\(\s*(?P<url_quote>["'])(?P<quoted>[^"'\n]*)(?P=url_quote)\s*\)
    | url\(\s*(?P<bare>[^\s"'()]+)\s*\)
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# What stands between `import` and the module; minified: `import{a as b}from"./x.js"`.
_IMPORTED = r"(?:[\w$*{},\s]+?(?:\bfrom|(?<=[}*])from)\s*)?"
_EXPORTED = r"(?:\*(?:\s*as\s+[\w$]+)?|\{[^{}]*\})\s*from\s*"
_JS = re.compile(
    rf"""
      //[#@]\s*sourceMappingURL=(?P<map>\S+)
    | //[^\n]* | /\*.*?\*/
    | (?<![\w$.])import\s*{_IMPORTED}(?P<import_quote>["'])(?P<import>[^"'\n]+)(?P=import_quote)
    | (?<![\w$.])export\s*{_EXPORTED}(?P<export_quote>["'])(?P<export>[^"'\n]+)(?P=export_quote)
    | (?<![\w$.])import\s*\(\s*(?P<lazy_quote>["'])(?P<lazy>[^"'\n]+)(?P=lazy_quote)\s*[,)]
    | new\s+URL\(\s*(?P<new_quote>["'])(?P<new>[^"'\n]+)(?P=new_quote)\s*,\s*import\.meta\.url\s*\)
    | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `(?:\\.|[^`\\])*`
    """,
    re.VERBOSE | re.DOTALL,
)
_CSS_GROUPS = ("map", "import", "quoted", "bare")
_JS_GROUPS = ("map", "import", "export", "lazy", "new")
# Elsewhere, or within the document.
_FOREIGN = re.compile(r"[a-z][a-z0-9+.-]*:|//|\#|\?|$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference as it stands, from `start` to `end` in the text."""

    url: str
    start: int
    end: int
    is_required: bool

    @property
    def path(self) -> str:
        """Without what follows a `?` or `#`."""
        return re.split(r"[?#]", self.url, maxsplit=1)[0]


def references_in(name: str, text: str) -> Iterator[Reference]:
    """The references in a style sheet or script to files that may be ours. Other files have none.

    What a style sheet refers to must be there. A script's import may be of a bundler's making, and a source map is
    often left out.
    """
    is_style = name.endswith(".css")
    if not is_style and not name.endswith((".js", ".mjs")):
        return
    pattern = _CSS if is_style else _JS
    groups: tuple[str, ...] = _CSS_GROUPS if is_style else _JS_GROUPS
    for found in pattern.finditer(text):
        group = next((group for group in groups if found[group] is not None), None)
        if group is None or _FOREIGN.match(found[group]) is not None:
            continue
        # A module by its bare name ("vue") is found by an import map, and is no path.
        if not is_style and group != "map" and not found[group].startswith(("./", "../", "/")):
            continue
        yield Reference(found[group], found.start(group), found.end(group), is_required=is_style and group != "map")


def rewrite(name: str, text: str, change: Callable[[Reference], str | None]) -> str:
    """The text with each reference as `change` gives it; None leaves it."""
    parts: list[str] = []
    end = 0
    for reference in references_in(name, text):
        new = change(reference)
        if new is not None:
            parts += [text[end : reference.start], new]
            end = reference.end
    return "".join(parts) + text[end:]
