# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What a line of the access log looks like: a text for people, or an object of JSON."""

from cpython.bytes cimport PyBytes_GET_SIZE
from libc.stdint cimport int64_t

from vivace.server.counters cimport wall_clock
from vivace.server.logging.access_facts cimport AccessFacts, ClientTexts
from vivace.server.logging.line_buffer cimport LineBuffer


cdef class Stamp:
    """The time in a line, written once a second: `render` gets the second and returns its bytes."""

    def __cinit__(self, render):
        self.render = render
        self.second = -1
        self.text = b""

    cdef bytes current(self):
        cdef double seconds = wall_clock()
        cdef long long second = <long long>seconds
        self.millisecond = <int>((seconds - second) * 1000)
        if second != self.second:
            self.text = self.render(second)
            self.second = second
        return self.text


cdef class LineForm:
    """How the facts become a line, without its end. `wants_response_headers`: they must be kept for it."""

    cdef int write(self, LineBuffer out, AccessFacts facts) except -1:
        raise NotImplementedError


cdef class TextForm(LineForm):
    """`12:00:00 INFO    127.0.0.1:5000 "GET / HTTP/1.1" 200 13 B 0.4 ms`, then TLS, close code and id where there are.

    `stamp` renders what stands before the client, `paint_status` a status.
    """

    def __init__(self, stamp, paint_status):
        self.stamp = Stamp(stamp)
        self.statuses = [paint_status(status) for status in range(1000)]

    cdef int write(self, LineBuffer out, AccessFacts facts) except -1:
        cdef bytes tls = facts.tls_version()
        out.add_bytes(self.stamp.current())
        facts.add_client(out)
        out.add_bytes(b' "')
        out.add_token(facts.method)
        out.add_bytes(b" ")
        facts.add_target(out)
        out.add_bytes(b" HTTP/")
        out.add_token(facts.http_version)
        out.add_bytes(b'" ')
        out.add_bytes(<bytes>self.statuses[facts.status % 1000])
        out.add_bytes(b" ")
        out.add_number(facts.size)
        out.add_bytes(b" B ")
        out.add_decimal((facts.microseconds + 50) // 100, 1)
        out.add_bytes(b" ms")
        if tls is not None:
            out.add_bytes(b" ")
            out.add_bytes(tls)
        if facts.close_code > 0:
            out.add_bytes(b" closed ")
            out.add_number(facts.close_code)
        if facts.request_id is not None:
            out.add_bytes(b" ")
            out.add_escaped_bytes(facts.request_id)
        return 0


cdef class JsonClients(ClientTexts):
    """The members of an object that tell the client."""

    cdef int write(self, LineBuffer out, client) except -1:
        if client is None:
            return out.add_bytes(b',"client":null,"client_port":null')
        out.add_bytes(b',"client":"')
        out.add_json_text(<str>client[0])
        out.add_bytes(b'","client_port":')
        return out.add_number(client[1])


cdef class JsonForm(LineForm):
    """An object with `time`, `level`, `logger` and `message`, as all our lines have, and the facts.

    `stamp` renders what stands before the milliseconds, `end` is what stands behind all.
    """

    def __init__(self, stamp, end):
        self.stamp = Stamp(stamp)
        self.clients = JsonClients()
        self.statuses = [b"%d" % status for status in range(1000)]
        self.end = end

    cdef int write(self, LineBuffer out, AccessFacts facts) except -1:
        out.add_bytes(self.stamp.current())
        out.add_decimal(1000 + self.stamp.millisecond, 0)
        out.room[out.length - 4] = c"."  # in the place of the 1
        out.add_bytes(b'Z","level":"info","logger":"vivace.access","message":"')
        out.add_token(facts.method)
        out.add_bytes(b" ")
        out.add_json_bytes(facts.raw_path)
        out.add_bytes(b" ")
        out.add_bytes(<bytes>self.statuses[facts.status % 1000])
        out.add_bytes(b'"')
        out.add_bytes(self.clients.text_of(facts.scope["client"]))
        out.add_bytes(b',"method":"')
        out.add_token(facts.method)
        out.add_bytes(b'","path":"')
        out.add_json_bytes(facts.raw_path)
        out.add_bytes(b'","query":"')
        out.add_json_bytes(facts.query_string)
        out.add_bytes(b'","http_version":"')
        out.add_token(facts.http_version)
        out.add_bytes(b'","status":')
        out.add_bytes(<bytes>self.statuses[facts.status % 1000])
        out.add_bytes(b',"size":')
        out.add_number(facts.size)
        out.add_bytes(b',"duration_ms":')
        out.add_decimal(facts.microseconds, 3)
        self.add_text(out, b',"tls_version":"', facts.tls_version())
        self.add_text(out, b',"request_id":"', facts.request_id)
        self.add_text(out, b',"user_agent":"', facts.request_header(b"user-agent"))
        self.add_text(out, b',"referer":"', facts.request_header(b"referer"))
        if facts.close_code > 0:
            out.add_bytes(b',"close_code":')
            out.add_number(facts.close_code)
        return out.add_bytes(self.end)

    cdef int add_text(self, LineBuffer out, bytes name, bytes value) except -1:
        """A member that there may be; `name` with all that stands before the value."""
        if value is not None:
            out.add_bytes(name)
            out.add_json_bytes(value)
            out.add_bytes(b'"')
        return 0
