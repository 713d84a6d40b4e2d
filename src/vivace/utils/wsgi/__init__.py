"""WSGI (PEP 3333) on ASGI: each request is in a thread of a bounded pool, and streams both ways; asyncio or trio.

`adapter.py` is what others call, and the order of events. The thread's side and the loop's side of an exchange
meet in a `Handover`; over it go the request's body (`request_body.py`) and the response (`response.py`). `environ.py`
makes a scope into an environ. The threads are of `utils/threads.py`, the loop is seen through `utils/event_loops.py`.
"""

from vivace.utils.wsgi.adapter import WsgiAdapter, WsgiApp
from vivace.utils.wsgi.environ import build_environ

__all__ = ["WsgiAdapter", "WsgiApp", "build_environ"]
