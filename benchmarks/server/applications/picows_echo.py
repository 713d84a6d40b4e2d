"""A WebSocket echo with picows on uvloop: python picows_echo.py PORT."""

import asyncio
import sys

import picows
import uvloop


class Echo(picows.WSListener):  # type: ignore[misc]  # picows is not installed where types are checked
    """Sends every message back."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


async def main() -> None:
    """Serve until stopped."""
    server = await picows.ws_create_server(lambda request: Echo(), "127.0.0.1", int(sys.argv[1]), backlog=16384)
    await server.serve_forever()


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
