# cython: language_level=3
"""The access log: a line for every response, composed here and written together with others.

That is for the configuration that the server makes itself. Where somebody has made another for "vivace.access", every
line goes through the `logging` module as a record with its facts as attributes.
"""

from libc.stdint cimport int64_t, uint64_t

from vivace.server.logging.access_facts cimport AccessFacts
from vivace.server.logging.line_buffer cimport LineBuffer
from vivace.server.logging.line_forms cimport LineForm
from vivace.server.protocol._request_head_cy cimport RequestHead

from logging import INFO

from vivace.server.logging.loggers import access_logger, server_logger
from vivace.server.logging.output import output_of
from vivace.server.logging.records import log_record

cdef enum:
    # Bytes that are written without waiting.
    MANY_LINES = 65536

# Seconds that a line waits for others. A write for every turn of the event loop, which may be one for every few
# requests, costs more than all the rest.
cdef double LONGEST_DELAY = 0.01

cdef uint64_t EVERYTHING = 0xFFFFFFFFFFFFFFFF
# The golden ratio's part of 2 ** 64: its multiples spread evenly, and in step with no client's rhythm.
cdef uint64_t STRIDE = 0x9E3779B97F4A7C15


cdef LineBuffer buffer_of(output):
    """Where the output's lines wait, from now on in a buffer that we can add to."""
    cdef LineBuffer buffer
    if type(output.buffer) is not LineBuffer:
        buffer = LineBuffer()
        buffer.put(output.buffer.take())
        output.buffer = buffer
    return <LineBuffer>output.buffer


cdef class AccessLog:
    """Call `response` for every response, and for every request that ended without one.

    `sample` is the part of them that is logged; server errors always are. Without a `loop` each line is written at
    once. `is_formatted`: the form is the user's, and is a record's message too.
    """

    def __init__(self, LineForm form, double sample=1.0, loop=None, bint is_formatted=False):
        self.form = form
        self.wants_response_headers = form.wants_response_headers
        self.is_formatted = is_formatted
        self.loop = loop
        self.facts = AccessFacts()
        self.line = LineBuffer()
        self.output = self.pending = None
        self.is_due = False
        self.is_sampled = sample < 1
        self.part = EVERYTHING if sample >= 1 else <uint64_t>(sample * <double>EVERYTHING)
        self.ticket = 0

    cpdef response(
        self, dict scope, str method, int status, int64_t size, double seconds, bytes request_id=None,
        list response_headers=None, int close_code=0, RequestHead head=None, bint encrypted=True
    ):
        """Log a response, which took so many seconds.

        `close_code` is that of a WebSocket. `head` is where the scope is from, if all is still as it was there, and a
        connection that is not `encrypted` has no TLS to tell of: both save looking things up. Whatever goes wrong in
        here is logged, and does not concern the request.
        """
        if self.is_sampled and self.is_left_out(status, close_code):
            return
        self.facts.set(scope, method, status, size, seconds, request_id, response_headers, close_code, encrypted)
        if head is None:
            self.facts.take_from_scope()
        else:
            self.facts.take_from_head(head)
        try:
            self.write()
        except Exception:
            server_logger.exception("A line of the access log could not be written")
        finally:
            self.facts.forget()

    cdef bint is_left_out(self, int status, int close_code) noexcept:
        if status >= 500 or close_code == 1011:
            return False
        self.ticket += STRIDE
        return self.ticket > self.part or self.part == 0

    cdef write(self):
        if not self.is_due:
            # Handlers, filters and levels may be changed while the server runs: they are looked at before every first line.
            self.output = output_of(access_logger)
        if self.output is not None:
            self.write_line()
        elif access_logger.isEnabledFor(INFO):
            if self.is_formatted:
                self.compose()
                log_record(self.facts, self.line.take().decode("ascii"))
            else:
                log_record(self.facts, None)

    cdef write_line(self):
        self.compose()
        if not self.is_due:
            self.pending = buffer_of(self.output)
        self.pending.add_line(self.line)
        if self.pending.length > MANY_LINES or self.loop is None:
            self.output.flush()
        elif not self.is_due:
            self.is_due = True
            self.loop.call_later(LONGEST_DELAY, self.flush)

    cdef compose(self):
        self.line.length = 0
        self.form.write(self.line, self.facts)

    def flush(self):
        """Write what is pending."""
        self.is_due = False
        if self.output is not None:
            self.output.flush()
