"""The options of `vivace run`: those of the server, in sections. `--help` lists the usual ones, `--help-all` all.

Names, and the defaults that the help tells, are the server's own; a test sees that none is missing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, get_args

import click

from vivace.cli.foreign_options import advice
from vivace.server.config import GROUPS, LOG_LEVELS, Config, Interface, LifespanMode, LoopChoice, Toolkit

# Of 1024, as the limits are.
UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}
FOREVER = float("inf")

FIELDS: dict[str, Field[Any]] = {item.name: item for kind in (Config, *GROUPS.values()) for item in fields(kind)}


def read_size(text: str) -> int:
    """A number of bytes: `65536`, `64K`, `10M`, `1G`. BadParameter for anything else."""
    unit = UNITS.get(text[-1:].upper())
    digits = text if unit is None else text[:-1]
    if not digits.isdecimal():
        raise click.BadParameter(f'"{text}" is not a number of bytes; examples: 65536, 64K, 10M, 1G.')
    return int(digits) * (unit or 1)


def read_seconds(text: str) -> float:
    """A number of seconds, or infinity for `none`. BadParameter for anything else."""
    if text == "none":
        return FOREVER
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f'"{text}" is not a number of seconds, nor "none".') from None


def read_workers(text: str) -> int | str:
    """A number of processes, or `auto`. BadParameter for anything else."""
    if text == "auto":
        return text
    if not text.isdecimal():
        raise click.BadParameter(f'"{text}" is not a number of processes, nor "auto".')
    return int(text)


def size(name: str, explanation: str) -> click.Option:
    """An option that takes bytes."""
    return option(name, explanation, show=show_size, type=read_size, metavar="BYTES")


def count(name: str, explanation: str) -> click.Option:
    """An option that takes a whole number."""
    return option(name, explanation, type=int, metavar="NUMBER")


def seconds(name: str, explanation: str) -> click.Option:
    """An option that takes seconds."""
    return option(name, explanation, show=show_seconds, type=read_seconds, metavar="SECONDS")


def switch(name: str, explanation: str) -> click.Option:
    """An option that is on or off."""
    return option(
        name, explanation, show=lambda value: "on" if value else "off", flags=f"{flag(name)}/--no-{flag(name)[2:]}"
    )


def addition(name: str, explanation: str) -> click.Option:
    """An option that is off unless it is given."""
    return click.Option([flag(name)], is_flag=True, default=None, help=explanation)


def choice(name: str, choices: tuple[str, ...], explanation: str, **extra: Any) -> click.Option:
    """An option that takes one of a few words."""
    return option(name, explanation, type=click.Choice(choices, case_sensitive=False), **extra)


def several(name: str, explanation: str, *short: str, **extra: Any) -> click.Option:
    """An option that may be given more than once."""
    return click.Option([flag(name), *short, name], multiple=True, default=None, help=explanation, **extra)


def option(
    name: str,
    explanation: str,
    *short: str,
    show: Callable[[Any], str] = str,
    flags: str | None = None,
    **extra: Any,
) -> click.Option:
    """The option for a field of the configuration. Left out on the command line it stays None: not given."""
    default = FIELDS[name].default
    if default is not MISSING and default is not None and default != "":
        explanation += f"  [default: {show(default)}]"
    return click.Option([flags or flag(name), *short, name], default=None, help=explanation, **extra)


def flag(name: str) -> str:
    """`--max-body-size`."""
    return "--" + name.replace("_", "-")


def show_size(value: int) -> str:
    """As it can be written: 64K for 65536."""
    for unit, factor in reversed(UNITS.items()):
        if value >= factor and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)


def show_seconds(value: float) -> str:
    """As it can be written."""
    return "none" if value == FOREVER else f"{value:g}"


SECTIONS: dict[str, list[click.Parameter]] = {
    "Options": [
        option("host", "Address to listen on.", metavar="ADDRESS"),
        option("port", "Port; 0 lets the system choose.", type=int),
        option("uds", "Listen on a Unix socket instead.", metavar="PATH"),
        option("fd", "Listen on this inherited socket instead.", type=int, metavar="NUMBER"),
        several("bind", "Address, unix:PATH, fd://N or systemd; may be given more than once.", "-b", metavar="ADDRESS"),
        several("insecure_bind", "The same, without TLS.", metavar="ADDRESS"),
        several("redirect_bind", "The same, for a redirect to https.", metavar="ADDRESS"),
        option("redirect_port", "Port of https, if clients see another than ours.", type=int, metavar="NUMBER"),
        option("uds_mode", "Permissions of Unix sockets, in octal.", metavar="MODE"),
        option("uds_owner", "Who owns Unix sockets.", metavar="USER:GROUP"),
        addition("reuse_port", "Share the port with other programs (SO_REUSEPORT)."),
        count("backlog", "Connections that may wait to be accepted."),
        addition("factory", "TARGET is called without arguments and returns the application."),
        click.Option(["--app-dir"], metavar="FOLDER", help="Folder that goes on sys.path.  [default: the current one]"),
        choice("interface", get_args(Interface), "What the application is."),
        choice("toolkit", get_args(Toolkit), "Run an application that is built on Starlette on vivace.web instead."),
        count("wsgi_threads", "Threads for a WSGI application."),
        choice("lifespan", get_args(LifespanMode), "Whether the application is told of start and end."),
        option("root_path", "Path under which a proxy serves the application.", metavar="PATH"),
        choice("loop", get_args(LoopChoice), "Event loop; auto takes uvloop where it is installed."),
        choice("log_level", LOG_LEVELS, "How much to log."),
        switch("access_log", "One line a request."),
        switch("use_colors", "Colours in the log.  [default: on a terminal]"),
        click.Option(["--no-server-header"], is_flag=True, help='Leave out the "server" header.'),
        switch("date_header", 'The "date" header.'),
        several("headers", "Header of every response, as 'Name: value'.", "--header", metavar="TEXT"),
    ],
    "Workers": [
        option("workers", "Processes that serve; auto: one for each CPU.", "-w", type=read_workers, metavar="NUMBER"),
        addition("preload", "Import the application once, and fork the workers."),
        seconds("worker_timeout", "Without a sign of life, before a worker is replaced."),
        count("max_requests", "Requests of a worker before it is replaced; 0 for no limit."),
        count("max_requests_jitter", "Up to so many more."),
        seconds("max_worker_age", "Age of a worker before it is replaced."),
        size("max_worker_memory", "Memory of a worker before it is replaced; 0 for no limit."),
        option("control_socket", 'Where `vivace ctl` finds the server; "none" for nowhere.', metavar="PATH"),
        seconds("upgrade_timeout", "For the server of a binary upgrade to be ready."),
    ],
    "Development": [
        click.Option(
            ["--dev"], is_flag=True, help="Develop: --reload, and the site in debug: errors are shown in the browser."
        ),
        addition("reload", "Start again when the code changes."),
        several("reload_dirs", "Folder to watch.", "--reload-dir", metavar="FOLDER"),
        several("reload_include", "What else restarts the application.", metavar="GLOB"),
        several("reload_exclude", "What does not.", metavar="GLOB"),
        switch("live_reload", "Browsers load the page again by themselves."),
    ],
    "Static files": [
        several(
            "static",
            "Serve a folder's files under a path, such as /static=./static; may be given more than once.",
            metavar="PATH=FOLDER",
        ),
        option("static_max_age", "That browsers keep them without asking; 0: they ask.", type=int, metavar="SECONDS"),
        option("static_fallback", "Page for what is not there, such as index.html.", metavar="FILE"),
    ],
    "Proxies": [
        choice(
            "proxy_headers",
            ("x-forwarded", "forwarded", "off"),
            "Which headers of proxies are believed.",
            # uvicorn's takes no value.
            is_flag=False,
            flag_value="x-forwarded",
        ),
        option("x_forwarded", "Which of X-Forwarded-*: for, proto, host, port, prefix.", metavar="LIST"),
        option("forwarded_allow_ips", "From whom: addresses, networks, unix, or *.", metavar="LIST"),
        switch("proxy_strips_root_path", "Requests come without the root path."),
        choice("proxy_protocol", ("off", "optional", "required"), "The PROXY protocol, versions 1 and 2."),
        option("proxy_allow_ips", "From whom.", metavar="LIST"),
    ],
    "Capacity of a process": [
        count("max_connections", "Connections at once; 0 for no limit."),
        count("max_connections_per_address", "Connections of one address; 0 for no limit."),
        count("max_concurrency", "Requests that the application works on at once; 0 for no limit."),
        count("max_queue", "Requests that wait for one of them to end; more get 503."),
        seconds("queue_timeout", "For how long they may wait; 503."),
        count("retry_after", "Seconds that a client with a 503 is told to wait."),
        option("health_path", "Path that the server answers itself, 200 while it serves.", metavar="PATH"),
    ],
    "Logs and metrics": [
        choice("log_format", ("text", "json"), "Form of the log."),
        option("log_file", "Log there instead of standard error.", metavar="FILE"),
        option("log_config", "Configuration of logging instead: .json, .toml, .yaml or .ini.", metavar="FILE"),
        option("access_log_format", "The access log's line, with gunicorn's atoms.", metavar="TEXT"),
        option("access_log_sample", "Part of the responses that is logged, 0 to 1.", type=float, metavar="NUMBER"),
        option("request_id_header", "Header with the request's id: taken over or made.", metavar="NAME"),
        option("metrics_bind", "Where Prometheus finds /metrics.", metavar="ADDRESS"),
        addition("opentelemetry", "Metrics through OpenTelemetry."),
    ],
    "Process": [
        option("pid_file", "File with the process's number.", metavar="FILE"),
        option("user", "User to become once the sockets are open.", metavar="NAME"),
        option("group", "Group to become.", metavar="NAME"),
        option("umask", "Permissions that new files do not get, in octal.", metavar="MODE"),
        option("process_title", "What `ps` shows.", metavar="TEXT"),
        addition("daemon", "Go to the background."),
    ],
    "TLS": [
        several(
            "ssl_certfile", "Certificate, and those that lead to the root, in PEM; one for each name.", metavar="FILE"
        ),
        several("ssl_keyfile", "Its key, if that is in another file.", metavar="FILE"),
        option("ssl_keyfile_password", "Password of the key; other users may see it in `ps`.", metavar="TEXT"),
        addition("ssl_self_signed", "Develop on https://localhost, with a certificate made for it."),
        option("ssl_ca_certs", "Who signs the certificates of clients, in PEM.", metavar="FILE"),
        option("ssl_cert_reqs", "Certificates of clients: none, optional or required.", metavar="TEXT"),
        option("ssl_ciphers", "Ciphers of TLS 1.2, as OpenSSL writes them.", metavar="TEXT"),
        choice("ssl_minimum_version", ("1.2", "1.3"), "Oldest version of TLS."),
        seconds("handshake_timeout", "For the handshake."),
    ],
    "Limits": [
        size("max_request_line", "Method, target and version; 414."),
        count("max_header_count", "Headers of a request; 431."),
        size("max_header_bytes", "Headers of a request together; 431."),
        size("max_body_size", "Body of a request; 413."),
        size("max_chunk_extension_bytes", "Chunk extensions of a body together; 413."),
        count("max_trailer_count", "Trailers of a request; 431."),
        size("max_trailer_bytes", "Trailers of a request together; 431."),
        size("body_buffer", "Body held for an application that does not read."),
        size("write_buffer", "Response held for a slow client."),
        size("min_body_rate", "A second, that a client must send of a body; 0 for no minimum."),
        size("min_write_rate", "A second, that a client must take of a response; 0 for no minimum."),
    ],
    "Timeouts": [
        seconds("header_timeout", "For the head of a request."),
        seconds("body_timeout", "Between two pieces of a body."),
        seconds("request_timeout", "For a whole request to come."),
        seconds("write_timeout", "With a client that takes nothing of a response."),
        seconds("keep_alive_timeout", "Between two requests."),
        seconds("graceful_timeout", "For running requests when the server stops."),
        seconds("lifespan_startup_timeout", "For the application to start."),
        seconds("lifespan_timeout", "For the application to shut down."),
    ],
    "HTTP/2": [
        switch("http2", "HTTP/2, by ALPN on TLS and by prior knowledge without."),
        count("max_streams", "Requests at once on a connection."),
        size("stream_window", "Body of a request on its way or unread."),
        size("connection_window", "The same for all requests of a connection."),
        count("max_continuations", "CONTINUATION frames of a header block."),
        size("max_header_block", "A header block as sent."),
        count("reset_budget", "Requests cancelled within ten seconds."),
        count("control_budget", "Frames beside the traffic within ten seconds."),
        seconds("http2_ping_interval", "Silence of a client with open requests before a PING."),
        seconds("http2_ping_timeout", "For the answer to one."),
    ],
    "WebSocket": [
        switch("websocket", "WebSocket."),
        size("max_websocket_message_size", "A message, decompressed; 1009."),
        size("max_websocket_frame_size", "A frame, as sent; 1009."),
        count("max_websocket_queue", "Messages held for an application that does not receive."),
        seconds("websocket_open_timeout", "For the application to accept; 503."),
        seconds("websocket_ping_interval", "Between two pings of ours."),
        seconds("websocket_ping_timeout", "For the answer to one; 1011."),
        seconds("websocket_close_timeout", "For the client's answer to our close."),
        switch("websocket_compression", "permessage-deflate."),
        count("websocket_compression_level", "1 is fastest, 9 smallest."),
        count("websocket_compression_window_bits", "Memory: 9 to 15, doubles with each."),
        count("websocket_compression_memory_level", "Memory of the compressor: 1 to 9, doubles with each."),
        size("websocket_compression_min_size", "Smallest message that is compressed."),
        addition("websocket_compression_no_context_takeover", "Forget each message: less memory, worse compression."),
    ],
}
OF_THE_SERVER = {item.name for section in SECTIONS.values() for item in section}
# What `--help` lists of them.
USUAL = {
    "Options": [
        "host",
        "port",
        "uds",
        "bind",
        "factory",
        "app_dir",
        "interface",
        "toolkit",
        "root_path",
        "log_level",
        "access_log",
    ],
    "Workers": ["workers"],
    "Development": ["dev"],
    "Static files": ["static"],
    "TLS": ["ssl_certfile", "ssl_keyfile", "ssl_self_signed"],
}


class RunCommand(click.Command):
    """A command with the server's options, and a help of two lengths."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for section in SECTIONS.values():
            self.params += section
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=show_everything,
                help="All options: workers, TLS, proxies, limits, timeouts, logs, HTTP/2, WebSocket and more.",
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; another server's option is answered with the one to use instead."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = advice(error.option_name)
            if known is None:
                raise
            raise click.UsageError(f"No such option {error.option_name}. {known}", ctx) from None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The usual options, or all of them."""
        everything = __name__ in ctx.meta
        for title, section in SECTIONS.items():
            usual = [item for item in section if item.name in USUAL.get(title, ())]
            self.write_section(ctx, formatter, title, section if everything else usual)
        others = [
            item for item in self.get_params(ctx) if isinstance(item, click.Option) and item.name not in OF_THE_SERVER
        ]
        self.write_section(ctx, formatter, "Help", others)

    def write_section(
        self, ctx: click.Context, formatter: click.HelpFormatter, title: str, options: Sequence[click.Parameter]
    ) -> None:
        """A heading and a list, if there is anything to list."""
        records = [record for item in options if (record := item.get_help_record(ctx)) is not None]
        if records:
            with formatter.section(title):
                formatter.write_dl(records)


def show_everything(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print the long help, and end."""
    if value:
        ctx.meta[__name__] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()
