from vivace.server._admission_cy cimport Admission
from vivace.server.counters cimport Counters
from vivace.server.logging.access_log cimport AccessLog
from vivace.server.logging.request_ids cimport RequestIds


cdef class Service:
    # the application and where its requests run
    cdef public object app
    cdef public object loop
    cdef public object context
    cdef public dict state
    cdef public set connections
    cdef public object handshaking
    cdef public set tasks
    cdef public bint draining
    # how long an idle connection is kept then, in seconds, for its last request
    cdef public double last_request
    cdef public bint stopped

    # what every connection needs to know, read once from the configuration
    cdef public object limits
    cdef public str root_path
    cdef public bint strips_root_path
    cdef public object forwarding
    cdef public object server_header
    cdef public bint date_header
    cdef public tuple default_headers
    cdef public Py_ssize_t body_buffer
    cdef public Py_ssize_t write_buffer
    cdef public double header_timeout
    cdef public double body_timeout
    cdef public double write_timeout
    cdef public double keep_alive_timeout
    cdef public double request_timeout
    cdef public Py_ssize_t min_body_rate
    cdef public Py_ssize_t min_write_rate
    cdef public AccessLog access_log
    # None unless requests have ids
    cdef public RequestIds request_ids

    # what it counts, whether that is timed too, and by how much the loop was late at worst
    cdef readonly Counters counters
    cdef public bint timed
    cdef public object recorder
    cdef public double loop_lag

    # the protocols beside HTTP/1.1; `compression` is the PerMessageDeflate we agree to, or None
    cdef public bint http2
    cdef public bint websocket
    cdef public double websocket_open_timeout
    cdef public double http2_ping_interval
    cdef public double http2_ping_timeout
    cdef public double websocket_ping_interval
    cdef public double websocket_ping_timeout
    cdef public double websocket_close_timeout
    cdef public object compression

    # how much is taken on: None for what has no limit
    cdef readonly Admission admission
    cdef readonly object room
    cdef readonly bytes health_path
    cdef readonly bytes retry_after

    # the shared clock
    cdef public double now
    cdef public double tick_interval
    cdef object ticker
    cdef double last_tick

    cpdef bint opened(self, connection, client) except -1
    cpdef closed(self, connection)
