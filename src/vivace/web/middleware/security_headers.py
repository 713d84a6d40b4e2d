"""Headers that make browsers careful with a site's pages, and a Content-Security-Policy with nonces."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from vivace.web._template_context import offer
from vivace.web.datastructures._headers import encode_name, encode_value
from vivace.web.middleware._start import HeaderList, editing_start
from vivace.web.requests import HTTPConnection
from vivace.web.types import ASGIApp, Receive, Scope, Send

PolicyValue = str | Collection[str] | bool | None
Policy = Mapping[str, PolicyValue]
"""Directives and their sources: `{"default-src": [CSP.SELF], "script-src": [CSP.SELF, CSP.NONCE]}`."""


class CSP:
    """The source keywords of a Content-Security-Policy (https://www.w3.org/TR/CSP3/#framework-directive-source-list).

    `NONCE` stands for the nonce of the response that the policy is sent with.
    """

    NONE = "'none'"
    REPORT_SAMPLE = "'report-sample'"
    SELF = "'self'"
    STRICT_DYNAMIC = "'strict-dynamic'"
    UNSAFE_EVAL = "'unsafe-eval'"
    UNSAFE_HASHES = "'unsafe-hashes'"
    UNSAFE_INLINE = "'unsafe-inline'"
    WASM_UNSAFE_EVAL = "'wasm-unsafe-eval'"
    NONCE = "<nonce>"


class Nonce:
    """The nonce of one response, made when it is first asked for: `str(nonce)`, or by itself in a template.

    RuntimeError when it is first asked for after the response has started: its policy went out without it.
    """

    __slots__ = ("_is_late", "_value")

    def __init__(self) -> None:
        self._value: str | None = None
        self._is_late = False

    def __str__(self) -> str:
        if self._value is None:
            if self._is_late:
                raise RuntimeError(
                    "The CSP nonce was first asked for after the response had started, and is not in its policy. "
                    "Read str(request.state.csp_nonce) before streaming begins."
                )
            self._value = secrets.token_urlsafe(16)  # CSP 3 section 7.1: at least 128 bits
        return self._value

    @property
    def used(self) -> str | None:
        """The value, if anybody has asked for it."""
        return self._value

    def close(self) -> None:
        """The response starts: a nonce that was not asked for will not be made any more."""
        self._is_late = True


class SecurityHeadersMiddleware:
    """Adds these headers to every response that does not have them already.

    * `content_type_nosniff`: X-Content-Type-Options. `frame_options`: X-Frame-Options, beside the `frame-ancestors` of
      a policy. `referrer_policy`, `cross_origin_opener_policy`: one value, or None for no header.
    * `permissions_policy`: `{"camera": [], "geolocation": ["self", "https://maps.example"]}`, or the header's text.
    * `csp`, `csp_report_only`: a `Policy`. With `CSP.NONCE` in one of them, handlers and templates have
      `request.state.csp_nonce` and `{{ csp_nonce }}`; it is made when it is asked for, and a response for which nobody
      has asked gets the policy without it. (Names and behaviour as in Django 6.)
    * `hsts_seconds` (with `hsts_include_subdomains` and `hsts_preload`): Strict-Transport-Security, over https only.
    * `headers`: any others.

    ValueError for what cannot be sent or would say something else.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        content_type_nosniff: bool = True,
        frame_options: Literal["DENY", "SAMEORIGIN"] | None = "DENY",
        referrer_policy: str | None = "same-origin",
        cross_origin_opener_policy: str | None = "same-origin",
        permissions_policy: str | Mapping[str, Collection[str]] | None = None,
        csp: Policy | None = None,
        csp_report_only: Policy | None = None,
        hsts_seconds: int = 0,
        hsts_include_subdomains: bool = False,
        hsts_preload: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if hsts_seconds < 0:
            raise ValueError(f"hsts_seconds is zero (no header) or more, got {hsts_seconds}.")
        self.app = app
        values = {
            "x-content-type-options": "nosniff" if content_type_nosniff else None,
            "x-frame-options": frame_options,
            "referrer-policy": referrer_policy,
            "cross-origin-opener-policy": cross_origin_opener_policy,
            "permissions-policy": _permissions(permissions_policy),
            **(headers or {}),
        }
        self._headers = [(encode_name(name), encode_value(value)) for name, value in values.items() if value]
        self._hsts = _hsts(hsts_seconds, hsts_include_subdomains, hsts_preload)
        self._policies = [
            CompiledPolicy(header, policy)
            for header, policy in (
                (b"content-security-policy", csp),
                (b"content-security-policy-report-only", csp_report_only),
            )
            if policy
        ]
        self._has_nonce = any(policy.has_nonce for policy in self._policies)
        # Without a nonce a policy is a header like others.
        fixed = [policy.header(None) for policy in self._policies if not policy.has_nonce]
        self._headers += fixed
        self._policies = [policy for policy in self._policies if policy.has_nonce]
        self._secure_headers = [*self._headers, *self._hsts]
        self._is_idle = not (self._secure_headers or self._policies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_idle:
            await self.app(scope, receive, send)
            return
        headers = self._secure_headers if scope.get("scheme") == "https" else self._headers
        nonce = _provide_nonce(scope) if self._has_nonce else None

        def add(given: HeaderList) -> None:
            names = {name for name, _ in given}
            given += [field for field in headers if field[0] not in names]
            if nonce is not None:
                given += [policy.header(nonce.used) for policy in self._policies if policy.name not in names]
                nonce.close()

        await self.app(scope, receive, editing_start(send, add))


def get_nonce(connection: HTTPConnection) -> str:
    """The nonce of this request's response, made now if need be. RuntimeError without a policy that has `CSP.NONCE`."""
    nonce = connection.scope.get("state", {}).get("csp_nonce")
    if nonce is None:
        raise RuntimeError("There is no nonce: SecurityHeadersMiddleware(csp=…) needs CSP.NONCE in a directive.")
    return str(nonce)


def _provide_nonce(scope: Scope) -> Nonce:
    state = scope.setdefault("state", {})
    nonce: Nonce | None = state.get("csp_nonce")
    if nonce is None:  # else a layer further out has one, and the response has one policy for both
        nonce = state["csp_nonce"] = Nonce()
        offer(scope, "csp_nonce", nonce)
    return nonce


# CSP 3 section 2.2.1: what may not stand in a directive's value, since it would begin another one.
_DIRECTIVE_NAME = re.compile(r"[A-Za-z0-9-]+")
_SOURCE = re.compile(r"[\x21-\x2b\x2d-\x3a\x3c-\x7e]+")


class CompiledPolicy:
    """A policy as text that waits for a nonce, if it has one."""

    __slots__ = ("_with_nonce", "_without_nonce", "has_nonce", "name")

    def __init__(self, header: bytes, policy: Policy) -> None:
        self.name = header
        directives = [(name, _sources(name, value)) for name, value in policy.items() if value not in (None, False)]
        self.has_nonce = any(CSP.NONCE in sources for _, sources in directives)
        self._with_nonce = "; ".join(" ".join([name, *sources]) for name, sources in directives)
        self._without_nonce = "; ".join(" ".join([name, *_without_nonce(sources)]) for name, sources in directives)

    def header(self, nonce: str | None) -> tuple[bytes, bytes]:
        """The header for a response with this nonce."""
        if nonce is None:
            return self.name, self._without_nonce.encode("ascii")
        return self.name, self._with_nonce.replace(CSP.NONCE, f"'nonce-{nonce}'").encode("ascii")


def _sources(directive: str, value: PolicyValue) -> list[str]:
    if _DIRECTIVE_NAME.fullmatch(directive) is None:
        raise ValueError(f"{directive!r} is not the name of a CSP directive, such as 'script-src'.")
    if isinstance(value, bool) or value is None:
        return []
    is_unordered = isinstance(value, set | frozenset)
    given: Iterable[str] = value.split() if isinstance(value, str) else sorted(value) if is_unordered else value
    sources = list(given)
    for source in sources:
        if _SOURCE.fullmatch(source) is None:
            raise ValueError(f"{source!r} in {directive} is no CSP source: no spaces, commas, semicolons, line breaks.")
    return sources or [CSP.NONE]


def _without_nonce(sources: list[str]) -> list[str]:
    others = [source for source in sources if source != CSP.NONCE]
    # A directive that is left out falls back to default-src, which may allow more than a nonce would.
    return others if others or not sources else [CSP.NONE]


def _permissions(policy: str | Mapping[str, Collection[str]] | None) -> str | None:
    """The text of a Permissions-Policy: a dictionary of RFC 9651 whose values are lists of origins."""
    if policy is None or isinstance(policy, str):
        return policy
    features = []
    for feature, allowed in policy.items():
        if _DIRECTIVE_NAME.fullmatch(feature) is None:
            raise ValueError(f"{feature!r} is not the name of a feature, such as 'camera'.")
        if isinstance(allowed, str):
            raise ValueError(f"permissions_policy[{feature!r}] is a list of origins, got {allowed!r}.")
        origins = " ".join(each if each in ("self", "src", "*") else f'"{_origin(each)}"' for each in allowed)
        features.append(f"{feature}=({origins})")
    return ", ".join(features)


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s\"\\;,]+", text):
        raise ValueError(f"{text!r} is no origin; such as 'https://maps.example', 'self' or '*'.")
    return text


def _hsts(seconds: int, include_subdomains: bool, preload: bool) -> HeaderList:
    """RFC 6797 6.1; `preload` is what https://hstspreload.org asks for."""
    if not seconds:
        return []
    value = f"max-age={seconds}{'; includeSubDomains' * include_subdomains}{'; preload' * preload}"
    return [(b"strict-transport-security", value.encode("ascii"))]
