"""Builds the compiled modules; everything else about the package is in pyproject.toml."""

from __future__ import annotations

from pathlib import Path

from Cython.Build import build_ext
from Cython.Distutils import Extension
from setuptools import setup

SOURCE = Path("src")

# A pure-mode `_name_cy.py` also runs as Python; a `.pyx` has no other form. `tests/test_build.py` holds this list
# against the files on disk.
COMPILED_MODULES: list[str] = [
    "vivace.databases._lending_cy",
    "vivace.databases._raw_statement_cy",
    "vivace.databases._records_cy",
    "vivace.databases.backends.postgresql._wire_cy",
    "vivace.databases.backends.postgresql._wire_values_cy",
    "vivace.databases.backends.sqlite._inline_cy",
    "vivace.databases.backends.sqlite._jobs_cy",
    "vivace.databases.backends.sqlite._turns_cy",
    "vivace.databases.typed._decoder_cy",
    "vivace.orm._attributes_cy",
    "vivace.orm._written_cy",
    "vivace.rest.functions._steps_cy",
    "vivace.server._admission_cy",
    "vivace.server._body_pace_cy",
    "vivace.server._cycle_cy",
    "vivace.server._http1_cy",
    "vivace.server._http2_cy",
    "vivace.server._http2_exchange_cy",
    "vivace.server._service_cy",
    "vivace.server._stream_cy",
    "vivace.server._transport_cy",
    "vivace.server._waiter_cy",
    "vivace.server._websocket_cy",
    "vivace.server.awaited",
    "vivace.server.counters",
    "vivace.server.logging.access_facts",
    "vivace.server.logging.access_log",
    "vivace.server.logging.atoms",
    "vivace.server.logging.line_buffer",
    "vivace.server.logging.line_forms",
    "vivace.server.logging.request_ids",
    "vivace.server.protocol._request_head_cy",
    "vivace.server.protocol._websocket_protocol_cy",
    "vivace.server.protocol.characters",
    "vivace.server.protocol.field_kinds",
    "vivace.server.protocol.field_lines",
    "vivace.server.protocol.hpack_decoder",
    "vivace.server.protocol.hpack_encoder",
    "vivace.server.protocol.hpack_huffman",
    "vivace.server.protocol.http1_scanner",
    "vivace.server.protocol.http1_writer",
    "vivace.server.protocol.http2_budget",
    "vivace.server.protocol.http2_output",
    "vivace.server.protocol.http2_request",
    "vivace.server.protocol.http2_session",
    "vivace.server.protocol.http2_streams",
    "vivace.server.protocol.request_target",
    "vivace.server.protocol.response_fields",
    "vivace.server.protocol.websocket_reader",
    "vivace.server.protocol.websocket_writer",
    "vivace.server.request_task",
    "vivace.web._template_values_cy",
    "vivace.web._tracked_send_cy",
    "vivace.web.responses._headers_cy",
    "vivace.web.routing._matcher_cy",
]


def extension(module: str) -> Extension:
    """The extension of `module`, from its `.pyx`, or from its `.py` in Cython's pure mode."""
    base = SOURCE.joinpath(*module.split("."))
    source = base.with_suffix(".pyx")
    if not source.exists():
        source = base.with_suffix(".py")
    return Extension(
        module,
        [source.as_posix()],
        extra_compile_args=["-O3"],
        cython_directives={"language_level": 3},
    )


setup(cmdclass={"build_ext": build_ext}, ext_modules=[extension(module) for module in COMPILED_MODULES])
