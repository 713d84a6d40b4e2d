# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""What a line of the access log can tell: one request and how it was answered."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.list cimport PyList_GET_ITEM
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from vivace.server.logging.line_buffer cimport LineBuffer

# RFC 8446 4.2.1, RFC 5246 E.1; written as OpenSSL writes them.
cdef dict TLS_VERSIONS = {0x0301: b"TLSv1", 0x0302: b"TLSv1.1", 0x0303: b"TLSv1.2", 0x0304: b"TLSv1.3"}


cdef enum:
    # The clients whose texts are kept are so many, as a power of two.
    KEPT_BITS = 11

cdef object NOBODY = object()
cdef uint64_t GOLDEN = 0x9E3779B97F4A7C15  # spreads addresses, which come in even steps


cdef class ClientTexts:
    """How clients are written, composed once a connection: the scopes of all its requests have the very same tuple."""

    def __cinit__(self):
        self.clients = [NOBODY] * (1 << KEPT_BITS)
        self.texts = [b""] * (1 << KEPT_BITS)

    cdef bytes text_of(self, client):
        """The text for the `client` of a scope, an address and a port, or None."""
        cdef Py_ssize_t place = (<uint64_t><size_t><void *>client * GOLDEN) >> (64 - KEPT_BITS)
        cdef LineBuffer out
        if <void *>PyList_GET_ITEM(self.clients, place) != <void *>client:
            out = LineBuffer()
            self.write(out, client)
            self.texts[place] = out.take()
            self.clients[place] = client
        return <bytes>PyList_GET_ITEM(self.texts, place)

    cdef int write(self, LineBuffer out, client) except -1:
        """`127.0.0.1:5000`, `[::1]:5000`, or a dash."""
        cdef str host
        if client is None:
            return out.add_bytes(b"-")
        host = client[0]
        if ":" in host:
            out.add_bytes(b"[")
            out.add_escaped_text(host)
            out.add_bytes(b"]")
        else:
            out.add_escaped_text(host)
        out.add_bytes(b":")
        return out.add_number(client[1])


cdef class AccessFacts:
    """Filled for every line and emptied after it: a request's scope must not live on here."""

    def __cinit__(self):
        self.clients = ClientTexts()

    cdef set(
        self, dict scope, str method, int status, int64_t size, double seconds, bytes request_id,
        list response_headers, int close_code, bint encrypted
    ):
        self.scope = scope
        self.method = method
        self.status = status
        self.size = size
        self.microseconds = <int64_t>(seconds * 1e6 + 0.5)
        self.request_id = request_id
        self.response_headers = response_headers
        self.close_code = close_code
        self.encrypted = encrypted

    cdef take_from_head(self, RequestHead head):
        """What the client asked for, before anybody could change it in the scope."""
        self.raw_path = head.raw_path
        self.query_string = head.query_string
        self.http_version = head.http_version
        self.headers = head.headers

    cdef take_from_scope(self):
        """The same where there is no head that tells."""
        self.raw_path = <bytes>self.scope["raw_path"]
        self.query_string = <bytes>self.scope["query_string"]
        self.http_version = <str>self.scope["http_version"]
        self.headers = <list>self.scope["headers"]

    cdef forget(self):
        self.scope = self.response_headers = self.request_id = None
        self.raw_path = self.query_string = self.headers = None

    cdef bytes request_header(self, bytes name):
        """The first header of that name, which is lower-case, or None."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
        cdef object each
        cdef bytes found
        for each in self.headers:
            found = <bytes>(<tuple>each)[0]
            if PyBytes_GET_SIZE(found) == size and not memcmp(PyBytes_AS_STRING(found), PyBytes_AS_STRING(name), size):
                return <bytes>(<tuple>each)[1]
        return None

    cdef bytes response_header(self, bytes name):
        """The same for a header of the response, where the application may have written capitals."""
        if self.response_headers is not None:
            for found, value in self.response_headers:
                if len(found) == len(name) and bytes(found).lower() == name:
                    return bytes(value)
        return None

    cdef bytes tls_version(self):
        """Such as TLSv1.3; None without TLS."""
        cdef object tls = (<dict>self.scope["extensions"]).get("tls") if self.encrypted else None
        if tls is None:
            return None
        return TLS_VERSIONS.get((<dict>tls)["tls_version"], b"TLS")

    cdef int add_target(self, LineBuffer out) except -1:
        """Path and query as the client wrote them."""
        out.add_escaped_bytes(self.raw_path)
        if PyBytes_GET_SIZE(self.query_string) > 0:
            out.add_bytes(b"?")
            out.add_escaped_bytes(self.query_string)
        return 0

    cdef int add_client(self, LineBuffer out) except -1:
        """Its address and port, or a dash."""
        return out.add_bytes(self.clients.text_of(self.scope["client"]))
