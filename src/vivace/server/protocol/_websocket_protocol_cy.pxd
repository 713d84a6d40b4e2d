from vivace.server.protocol.websocket_reader cimport WebSocketReader
from vivace.server.protocol.websocket_writer cimport WebSocketWriter, is_close_code


cdef class WebSocketProtocol:
    cdef WebSocketReader reader
    cdef WebSocketWriter writer
    cdef readonly bint close_sent
    cdef readonly bint closed

    cpdef feed(self, bytes data)
    cpdef next_event(self)
    cpdef end_of_input(self)
    cpdef text(self, data)
    cpdef binary(self, data)
    cpdef bytes ping(self, bytes payload=*)
    cpdef bytes pong(self, bytes payload=*)
    cpdef bytes close(self, code=*, str reason=*)

    cdef control(self, int opcode, bytes payload)
    cdef close_frame(self, bytes payload)
    cdef fail(self, error)
