# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""A line of the access log in the user's own format: a list of literal texts and atoms, made once, at the start.

Values are escaped as nginx does it, `\\x22` for a quote, and a dash stands for what there is not.
"""

from cpython.bytes cimport PyBytes_GET_SIZE

from vivace.server.logging.access_facts cimport AccessFacts
from vivace.server.logging.line_buffer cimport LineBuffer
from vivace.server.logging.line_forms cimport LineForm, Stamp

import base64
import binascii
import os
from http import HTTPStatus

from vivace.server.logging.records import cipher_name

cdef enum:
    LITERAL, HOST, USER, TIME, REQUEST_LINE, METHOD, PATH, QUERY, PROTOCOL, STATUS, PHRASE, SIZE, SIZE_OR_DASH
    SECONDS, MILLISECONDS, MICROSECONDS, DECIMAL_SECONDS, SCHEME, CLIENT, REQUEST_ID, TLS_VERSION, TLS_CIPHER
    CLOSE_CODE, REQUEST_HEADER, RESPONSE_HEADER

cdef dict KINDS = {
    "h": HOST,
    "u": USER,
    "t": TIME,
    "r": REQUEST_LINE,
    "m": METHOD,
    "U": PATH,
    "q": QUERY,
    "H": PROTOCOL,
    "s": STATUS,
    "st": PHRASE,
    "B": SIZE,
    "b": SIZE_OR_DASH,
    "T": SECONDS,
    "M": MILLISECONDS,
    "D": MICROSECONDS,
    "L": DECIMAL_SECONDS,
    "S": SCHEME,
    "client": CLIENT,
    "request_id": REQUEST_ID,
    "tls_version": TLS_VERSION,
    "tls_cipher": TLS_CIPHER,
    "close_code": CLOSE_CODE,
    "i": REQUEST_HEADER,
    "o": RESPONSE_HEADER,
}
cdef dict SHORT_FOR = {"f": b"referer", "a": b"user-agent"}
cdef dict PHRASES = {int(status): status.phrase.encode() for status in HTTPStatus}


cdef class Piece:
    """A literal text, or an atom with the name that it has in braces."""


cdef Piece piece_of(int kind, bytes text):
    cdef Piece piece = Piece()
    piece.kind = kind
    piece.text = text
    return piece


cdef Piece literal(bytes value):
    """What is the same in every line; it may come from outside."""
    cdef LineBuffer out = LineBuffer()
    add_value(out, value)
    return piece_of(LITERAL, out.take())


cdef int add_value(LineBuffer out, bytes value) except -1:
    """A value, or a dash."""
    if value is None or PyBytes_GET_SIZE(value) == 0:
        return out.add_bytes(b"-")
    return out.add_escaped_bytes(value)


cdef bytes user_of(bytes credentials):
    """Who HTTP Basic authentication says it is (RFC 7617 2), whether that is true or not. None for nobody."""
    scheme, _, token = (b"" if credentials is None else credentials).partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(token.strip(), validate=True).partition(b":")[0]
    except binascii.Error:
        return None


cdef class AtomForm(LineForm):
    """`pieces` are what `parse_access_log_format` returns, `stamp` renders the time of `%(t)s`."""

    def __init__(self, pieces, stamp, worker=None):
        self.stamp = Stamp(stamp)
        self.pieces = []
        for each in pieces:
            if isinstance(each, str):
                self.pieces.append(piece_of(LITERAL, each.encode("utf-8", "backslashreplace")))
            elif each.kind == "l":
                self.pieces.append(literal(None))
            elif each.kind == "p":
                self.pieces.append(literal(b"<%d>" % os.getpid()))
            elif each.kind == "worker":
                self.pieces.append(literal(None if worker is None else b"%d" % worker))
            elif each.kind == "e":
                self.pieces.append(literal(os.environ.get(each.name, "").encode("utf-8", "surrogateescape")))
            elif each.kind in SHORT_FOR:
                self.pieces.append(piece_of(REQUEST_HEADER, SHORT_FOR[each.kind]))
            else:
                self.pieces.append(piece_of(KINDS[each.kind], each.name.encode("latin-1", "replace")))
            self.wants_response_headers |= not isinstance(each, str) and each.kind == "o"

    cdef int write(self, LineBuffer out, AccessFacts facts) except -1:
        cdef Piece piece
        for piece in self.pieces:
            if piece.kind == LITERAL:
                out.add_bytes(piece.text)
            else:
                self.write_atom(out, piece.kind, piece.text, facts)
        return 0

    cdef int write_atom(self, LineBuffer out, int kind, bytes name, AccessFacts facts) except -1:
        if kind == STATUS:
            return out.add_number(facts.status)
        if kind == SIZE or kind == SIZE_OR_DASH:
            return out.add_bytes(b"-") if kind == SIZE_OR_DASH and facts.size == 0 else out.add_number(facts.size)
        if kind == SECONDS:
            return out.add_number(facts.microseconds // 1_000_000)
        if kind == MILLISECONDS:
            return out.add_number(facts.microseconds // 1000)
        if kind == MICROSECONDS:
            return out.add_number(facts.microseconds)
        if kind == DECIMAL_SECONDS:
            return out.add_decimal(facts.microseconds, 6)
        if kind == TIME:
            return out.add_bytes(self.stamp.current())
        if kind == PHRASE:
            return add_value(out, PHRASES.get(facts.status))
        if kind == REQUEST_ID:
            return add_value(out, facts.request_id)
        if kind == TLS_VERSION:
            return add_value(out, facts.tls_version())
        if kind == TLS_CIPHER:
            tls = facts.scope["extensions"].get("tls")
            return add_value(out, None if tls is None else (cipher_name(tls["cipher_suite"]) or "").encode())
        if kind == CLOSE_CODE:
            return out.add_number(facts.close_code) if facts.close_code > 0 else out.add_bytes(b"-")
        if kind == RESPONSE_HEADER:
            return add_value(out, facts.response_header(name))
        return self.write_request(out, kind, name, facts)

    cdef int write_request(self, LineBuffer out, int kind, bytes name, AccessFacts facts) except -1:
        cdef dict scope = facts.scope
        cdef object client
        if kind == REQUEST_LINE:
            out.add_token(facts.method)
            out.add_bytes(b" ")
            facts.add_target(out)
            out.add_bytes(b" HTTP/")
            return out.add_token(facts.http_version)
        if kind == HOST:
            client = scope["client"]
            return out.add_bytes(b"-") if client is None else out.add_escaped_text(<str>client[0])
        if kind == METHOD:
            return out.add_token(facts.method)
        if kind == PATH:
            return add_value(out, facts.raw_path)
        if kind == QUERY:
            return out.add_escaped_bytes(facts.query_string)  # gunicorn's is empty, too
        if kind == PROTOCOL:
            out.add_bytes(b"HTTP/")
            return out.add_token(facts.http_version)
        if kind == SCHEME:
            return out.add_escaped_text(<str>scope["scheme"])
        if kind == CLIENT:
            return facts.add_client(out)
        if kind == USER:
            return add_value(out, user_of(facts.request_header(b"authorization")))
        return add_value(out, facts.request_header(name))
