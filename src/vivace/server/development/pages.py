"""Puts the script that loads a page again at the end of pages, as they pass."""

from __future__ import annotations

from html import escape

from vivace.server.development.policy import permission
from vivace.server.types import Message, Scope, Send

Headers = list[tuple[bytes, bytes]]

# What a browser that navigates asks for (Fetch Metadata); scripts that fetch a piece of HTML say "empty".
PAGES = {b"document", b"iframe", b"frame"}
WITHOUT_CONTENT = {204, 205, 206, 304}


def is_page_view(scope: Scope) -> bool:
    """Whether a browser navigates here: what scripts, `curl` and tests fetch is left as it is.

    Loading again what a form has sent would send it again, so only GET.
    """
    if scope["method"] != "GET":
        return False
    headers = dict(scope["headers"])
    kind = headers.get(b"sec-fetch-dest")
    # Browsers leave it out on http addresses other than localhost.
    return kind in PAGES if kind is not None else b"text/html" in headers.get(b"accept", b"")


class PageSend:
    """The `send` of one page view. HTML gets the script as its last bytes, without waiting for any of them."""

    def __init__(self, send: Send, script: str, version: str) -> None:
        self.send = send
        self.script = script
        self.version = version
        self.tag = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
            self.tag = self._tag(message["status"], headers)
            if self.tag:
                message = {**message, "headers": _lengthened(headers, len(self.tag))}
        elif self.tag and message["type"] == "http.response.body" and not message.get("more_body", False):
            body = bytes(message.get("body", b""))
            message = {**message, "body": body + self.tag}
        await self.send(message)

    def _tag(self, status: int, headers: Headers) -> bytes:
        """The script's element, or nothing for a response that is no page or wants no script."""
        if status in WITHOUT_CONTENT or not _is_page(headers):
            return b""
        granted, nonce = permission(
            value.decode("latin-1") for name, value in headers if name == b"content-security-policy"
        )
        if not granted:
            return b""
        attribute = "" if nonce is None else f' nonce="{escape(nonce)}"'
        source, version = escape(self.script), escape(self.version)
        return f'\n<script async src="{source}" data-version="{version}"{attribute}></script>\n'.encode()


def _is_page(headers: Headers) -> bool:
    values = dict(headers)
    kind, _, parameters = values.get(b"content-type", b"").lower().partition(b";")
    return (
        kind.strip() == b"text/html"
        and b"utf-16" not in parameters
        and values.get(b"content-encoding", b"identity") == b"identity"
        and not values.get(b"content-disposition", b"").lower().startswith(b"attachment")
    )


def _lengthened(headers: Headers, more: int) -> Headers:
    return [(name, str(int(value) + more).encode() if name == b"content-length" else value) for name, value in headers]
