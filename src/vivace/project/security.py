"""Which hosts a site answers for: Django's ALLOWED_HOSTS, with what a site in development needs."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vivace.web.exceptions import HTTPException
from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.types import ASGIApp, Scope

logger = logging.getLogger("vivace.security")

LOCAL_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")


class AllowedHostsMiddleware(TrustedHostMiddleware):
    """`TrustedHostMiddleware` by the setting ALLOWED_HOSTS; an empty list allows this machine's own names.

    The test clients' "testserver" is allowed when the client address is theirs, which no socket has. A request without
    a Host header (HTTP/1.0) is for the address it has reached.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        super().__init__(app, hosts or LOCAL_HOSTS, www_redirect=False)

    def is_allowed(self, scope: Scope, header: bytes | None) -> bool:
        if header is None:
            server = scope.get("server")
            return server is None or server[1] is None or self.matches(server[0])
        if super().is_allowed(scope, header):
            return True
        client = scope.get("client")
        is_test = client is not None and client[0] == "testclient"
        return is_test and header.partition(b":")[0].lower() == b"testserver"

    def refusal(self, header: bytes | None) -> HTTPException:
        host = (header or b"").decode("latin-1")[:200]
        logger.warning("Refused a request for the host %r; if it is this site's, add it to ALLOWED_HOSTS.", host)
        return HTTPException(400, "Bad Request: this site is not served under that host name. See ALLOWED_HOSTS.")
