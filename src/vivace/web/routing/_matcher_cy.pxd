cimport cython


cdef class Candidate:
    cdef readonly object route
    cdef readonly Py_ssize_t position
    cdef bint reads_segments
    cdef bint calls_app

    cpdef attempt(self, scope, str path, list segments)
    cpdef enter(self, scope, str path, list segments)
    cdef answer(self, scope, receive, send)


cdef class PrefixCandidate(Candidate):
    cpdef attempt(self, scope, str path, list segments)


cdef class PathCandidate(Candidate):
    cdef bint is_plain
    cdef bint has_methods

    cdef dict read(self, str path, list segments)
    cpdef attempt(self, scope, str path, list segments)
    cpdef enter(self, scope, str path, list segments)


cdef class StaticCandidate(PathCandidate):
    cdef dict read(self, str path, list segments)


cdef class PatternCandidate(PathCandidate):
    cdef dict read(self, str path, list segments)


cdef class SegmentCandidate(PathCandidate):
    cdef list readers

    @cython.locals(params=dict, segment=str)
    cdef dict read(self, str path, list segments)


cdef class Node:
    cdef dict literals
    cdef Node parameter
    cdef list ends
    cdef list below

    cpdef Node child(self, str segment)
    @cython.locals(literal=Node, segment=str)
    cdef collect(self, list segments, Py_ssize_t depth, list found)


cdef class Table:
    cdef Node root
    cdef Py_ssize_t depth
    cdef list asked
    cdef dict static

    cdef list split(self, str path)
    cdef list walk(self, list segments)
    @cython.locals(found=list)
    cdef list of_tree(self, list segments)
    @cython.locals(path=str, candidates=list, candidate=Candidate, segments=list)
    cpdef answer(self, scope, receive, send)


cdef str route_path(scope)

@cython.locals(character=Py_UCS4)
cpdef read_integer(str segment)
cpdef read_string(str segment)
