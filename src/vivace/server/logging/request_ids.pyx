# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""A request's id: the client's or a proxy's, or one of ours, in logs, scope and response."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t

import os

cdef enum:
    LONGEST_ID = 128

# ---- ids of ours: 128 bits as 32 digits. The first half is the process's, the second its counter, scrambled.

cdef uint64_t process_half = 0
cdef uint64_t counter = 0


def renew():
    """A fresh half, and a fresh counter, for this process: a fork must not go on with its parent's."""
    global process_half, counter
    process_half = int.from_bytes(os.urandom(8), "little")
    counter = int.from_bytes(os.urandom(8), "little")


renew()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=renew)


cdef uint64_t scramble(uint64_t number) noexcept:
    """Another number for each (the finalizer of SplitMix64), so that ids do not show how many there were."""
    number = (number ^ (number >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    number = (number ^ (number >> 27)) * <uint64_t>0x94D049BB133111EB
    return number ^ (number >> 31)


cdef void write_digits(char *out, uint64_t number) noexcept:
    cdef int at
    for at in range(16):
        out[at] = b"0123456789abcdef"[(number >> (60 - 4 * at)) & 15]


cpdef bytes new_request_id():
    """An id that no other request has, of this process or another. It is no secret: the next one can be computed."""
    global counter
    cdef bytes request_id = PyBytes_FromStringAndSize(NULL, 32)
    counter += 1
    write_digits(PyBytes_AS_STRING(request_id), process_half)
    write_digits(PyBytes_AS_STRING(request_id) + 16, scramble(counter))
    return request_id


cdef bint is_well_formed(bytes text) noexcept:
    """Visible ASCII that needs no quoting anywhere, and not too much of it."""
    cdef Py_ssize_t at, size = PyBytes_GET_SIZE(text)
    cdef const unsigned char *p = <const unsigned char *>PyBytes_AS_STRING(text)
    if size == 0 or size > LONGEST_ID:
        return False
    for at in range(size):
        if p[at] <= 0x20 or p[at] >= 0x7f or p[at] in (c'"', c"\\", c"<", c">", c"&", c"'", c",", c";"):
            return False
    return True


cdef class RequestIds:
    """Finds and makes the ids that `header` carries; its name in any case."""

    def __init__(self, str header):
        self.name = header.lower().encode("ascii")

    cpdef bytes identify(self, dict scope):
        """The request's id: its header's, if it has one that is well formed, else a new one.

        The application finds it in that header, and in `scope["state"]["request_id"]`.
        """
        cdef list headers = <list>scope["headers"]
        cdef bytes request_id = self.find(headers)
        if request_id is None:
            request_id = new_request_id()
            if any([name == self.name for name, _ in headers]):
                headers = [field for field in headers if field[0] != self.name]
            scope["headers"] = [*headers, (self.name, request_id)]
        scope["state"]["request_id"] = request_id.decode("ascii")
        return request_id

    cdef bytes find(self, list headers):
        """The one well-formed value, or None."""
        cdef object field
        cdef bytes value = None
        for field in headers:
            if <bytes>(<tuple>field)[0] == self.name:
                if value is not None:
                    return None
                value = <bytes>(<tuple>field)[1]
        return value if value is not None and is_well_formed(value) else None

    cpdef list add_to(self, headers, bytes request_id):
        """A response's headers with the id, unless the application has said one itself."""
        cdef list fields = list(headers)
        for field in fields:
            # What is no field is refused where the response is written.
            if type(field) is tuple and len(field) == 2 and type(field[0]) is bytes and field[0].lower() == self.name:
                return fields
        fields.append((self.name, request_id))
        return fields

    cpdef bytes identify_refusal(self, error):
        """The id of a request that the protocol refuses, which goes into the error's headers."""
        cdef bytes request_id = error.request_id
        if request_id is None:
            if error.head is not None and error.head.headers is not None:
                request_id = self.find(error.head.headers)
            if request_id is None:
                request_id = new_request_id()
            error.request_id = request_id
        if all([name != self.name for name, _ in error.headers]):
            error.headers.append((self.name, request_id))
        return request_id
