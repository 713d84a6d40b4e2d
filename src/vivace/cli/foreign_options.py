"""What the options of `vivace run` are called by other servers, for those who come from there."""

from __future__ import annotations

# uvicorn's first, then those of gunicorn, hypercorn, Granian and nginx that differ from it.
OURS = {
    "--timeout-keep-alive": "keep-alive-timeout",
    "--timeout-graceful-shutdown": "graceful-timeout",
    "--ws-max-size": "max-websocket-message-size",
    "--ws-max-queue": "max-websocket-queue",
    "--ws-ping-interval": "websocket-ping-interval",
    "--ws-ping-timeout": "websocket-ping-timeout",
    "--ws-per-message-deflate": "websocket-compression",
    "--h11-max-incomplete-event-size": "max-header-bytes",
    "--ssl-version": "ssl-minimum-version",
    "--certfile": "ssl-certfile",
    "--ssl-certificate": "ssl-certfile",
    "--keyfile": "ssl-keyfile",
    "--ca-certs": "ssl-ca-certs",
    "--ssl-ca": "ssl-ca-certs",
    "--keyfile-password": "ssl-keyfile-password",
    "--cert-reqs": "ssl-cert-reqs",
    "--ciphers": "ssl-ciphers",
    "--keep-alive": "keep-alive-timeout",
    "--limit-request-line": "max-request-line",
    "--limit-request-fields": "max-header-count",
    "--limit-request-field_size": "max-header-bytes",
    "--client-max-body-size": "max-body-size",
    "--threads": "wsgi-threads",
    "--blocking-threads": "wsgi-threads",
    "--url-path-prefix": "root-path",
    "--proxy-allow-from": "proxy-allow-ips",
    "--pid": "pid-file",
    "--pidfile": "pid-file",
    "--name": "process-title",
    "--proc-name": "process-title",
    "--process-name": "process-title",
    "--timeout": "worker-timeout",
    "--timeout-worker-healthcheck": "worker-timeout",
    "--preload-app": "preload",
    "--limit-max-requests": "max-requests",
    "--limit-max-requests-jitter": "max-requests-jitter",
    "--workers-lifetime": "max-worker-age",
    "--workers-max-rss": "max-worker-memory",
    "--access-logformat": "access-log-format",
    "--access-log-fmt": "access-log-format",
    "--chdir": "app-dir",
    "--working-dir": "app-dir",
    "--reload-extra-file": "reload-include",
    "--reload-paths": "reload-dir",
    "--reload-ignore-dirs": "reload-exclude",
    "--reload-ignore-patterns": "reload-exclude",
    "--reload-ignore-paths": "reload-exclude",
    "--debug": "dev",
}
ADVICE = {
    "--reload-delay": "A save is seen at once; leave it out.",
    "--reload-engine": "Files are watched by watchfiles; leave it out.",
    "--reload-tick": "A save is seen at once; leave it out.",
    "--reload-ignore-worker-failure": "--reload goes on in any case, and shows the failure in the browser.",
    "--worker-class": "There is one kind of worker, and it speaks all protocols.",
    "--no-proxy-headers": "Write --proxy-headers off.",
    "--proxy-headers-host": "Headers of proxies have fixed names; --x-forwarded says which are believed.",
    "--proxy-headers-port": "Headers of proxies have fixed names; --x-forwarded says which are believed.",
    "--forwarder-headers": "Headers of proxies have fixed names; --x-forwarded says which are believed.",
    "--secure-scheme-headers": "X-Forwarded-Proto is the header for that, from --forwarded-allow-ips.",
    "--ws": "WebSockets are served with the one implementation there is; --no-websocket leaves them out.",
    "--http": "HTTP is served with the one implementation there is; --no-http2 leaves HTTP/2 out.",
    "--no-control-socket": "Write --control-socket none.",
    "--access-logfile": "Access lines go where the others go: standard error, or --log-file FILE.",
    "--error-logfile": "All lines go to standard error, or to --log-file FILE.",
    "--log-config-json": "Give the file to --log-config, which knows it by its name's end.",
}


def advice(name: str) -> str | None:
    """What to write instead of another server's option, or None for one that is nobody's."""
    if name in OURS:
        return f"Here it is called --{OURS[name]}."
    return ADVICE.get(name)
