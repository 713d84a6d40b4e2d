"""Sans-IO protocols: bytes in, events out. Nothing here touches a socket or asyncio."""
