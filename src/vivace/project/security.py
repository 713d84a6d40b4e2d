"""What every request of a site passes first: security headers, and the hosts that it answers for, by its settings."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from vivace.conf import ConfigurationError, Settings
from vivace.web.exceptions import HTTPException
from vivace.web.middleware.security_headers import SecurityHeadersMiddleware
from vivace.web.middleware.trustedhost import TrustedHostMiddleware
from vivace.web.types import ASGIApp, Scope

logger = logging.getLogger("vivace.security")

LOCAL_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")


def guarded(app: ASGIApp, settings: Settings) -> ASGIApp:
    """`app` inside of the layers that no response escapes. Raises ConfigurationError."""
    try:
        return SecurityHeadersMiddleware(
            AllowedHostsMiddleware(app, settings.ALLOWED_HOSTS),
            content_type_nosniff=settings.SECURE_CONTENT_TYPE_NOSNIFF,
            frame_options=settings.X_FRAME_OPTIONS,
            referrer_policy=settings.SECURE_REFERRER_POLICY,
            cross_origin_opener_policy=settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
            csp=settings.SECURE_CSP,
            csp_report_only=settings.SECURE_CSP_REPORT_ONLY,
            hsts_seconds=settings.SECURE_HSTS_SECONDS,
            hsts_include_subdomains=settings.SECURE_HSTS_INCLUDE_SUBDOMAINS,
            hsts_preload=settings.SECURE_HSTS_PRELOAD,
        )
    except ValueError as error:
        raise ConfigurationError(f"ALLOWED_HOSTS, SECURE_…: {error}") from error


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
