# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""What a line of the access log can tell: one request and how it was answered."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t
from libc.string cimport memchr, memcmp

from vivace.server.logging.line_buffer cimport LineBuffer

# RFC 8446 4.2.1, RFC 5246 E.1; written as OpenSSL writes them.
cdef dict TLS_VERSIONS = {0x0301: b"TLSv1", 0x0302: b"TLSv1.1", 0x0303: b"TLSv1.2", 0x0304: b"TLSv1.3"}


cdef class AccessFacts:
    """Filled for every line and emptied after it: a request's scope must not live on here."""

    cdef set(
        self, dict scope, str method, int status, int64_t size, double seconds, bytes request_id,
        list response_headers, int close_code
    ):
        self.scope = scope
        self.method = method
        self.status = status
        self.size = size
        self.microseconds = <int64_t>(seconds * 1e6 + 0.5)
        self.request_id = request_id
        self.response_headers = response_headers
        self.close_code = close_code

    cdef forget(self):
        self.scope = self.response_headers = self.request_id = None

    cdef bytes request_header(self, bytes name):
        """The first header of that name, which is lower-case, or None."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(name)
        cdef object each
        cdef bytes found
        for each in <list>self.scope["headers"]:
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
        cdef object tls = (<dict>self.scope["extensions"]).get("tls")
        if tls is None:
            return None
        return TLS_VERSIONS.get((<dict>tls)["tls_version"], b"TLS")

    cdef int add_target(self, LineBuffer out) except -1:
        """Path and query as the client wrote them."""
        cdef bytes query = <bytes>self.scope["query_string"]
        out.add_escaped_bytes(<bytes>self.scope["raw_path"])
        if PyBytes_GET_SIZE(query) > 0:
            out.add_bytes(b"?")
            out.add_escaped_bytes(query)
        return 0

    cdef int add_client(self, LineBuffer out) except -1:
        """Its address and port, or a dash."""
        cdef object client = self.scope["client"]
        cdef str host
        cdef Py_ssize_t size
        cdef const char *utf_8
        if client is None:
            return out.add_bytes(b"-")
        host = client[0]
        utf_8 = PyUnicode_AsUTF8AndSize(host, &size)
        if memchr(utf_8, c":", size) != NULL:
            out.add_bytes(b"[")
            out.add_escaped_text(host)
            out.add_bytes(b"]")
        else:
            out.add_escaped_text(host)
        out.add_bytes(b":")
        return out.add_number(client[1])
