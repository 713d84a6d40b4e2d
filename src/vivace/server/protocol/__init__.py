"""Sans-IO protocols: bytes in, events out. Nothing here touches a socket or asyncio.

Read `events.py` first: what every protocol tells a connection. `http1_scanner` reads requests, `http1_writer` writes
responses; both are compiled and their oracle in the tests is h11.
"""
