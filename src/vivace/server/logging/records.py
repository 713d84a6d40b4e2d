"""A line of the access log as a record of the `logging` module, with the facts as its attributes.

For whoever configures logging otherwise: structlog's ExtraAdder, JSON formatters and pytest's caplog find them there.
"""

from __future__ import annotations

from typing import Any

from vivace.server.logging.access_facts import AccessFacts
from vivace.server.logging.loggers import access_logger
from vivace.server.tls_extension import VERSIONS, cipher_suites

ACCESS_FORMAT = '%s "%s %s HTTP/%s" %s %s B %s ms%s'

TLS_VERSIONS = {number: name for name, number in VERSIONS.items()}


def log_record(facts: AccessFacts, line: str | None) -> None:
    """Log the facts, with `line` as the message, or with the message that we would write."""
    fields = extra_fields(facts)
    if line is not None:
        access_logger.info("%s", line, extra=fields)
        return
    access_logger.info(
        ACCESS_FORMAT,
        client_text(fields["client"], fields["client_port"]),
        fields["method"],
        target_text(fields["path"], fields["query"]),
        fields["http_version"],
        fields["status"],
        fields["size"],
        f"{fields['duration_ms']:.1f}",
        rest_text(fields),
        extra=fields,
    )


def extra_fields(facts: AccessFacts) -> dict[str, Any]:
    """The attributes of the record, always all of them: None for what there is not."""
    scope = facts.scope
    client, client_port = scope["client"] or (None, None)
    tls = scope["extensions"].get("tls") or {}
    return {
        "client": client,
        "client_port": client_port,
        "method": facts.method,
        "path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "http_version": scope["http_version"],
        "scheme": scope["scheme"],
        "status": facts.status,
        "size": facts.size,
        "duration_ms": facts.microseconds / 1000,
        "request_id": None if facts.request_id is None else facts.request_id.decode("latin-1"),
        "tls_version": TLS_VERSIONS.get(tls.get("tls_version", 0)),
        "tls_cipher": cipher_name(tls.get("cipher_suite")),
        "user_agent": first_header(scope["headers"], b"user-agent"),
        "referer": first_header(scope["headers"], b"referer"),
        "close_code": facts.close_code or None,
    }


def first_header(headers: list[tuple[bytes, bytes]], name: bytes) -> str | None:
    """The value of a request's header, or None."""
    for key, value in headers:
        if key == name:
            return value.decode("utf-8", "backslashreplace")
    return None


def client_text(host: str | None, port: int | None) -> str:
    """`127.0.0.1:5000`, `[::1]:5000` or a dash."""
    if host is None:
        return "-"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def target_text(path: str, query: str) -> str:
    """Path and query, which are visible ASCII; quotes would end the request line's."""
    target = f"{path}?{query}" if query else path
    return target.replace("\\", r"\x5C").replace('"', r"\x22")


def rest_text(fields: dict[str, Any]) -> str:
    """TLS, a WebSocket's close code and the request's id, where there are."""
    closed = None if fields["close_code"] is None else f"closed {fields['close_code']}"
    return "".join(f" {each}" for each in (fields["tls_version"], closed, fields["request_id"]) if each is not None)


def cipher_name(number: int | None) -> str | None:
    """OpenSSL's name of a cipher suite."""
    return next((name for name, each in cipher_suites().items() if each == number), None)
