"""Sans-IO protocols: bytes in, events out. Nothing here touches a socket or asyncio.

Read `events.py` first: what every protocol tells a connection. `http1_scanner` reads requests, with `request_target`
and `field_lines`; `http1_writer` writes responses, with `response_fields`. All are compiled, over the byte classes in
`characters`, and their oracle in the tests is h11; `trailers.py` says what no trailer can be. `http2_session` is one
HTTP/2 connection: it reads with `hpack_decoder` and `http2_request`, and writes by `http2_output` with `hpack_encoder`;
its oracle is h2.

For WebSocket read `websocket_events.py`, then `_websocket_protocol_cy.py`, a connection after its handshake: it reads
with `websocket_reader` and writes with `websocket_writer`, both compiled, their oracles wsproto and websockets. The
handshake is `websocket_handshake.py`, compression `websocket_extensions.py` and `websocket_deflate.py`.
"""
