cimport cython


cdef class Record


cdef class RecordShape:
    cdef readonly tuple names
    cdef readonly dict positions
    cdef readonly dict attributes
    cdef readonly tuple processors
    cdef readonly dict elements
    cdef readonly dict decoders

    cpdef RecordShape named(self, tuple names)
    @cython.locals(record=Record)
    cpdef Record record(self, values)
    cpdef list records(self, rows)
    @cython.locals(changed=list, position=Py_ssize_t)
    cpdef tuple converted(self, values)


@cython.final
@cython.collection_type("sequence")
@cython.freelist(256)
@cython.no_gc  # a cycle would need a record inside a value of its own, and a thousand rows are no work for the collector
cdef class Record:
    cdef RecordShape _shape
    cdef object _values

    cpdef tuple _tuple(self)


@cython.locals(record=Record)
cdef object _values_of(other)


@cython.final
@cython.collection_type("mapping")
cdef class RecordMapping:
    cdef readonly Record _record
