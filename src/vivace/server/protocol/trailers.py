"""Header fields that must not come behind the body they concern (RFC 9110 6.5.1).

Who reads a trailer has dealt with the body already, and may merge trailers into headers. So a response cannot have
them as trailers, and a request that does is refused where the field would frame or route a message.
"""

from __future__ import annotations

# What frames and routes a message, or concerns the connection alone (RFC 9110 7.6.1).
FRAMING: frozenset[bytes] = frozenset(
    b"connection content-length expect host keep-alive proxy-connection te trailer transfer-encoding upgrade".split()
)

# Besides: authentication, conditions and other modifiers of a request, what controls a response, what the body is.
NOT_IN_TRAILERS: frozenset[bytes] = FRAMING | frozenset(
    b"""
    authorization cookie proxy-authenticate proxy-authorization set-cookie www-authenticate
    if-match if-modified-since if-none-match if-range if-unmodified-since max-forwards range
    cache-control expires location pragma retry-after vary
    content-encoding content-range content-type
    """.split()
)
